"""Which files a running query may still open: epochs, each a file that its readers lock together.

<home>/readers/<number>: a query locks the newest one (shared) before it looks at the catalogue, and
holds it until it has its answer. When files are replaced a new epoch begins, so that old ones end
even where queries never pause; files are deleted when nobody holds an epoch that began before they
were replaced. The locks are the kernel's: they end with the process, however that dies. A reader
writes nothing, so a home that can only be read is locked as well.

Numbers are milliseconds of the clock at best; where that goes back they rise by one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import DeliveryError, HomeError

FOLDER = "readers"


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
    """Begin an epoch later than a time and than all others; returns its number."""
    folder = home / FOLDER
    number = max([after_ms, *_epochs(folder)]) + 1
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
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
    names: list[str] = []
    with suppress(FileNotFoundError):
        names = os.listdir(folder)
    return [int(name) for name in names if name.isdecimal()]
