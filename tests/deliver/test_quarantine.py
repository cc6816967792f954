"""The quarantine folder: one object a record, under a name that follows from the record."""

import gzip
import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.deliver.files import Disk
from pipeline.deliver.quarantine import Kept, QuarantineFolder
from pipeline.errors import DeliveryError
from tests.homes import files_under, flow, written
from tests.landing import kept
from tests.processed import record

BAD = record(flow(1) + b"bad\n", "41", shard=3)


def test_an_object_is_a_file_and_the_ledger_learns_of_it(tmp_path: Path) -> None:
    (known,) = kept(tmp_path, [BAD]).take()
    content = (tmp_path / "quarantine" / known.key).read_bytes()
    digest = sha256(BAD.payload).hexdigest()[:16]
    key = f"vpc-flow/dt=2026-11-25/0003-000000000041-{digest}.json.gz"
    assert known == Kept(key, 41, sha256(content).hexdigest(), len(content), 1)
    (line,) = json.loads(gzip.decompress(content))["lines"]
    assert b64decode(line["raw"]) == b"bad"


def test_the_same_record_again_is_the_same_object(tmp_path: Path) -> None:
    first = kept(tmp_path, [BAD])
    content = (tmp_path / "quarantine" / first.kept[0].key).read_bytes()
    second = kept(tmp_path, [BAD])
    assert first.take() == second.take()
    (name,) = files_under(tmp_path / "quarantine")
    assert (tmp_path / "quarantine" / name).read_bytes() == content


def test_a_record_without_rejects_leaves_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path, [record(flow(1))]).take() == []
    assert files_under(tmp_path / "quarantine") == []


class NotedDisk(Disk):
    """Notes which folders are synced."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[Path] = []

    def sync_folder(self, folder: Path) -> None:
        self.synced.append(folder)


class FailingDisk(Disk):
    """Syncs no folder the first time it is asked."""

    asked = 0

    def sync_folder(self, folder: Path) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError(5, "Input/output error")


def test_each_folder_is_synced_once_however_many_objects_it_got(tmp_path: Path) -> None:
    disk = NotedDisk()
    synced = disk.synced
    folder = QuarantineFolder(tmp_path / "quarantine", disk=disk)
    for number in range(9):
        folder.keep(f"vpc-flow/{number}.json.gz", b"object", BAD, 1)
    assert synced == []
    assert len(folder.take()) == 9
    places = [tmp_path, tmp_path / "quarantine", tmp_path / "quarantine" / "vpc-flow"]
    assert synced == places
    assert folder.take() == []
    assert synced == places


@pytest.mark.fault("F25")
def test_a_folder_that_cannot_be_synced_is_a_delivery_error(tmp_path: Path) -> None:
    folder = QuarantineFolder(tmp_path, disk=FailingDisk())
    folder.keep("vpc-flow/a.json.gz", b"object", BAD, 1)
    with pytest.raises(DeliveryError, match="Input/output error"):
        folder.take()
    assert len(folder.take()) == 1


@pytest.mark.fault("F25")
def test_an_object_that_cannot_be_kept_is_a_delivery_error(tmp_path: Path) -> None:
    written(tmp_path / "quarantine", b"in the way")
    folder = QuarantineFolder(tmp_path / "quarantine")
    with pytest.raises(DeliveryError, match="a file cannot be written"):
        folder.keep("vpc-flow/a.json.gz", b"object", BAD, 1)
    assert folder.take() == []
