"""What lies in a home beside log.db: where that is gone, a new one must not take its place.

Sequence numbers would begin at 1 again, and the first landing files would be written over those of
the same hour, which nothing names any more.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import HomeError

NAME, LAKE, QUARANTINE = "log.db", "lake", "quarantine"
PARQUET, TEMPORARY = ".parquet", ".tmp"
BACK = "put log.db back from a copy, or choose another --home"


def check_log(home: Path) -> None:
    """Look at the log.db of a home before it is opened, or made.

    Raises HomeError when it is no file, or when it is missing or empty and a part of a home lies
    beside it that only it can explain.
    """
    path = home / NAME
    missing = _state(path)
    if not missing:
        return
    left = remains(home)
    # A writer may have made it while the folders were looked through.
    if left and _state(path):
        raise lost(path, missing, left)


def lost(path: Path, how: str, left: str) -> HomeError:
    """The error of a log.db that is gone; `how`: "missing", "empty"."""
    return HomeError(f"log.db is {how}, but {left} lies in the home", f"at {path}", BACK)


def remains(home: Path) -> str:
    """The first thing in a home that only a log.db can have known; "" for nothing.

    A hidden temporary file is none: a writer that was killed leaves one, and sweeps it.
    """
    wal = home / f"{NAME}-wal"
    if wal.is_file() and wal.stat().st_size:
        return wal.name
    for part, end in ((LAKE, PARQUET), (QUARANTINE, "")):
        for name in _files(home / part):
            if name.endswith(end) and not name.endswith(TEMPORARY):
                return f"{part}/ with {os.path.basename(name)}"
    return ""


def _files(folder: Path) -> Iterator[str]:
    for at, _, names in os.walk(folder):
        yield from (os.path.join(at, name) for name in sorted(names))


def _state(path: Path) -> str:
    """ "missing" or "empty"; "" where something is to be opened.

    Raises HomeError for what is no file.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return "missing"
    except OSError:
        # Opening it says why.
        return ""
    if not stat.S_ISREG(found.st_mode):
        raise HomeError("log.db is no regular file", f"at {path}", BACK)
    return "" if found.st_size else "empty"
