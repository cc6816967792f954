"""How a log.db can be read where its reader may not write.

SQLite reads a file in WAL mode with the help of log.db-shm, which it makes where it is missing. In
a folder that cannot be written it cannot, though nothing but the file itself is there to be read.

Source: sqlite.org "Write-Ahead Logging", section "Read-Only Databases"; "URI Filenames".
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import HomeError

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to open a file; `still`: SQLite takes it for one that nobody changes."""

    uri: str
    still: bool = False


def reading_of(path: Path, writable: bool) -> Reading:
    """How to open the log.db at `path`; `writable`: a reader can make files beside it.

    Raises HomeError when it cannot be read where it lies.
    """
    uri = path.absolute().as_uri()
    if writable:
        return Reading(f"{uri}?mode=rw")
    wal, shm = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if wal.exists() and shm.exists():
        # Somebody who can write to it is at work, or was killed: SQLite reads both as they are.
        return Reading(f"{uri}?mode=ro")
    if wal.exists() and wal.stat().st_size:
        raise HomeError(
            f"the home cannot be written, and its newest changes are still in {wal.name}",
            f"at {path}",
            "copy the folder to a place that can be written, and read it there with --home",
        )
    # A writer has both files; that none begins meanwhile is looked at after each reading.
    return Reading(f"{uri}?mode=ro&immutable=1", still=True)


def can_make_files(folder: Path) -> bool:
    """Whether files can be made in a folder: false on a read-only file system, for root as well."""
    return os.access(folder, os.W_OK | os.X_OK)


def stamp_of(path: Path) -> Stamp:
    """What changes when a file is written or replaced; all zero when it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
