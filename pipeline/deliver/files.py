"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from pipeline.errors import DeliveryError

TEMPORARY = ".tmp"


@dataclass(eq=False)
class Disk:
    """The file operations that a home is written with. Each raises OSError where it fails.

    known     folders that this process has looked at
    doubtful  those whose own entry in the folder above may not last: another process, or an attempt
              that failed, may have made them and not have come to sync it
    """

    known: set[Path] = field(default_factory=set, kw_only=True)
    doubtful: set[Path] = field(default_factory=set, kw_only=True)

    def make_folders(self, folder: Path) -> list[Path]:
        """Make a folder and those above it; returns the ones that were not there."""
        new = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        return new

    def fill(self, path: Path, write: Callable[[Path], None]) -> None:
        """Let `write` fill a file."""
        write(path)

    def sync_file(self, path: Path) -> None:
        """Make the content of a file last."""
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, over what stands there."""
        old.replace(new)

    def sync_folder(self, folder: Path) -> None:
        """Make the entries of a folder last."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file where it is there."""
        path.unlink(missing_ok=True)


DISK = Disk()


def write_whole(
    path: Path, write: Callable[[Path], None], disk: Disk = DISK, root: Path | None = None
) -> None:
    """Let `write` fill a hidden neighbour, then make it `path`; it lasts from then on.

    root  folder that is known to last; what lies between it and `path` lasts as well

    Raises DeliveryError when the disk does not take it; then nothing stands under `path`.
    """
    sync_folders(place_whole(path, write, disk, root), disk)


def place_whole(
    path: Path, write: Callable[[Path], None], disk: Disk = DISK, root: Path | None = None
) -> list[Path]:
    """As `write_whole`, but the folders that it returns are still to be synced."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    between = list(takewhile(lambda each: each != root, path.parents)) if root else []
    try:
        new = disk.make_folders(path.parent)
        _doubt(disk, new, between)
        disk.fill(temporary, write)
        disk.sync_file(temporary)
        disk.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            disk.remove(temporary)
        raise _refused(path, error) from error
    # A folder is itself an entry of the one above it, that a power loss could take.
    above = [each.parent for each in (*new, *between) if each in disk.doubtful]
    return list(dict.fromkeys([path.parent, *above]))


def _doubt(disk: Disk, new: Iterable[Path], between: Iterable[Path]) -> None:
    disk.doubtful.update(new, (each for each in between if each not in disk.known))
    disk.known.update(between)


def sync_folders(folders: Iterable[Path], disk: Disk = DISK) -> None:
    """Make the entries of some folders last.

    Raises DeliveryError when the disk does not take them.
    """
    for folder in folders:
        try:
            disk.sync_folder(folder)
        except OSError as error:
            raise _refused(folder, error) from error
        disk.doubtful.difference_update([each for each in disk.doubtful if each.parent == folder])


def make_lasting(folder: Path, disk: Disk = DISK) -> None:
    """Make a folder and those above it, where they are missing, so that they last.

    Raises OSError when the disk does not take them.
    """
    for each in disk.make_folders(folder):
        disk.sync_folder(each.parent)
    # An attempt before this one may have made it and not have come to sync it. A folder may also
    # lie where nobody is let in, or where none can be synced: then it was there before us.
    try:
        disk.sync_folder(folder.parent)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EINVAL):
            raise


def sweep(folder: Path, disk: Disk = DISK) -> int:
    """Remove what a killed writer left half-written; returns how many files.

    Raises DeliveryError when the disk does not let it.
    """
    left = sorted(folder.rglob(f".*{TEMPORARY}"))
    for path in left:
        remove(path, disk)
    return len(left)


def remove(path: Path, disk: Disk = DISK) -> None:
    """Remove a file where it is there.

    Raises DeliveryError when the disk does not let it.
    """
    try:
        disk.remove(path)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> DeliveryError:
    return DeliveryError(
        f"a file cannot be written: {error}",
        f"at {path}",
        "free some space or mend the permissions; nothing was lost, run it again",
    )
