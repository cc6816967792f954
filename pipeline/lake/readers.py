"""Which files a running query may still open: epochs, each a file that its readers lock together.

<home>/readers/<number>: a query locks the newest one (shared) before it looks at the catalogue, and
holds it until it has its answer. When files are replaced a new epoch begins, so that old ones end
even where queries never pause; files are deleted when nobody holds an epoch that began before they
were replaced. The locks are the kernel's: they end with the process, however that dies. A reader
writes nothing, so a home that can only be read is locked as well.

Numbers are milliseconds of the clock at best; where that goes back they rise by one. What has
another name, or is no file, is none of ours and is left alone.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DeliveryError, HomeError

FOLDER = "readers"
EPOCH = re.compile(r"0|[1-9][0-9]{0,14}")
LAST = 10**15 - 1


@contextmanager
def holding(home: Path) -> Iterator[None]:
    """Inside, no file is deleted that the catalogue names from now on."""
    descriptor = _held(home / FOLDER)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def begin(home: Path, after_ms: int) -> int:
    """Begin an epoch later than a time and than all others; returns its number.

    Raises DeliveryError when it cannot be written, HomeError when there can be none.
    """
    folder = home / FOLDER
    number = max([after_ms, *_epochs(folder)]) + 1
    while os.path.lexists(folder / str(number)):
        number += 1  # a folder is called so
    if number > LAST:
        raise HomeError(
            f"no epoch can follow {number - 1}",
            f"at {folder}",
            "remove what is called so there, while no query runs",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).touch()
    except OSError as error:
        raise DeliveryError(
            f"the home cannot be written: {error.strerror}",
            f"at {folder}",
            "free some space or mend the permissions; nothing was lost, run it again",
        ) from error
    return number


def newest(home: Path) -> int:
    """Number of the epoch that a query would hold now; 0 for none."""
    return max(_epochs(home / FOLDER), default=0)


def oldest_held(home: Path) -> int | None:
    """The oldest epoch that somebody holds, the newest left out; those that nobody holds end."""
    folder = home / FOLDER
    held = [number for number in sorted(_epochs(folder))[:-1] if not _ended(folder / str(number))]
    return min(held, default=None)


def _held(folder: Path) -> int | None:
    while epochs := _epochs(folder):
        path = folder / str(max(epochs))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise HomeError(
                f"the home cannot be read: {error.strerror}",
                f"at {path}",
                "mend its permissions, or choose another with --home",
            ) from error
        if _locked(descriptor, fcntl.LOCK_SH) and os.fstat(descriptor).st_nlink:
            return descriptor
        # It ended just now; a newer one has begun.
        os.close(descriptor)
    return None


def _ended(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if not _locked(descriptor, fcntl.LOCK_EX):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _epochs(folder: Path) -> list[int]:
    try:
        with os.scandir(folder) as found:
            return [int(each.name) for each in found if _is_epoch(each)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HomeError(
            f"the home cannot be read: {error.strerror}",
            f"at {folder}",
            "it must be a folder: mend it or its permissions, or choose another --home",
        ) from error


def _is_epoch(found: os.DirEntry[str]) -> bool:
    return bool(EPOCH.fullmatch(found.name)) and found.is_file(follow_symlinks=False)
