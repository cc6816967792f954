"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.errors import DeliveryError

TEMPORARY = ".tmp"


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a hidden neighbour, then make it `path`.

    Raises DeliveryError when the disk does not take it; then nothing stands under `path`.
    """
    sync_folders(place_whole(path, write))


def place_whole(path: Path, write: Callable[[Path], None]) -> list[Path]:
    """As `write_whole`, but the folders that it returns are still to be synced."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        folders = (path.parent, *path.parent.parents)
        new = [folder for folder in folders if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _refused(path, error) from error
    # A new folder is itself an entry of the one above it, that a power loss could take.
    return [path.parent, *(each.parent for each in new)]


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the entries of some folders last.

    Raises DeliveryError when the disk does not take them.
    """
    for folder in folders:
        try:
            _sync_folder(folder)
        except OSError as error:
            raise _refused(folder, error) from error


def sweep(folder: Path) -> int:
    """Remove what a killed writer left half-written; returns how many files."""
    left = list(folder.rglob(f".*{TEMPORARY}"))
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _refused(path: Path, error: OSError) -> DeliveryError:
    return DeliveryError(
        f"a file cannot be written: {error}",
        f"at {path}",
        "free some space or mend the permissions; nothing was lost, run it again",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
