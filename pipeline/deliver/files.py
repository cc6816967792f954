"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.errors import DeliveryError

TEMPORARY = ".tmp"


class Disk:
    """The file operations that a home is written with. Each raises OSError where it fails."""

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


def write_whole(path: Path, write: Callable[[Path], None], disk: Disk = DISK) -> None:
    """Let `write` fill a hidden neighbour, then make it `path`.

    Raises DeliveryError when the disk does not take it; then nothing stands under `path`.
    """
    sync_folders(place_whole(path, write, disk), disk)


def place_whole(path: Path, write: Callable[[Path], None], disk: Disk = DISK) -> list[Path]:
    """As `write_whole`, but the folders that it returns are still to be synced."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        new = disk.make_folders(path.parent)
        disk.fill(temporary, write)
        disk.sync_file(temporary)
        disk.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            disk.remove(temporary)
        raise _refused(path, error) from error
    # A new folder is itself an entry of the one above it, that a power loss could take.
    return [path.parent, *(each.parent for each in new)]


def sync_folders(folders: Iterable[Path], disk: Disk = DISK) -> None:
    """Make the entries of some folders last.

    Raises DeliveryError when the disk does not take them.
    """
    for folder in folders:
        try:
            disk.sync_folder(folder)
        except OSError as error:
            raise _refused(folder, error) from error


def sweep(folder: Path, disk: Disk = DISK) -> int:
    """Remove what a killed writer left half-written; returns how many files."""
    left = sorted(folder.rglob(f".*{TEMPORARY}"))
    for path in left:
        disk.remove(path)
    return len(left)


def _refused(path: Path, error: OSError) -> DeliveryError:
    return DeliveryError(
        f"a file cannot be written: {error}",
        f"at {path}",
        "free some space or mend the permissions; nothing was lost, run it again",
    )
