"""The quarantine folder of the embedded home."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from pipeline.deliver.files import DISK, Disk, place_whole, sync_folders
from pipeline.triggers import Record


@dataclass(frozen=True, slots=True)
class Kept:
    """An object of the quarantine as the ledger knows it."""

    key: str
    seq: int
    digest: str
    bytes: int
    rejects: int


@dataclass
class QuarantineFolder:
    """Keeps objects as files under `folder`; `kept` is what the ledger does not know yet.

    unsynced  folders that got entries since then
    """

    folder: Path
    kept: list[Kept] = field(default_factory=list)
    unsynced: set[Path] = field(default_factory=set)
    disk: Disk = DISK

    def keep(self, key: str, content: bytes, record: Record, rejects: int) -> None:
        """Write an object; the same key again overwrites it with the same bytes."""
        path, home = self.folder / key, self.folder.parent
        self.unsynced.update(place_whole(path, lambda whole: _put(whole, content), self.disk, home))
        digest = sha256(content).hexdigest()
        self.kept.append(Kept(key, int(record.position), digest, len(content), rejects))

    def take(self) -> list[Kept]:
        """What was kept since the last time it was asked; now it outlasts a power loss.

        Raises DeliveryError when the disk does not take it.
        """
        # Once a folder, not once an object: an fsync costs more than all else that is done for one.
        sync_folders(sorted(each for each in self.unsynced if each.exists()), self.disk)
        self.unsynced.clear()
        taken, self.kept = self.kept, []
        return taken


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
