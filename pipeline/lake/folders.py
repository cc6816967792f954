"""Folders of homes: which of them answers, and whether it can be read at all."""

import os
from contextlib import closing
from pathlib import Path

from pipeline.errors import HomeError, NotConfigured
from pipeline.store import Store, exists, remains
from pipeline.store.lock import writer_of

DEMO = "demo"
SHOWN = 300


def answering(home: Path) -> Path:
    """The home, or the demo's inside it where the home itself holds nothing.

    Raises NotConfigured when neither holds anything, HomeError when it cannot be read.
    """
    home = usable(home)
    for folder in (home, home / DEMO):
        if exists(folder):
            with closing(Store(folder, writer=False)) as store:
                if store.rows("select 1 from lake_file limit 1"):
                    return folder
        elif folder == home or not writer_of(folder):
            # A demo that begins throws the one before away, its log.db before its lake or after.
            remains.check_log(folder)
    raise nothing(str(home) if home.is_absolute() or str(home).startswith("..") else f"./{home}")


def nothing(shown: str) -> NotConfigured:
    """What to raise where there is nothing to read."""
    return NotConfigured(
        f"nothing to read in {shown}",
        "no source has sent anything yet",
        "try: tailrace demo, or tailrace ingest vpc-flow FILE",
    )


def usable(home: Path) -> Path:
    """A home to be read, as every part of it can be given it.

    Raises HomeError when it cannot be: what cannot be looked into is not empty.
    """
    home = expressible(home)
    try:
        os.stat(os.path.join(home, os.curdir))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise HomeError(
            f"the home cannot be read: {error.strerror}",
            f"at {home.absolute()}",
            "mend its permissions, or choose another with --home",
        ) from error
    return home


def expressible(home: Path) -> Path:
    """A home whose path the engines can be told.

    Raises HomeError for one that is no text.
    """
    text = os.fsencode(home)
    if b"\0" in text or not _is_utf8(text):
        raise HomeError(
            "a home's path must be UTF-8",
            f"at {text[:SHOWN].decode('utf-8', 'backslashreplace')}",
            "choose another with --home: the query engine cannot be told it",
        )
    # What begins so stands for somebody's own folder to them.
    return home.absolute() if str(home).startswith("~") else home


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
