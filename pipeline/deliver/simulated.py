"""A disk that fails, lies, dies and forgets, as it is told: what a home is proved on.

It works on real files and knows what of them is not synced yet. Whoever holds it decides the fate
of each operation; after a power cut some of what was not synced is gone.

Source: the promises of POSIX (fsync, rename) and no more; "All File Systems Are Not Created Equal",
OSDI 2014.
"""

import errno
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import TypeVar

from pipeline.deliver.files import Disk
from pipeline.store import Edge

T = TypeVar("T")


class Fate(Enum):
    """What becomes of one operation."""

    DONE = "done"
    FAILS = "fails"
    UNANSWERED = "unanswered"  # done, and reported as failed
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"


class Crash(BaseException):
    """The process dies here: nothing of it runs any more, so nothing may catch this."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A change of a folder's entries that is not synced yet; `before` stood under `path`."""

    path: Path
    old: Path | None = None
    before: bytes | None = None
    folder: bool = False
    removed: bool = False


@dataclass(eq=False)
class SimulatedDisk(Disk):
    """Real files under the fate that `decide(operation, path)` gives each operation.

    unsynced  files whose content a power cut may take
    entries   changes of folders that a power cut may take, in order
    """

    decide: Callable[[str, Path], Fate]
    random: Random
    unsynced: list[Path] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)

    def make_folders(self, folder: Path) -> list[Path]:
        """Make folders, each an entry of the one above it that is not synced."""
        return self._under_fate("make", folder, lambda: self._make(folder))

    def _make(self, folder: Path) -> list[Path]:
        new = super().make_folders(folder)
        self.entries += [_Entry(each, folder=True) for each in reversed(new)]
        return new

    def fill(self, path: Path, write: Callable[[Path], None]) -> None:
        """Fill a file; what fails or dies leaves a part of it."""

        def half() -> None:
            self._fill(path, write)
            self._cut(path)

        self._under_fate("fill", path, lambda: self._fill(path, write), half)

    def _fill(self, path: Path, write: Callable[[Path], None]) -> None:
        if not path.exists():
            self.entries.append(_Entry(path))
        self.unsynced.append(path)
        super().fill(path, write)

    def sync_file(self, path: Path) -> None:
        """Make the content last; its entry in the folder is another matter."""
        self._under_fate("sync file", path, lambda: self._sync_file(path))

    def _sync_file(self, path: Path) -> None:
        super().sync_file(path)
        self.unsynced = [each for each in self.unsynced if each != path]

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file; until the folder is synced a power cut may undo it."""
        self._under_fate("rename", new, lambda: self._rename(old, new))

    def _rename(self, old: Path, new: Path) -> None:
        before = new.read_bytes() if new.exists() else None
        super().rename(old, new)
        self.entries.append(_Entry(new, old, before))
        lasting = [each for each in self.unsynced if each != new]
        self.unsynced = [new if each == old else each for each in lasting]

    def sync_folder(self, folder: Path) -> None:
        """Make the entries of a folder last."""
        self._under_fate("sync folder", folder, lambda: self._sync_folder(folder))

    def _sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.entries = [each for each in self.entries if each.path.parent != folder]

    def remove(self, path: Path) -> None:
        """Remove a file; until the folder is synced a power cut may bring it back."""
        self._under_fate("remove", path, lambda: self._remove(path))

    def _remove(self, path: Path) -> None:
        if path.exists():
            self.entries.append(_Entry(path, before=path.read_bytes(), removed=True))
        super().remove(path)

    def watch(self, edge: Edge) -> None:
        """Decide the fate of a transaction at one of its edges.

        Raises sqlite3.OperationalError, as SQLite does on a disk that fails.
        """
        fate = self.decide(edge, Path("log.db"))
        if fate in (Fate.DIES_BEFORE, Fate.DIES_AFTER):
            raise Crash(f"{edge} of a transaction")
        if fate is not Fate.DONE:
            raise sqlite3.OperationalError("disk I/O error")

    def end_process(self) -> None:
        """Forget what only the process knew: what it wrote stays, synced or not."""
        self.known.clear()
        self.doubtful.clear()

    def cut_power(self) -> None:
        """Let go of what was not synced, as chance has it."""
        lost = self._lost()
        for entry in reversed(self.entries):
            if entry in lost:
                _undo(entry)
        for path in self.unsynced:
            if path.exists() and self.random.random() < 0.7:
                self._cut(path)
        self.entries, self.unsynced = [], []

    def _lost(self) -> list[_Entry]:
        """What each folder forgets: its last changes, from a point that chance sets."""
        by_folder: dict[Path, list[_Entry]] = {}
        for entry in self.entries:
            by_folder.setdefault(entry.path.parent, []).append(entry)
        lost: list[_Entry] = []
        for entries in by_folder.values():
            lost += entries[self.random.randint(0, len(entries)) :]
        return lost

    def _cut(self, path: Path) -> None:
        content = path.read_bytes()
        kept = self.random.randint(0, max(len(content) - 1, 0))
        zeros = len(content) - kept if self.random.random() < 0.3 else 0
        path.write_bytes(content[:kept] + bytes(zeros))

    def _under_fate(
        self,
        operation: str,
        path: Path,
        do: Callable[[], T],
        fail: Callable[[], None] = lambda: None,
    ) -> T:
        fate = self.decide(operation, path)
        if fate in (Fate.FAILS, Fate.DIES_BEFORE):
            fail()
        done = do() if fate in (Fate.DONE, Fate.UNANSWERED, Fate.DIES_AFTER) else None
        if fate in (Fate.DIES_BEFORE, Fate.DIES_AFTER):
            raise Crash(operation)
        if fate in (Fate.FAILS, Fate.UNANSWERED):
            code = self.random.choice((errno.ENOSPC, errno.EIO, errno.EROFS))
            raise OSError(code, f"simulated, at {operation}", str(path))
        return done  # type: ignore[return-value]


def _undo(entry: _Entry) -> None:
    if entry.folder:
        shutil.rmtree(entry.path, ignore_errors=True)
        return
    if not entry.path.parent.exists():
        return
    if entry.removed:
        entry.path.write_bytes(entry.before or b"")
        return
    if entry.old is not None and entry.path.exists():
        entry.path.replace(entry.old)
    entry.path.unlink(missing_ok=True)
    if entry.before is not None:
        entry.path.write_bytes(entry.before)
