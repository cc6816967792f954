"""The catalogue made anew from the files is the one that was there."""

import errno
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.deliver.files import Disk
from pipeline.errors import DeliveryError
from pipeline.home import LAKE, writing
from pipeline.lake import readers
from pipeline.lake.rebuild import Rebuilt, rebuild
from pipeline.settings import Limits
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS
from tests.homes import ask, call, edit, flow, lake_files, numbers, written
from tests.lake.days import bring, compacted, curated_files
from tests.ledger.conftest import fill
from tests.processed import context

# A file that was folded in knows only that this was not before some version.
COLUMNS = (
    "path, zone, tbl, arrival_hour, rows, bytes, digest, first_ms, last_ms, shard, first_seq,"
    " last_seq, folded is null, retired_ms is null"
)


def catalogue(home: Path) -> Sequence[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "log.db")) as connection:
        return connection.execute(f"select {COLUMNS} from lake_file order by path").fetchall()  # noqa: S608


def audited(home: Path) -> Any:
    return json.loads(call("audit", "--json", "--home", home).out)


def rebuilt(home: Path) -> Rebuilt:
    with writing(home, context()) as opened:
        return rebuild(opened.store, home, home / LAKE, ARRIVAL_MS)


def spoil(path: Path) -> bytes:
    """Change a value of the last page; the footer behind it stands. What was there before."""
    content = path.read_bytes()
    place = len(content) - int.from_bytes(content[-8:-4], "little") - 9
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    return content


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Folded twice, the first version still on disk; and something that is not folded in."""
    home = tmp_path / "home"
    fill(home)
    compacted(home)
    bring(home, 1, 2, 4)
    with readers.holding(home):
        compacted(home)
    bring(home, 4, 1, 3)
    return home


@pytest.mark.fault("F20")
@pytest.mark.parametrize("emptied", [False, True])
def test_a_catalogue_made_anew_is_the_same(home: Path, emptied: bool) -> None:
    before = catalogue(home), audited(home), numbers(home), ask(home, "from batch", "batch")
    assert before[1]["balanced"]
    if emptied:
        edit(home, "delete from lake_file")
    rebuilt(home)
    after = catalogue(home), audited(home), numbers(home), ask(home, "from batch", "batch")
    assert after[:3] == before[:3]
    assert sorted(map(str, after[3])) == sorted(map(str, before[3]))
    compacted(home)
    assert numbers(home) == before[2]
    assert audited(home) == before[1]
    assert lake_files(home) == []


@pytest.mark.fault("F20")
def test_of_a_day_the_newest_version_that_is_whole_counts(home: Path) -> None:
    before = numbers(home, column="packets")
    newest = home / "lake/curated/vpc_flow/dt=2014-12-14/v2-00.parquet"
    spoil(newest)
    edit(home, "delete from lake_file")
    found = rebuilt(home)
    assert found.left == ("curated/vpc_flow/dt=2014-12-14/v2-00.parquet",)
    # The landing files of the second compaction are still there and are read again.
    assert numbers(home, column="packets") == before
    assert audited(home)["balanced"]
    compacted(home)
    assert numbers(home, column="packets") == before
    assert len(curated_files(home)) == 2


@pytest.mark.fault("F20")
def test_a_damaged_version_stays_where_nothing_else_holds_its_events(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    _, damaged = curated_files(tmp_path)
    content = spoil(damaged)
    edit(tmp_path, "delete from lake_file")
    rebuilt(tmp_path)
    assert numbers(tmp_path) == [1]
    assert not audited(tmp_path)["balanced"]
    bring(tmp_path, 4)
    compacted(tmp_path)
    damaged.write_bytes(content)
    rebuilt(tmp_path)
    assert numbers(tmp_path) == [1, 4]


@pytest.mark.fault("F20")
def test_a_version_that_never_came_into_force_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    compacted(tmp_path)
    bring(tmp_path, 3, 4)
    written(tmp_path / "lake/curated/vpc_flow/dt=2014-12-14/v2-00.parquet/x", b"")
    assert call("compact", "--home", tmp_path).code == 1
    edit(tmp_path, "delete from lake_file")
    rebuilt(tmp_path)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert audited(tmp_path)["balanced"]
    assert audited(tmp_path)["hours"][0]["duplicates"] == 0


def test_strangers_are_not_taken_in(home: Path) -> None:
    before = catalogue(home)
    landing = lake_files(home)[0]
    whole = landing.read_bytes()
    for name in (
        "x.parquet",
        ".x.parquet",
        "00-000000009999.parquet",
        "00-000000000009-r07.parquet",
    ):
        written(landing.parent / name, whole)
    written(landing.parent.parent / landing.name, whole)
    written(home / "lake/curated/vpc_flow/dt=2014-12-15/v7-00.parquet", whole)
    found = rebuilt(home)
    assert catalogue(home) == before
    assert found.left == ("curated/vpc_flow/dt=2014-12-15/v7-00.parquet",)


@pytest.mark.parametrize("attempt", ["", "-r01"])
def test_what_an_attempt_left_that_died_is_not_taken_in(tmp_path: Path, attempt: str) -> None:
    """It had more records in hand than the one that was noted; their rows lie elsewhere."""
    bring(tmp_path, 1, 2)
    with writing(tmp_path, context()) as opened:
        garbage = [b"nothing\n", b"also nothing\n"]
        opened.log.append([Incoming("vpc-flow", "a", line, ARRIVAL_MS) for line in garbage])
        opened.worker.drain()
    before = catalogue(tmp_path)
    assert audited(tmp_path)["balanced"]
    (landing,) = lake_files(tmp_path)
    left = landing.with_name(landing.name.replace("001.parquet", f"002{attempt}.parquet"))
    written(left, landing.read_bytes())
    rebuilt(tmp_path)
    assert catalogue(tmp_path) == before
    edit(tmp_path, "delete from lake_file")
    rebuilt(tmp_path)
    assert catalogue(tmp_path) == before
    assert audited(tmp_path)["balanced"]


def test_files_of_many_shards_are_found(tmp_path: Path) -> None:
    with writing(tmp_path, replace(context(), limits=Limits(shards=256))) as opened:
        records = [Incoming("vpc-flow", str(n), flow(n), ARRIVAL_MS) for n in range(1, 40)]
        opened.log.append(records)
        opened.worker.drain()
    before = catalogue(tmp_path)
    assert max(int(row[0].split("/")[-1].split("-")[0]) for row in before) > 99
    edit(tmp_path, "delete from lake_file")
    rebuilt(tmp_path)
    assert catalogue(tmp_path) == before


def test_doctor_makes_it_anew_and_says_so(home: Path) -> None:
    before = numbers(home)
    edit(home, "delete from lake_file")
    ran = call("doctor", "--rebuild", "--home", home)
    assert ran.code == 0
    assert ran.out.startswith("✓ catalogue made anew: 2 landing files and 4 curated files, ")
    assert numbers(home) == before
    assert audited(home)["balanced"]


def test_doctor_makes_no_home_for_it(tmp_path: Path) -> None:
    assert call("doctor", "--rebuild", "--home", tmp_path / "none").code == 3
    assert not (tmp_path / "none").exists()


def test_doctor_waits_for_no_other_writer(home: Path) -> None:
    with writing(home, context()):
        ran = call("doctor", "--rebuild", "--home", home)
    assert ran.code == 1
    assert "another process writes to this home: pid" in ran.err


class Noted(Disk):
    """Notes which folders are synced; from a number on none is any more."""

    def __init__(self, most: int = 1_000) -> None:
        super().__init__()
        self.synced: list[Path] = []
        self.most = most

    def sync_folder(self, folder: Path) -> None:
        if len(self.synced) == self.most:
            raise OSError(errno.EIO, "Input/output error")
        self.synced.append(folder)
        super().sync_folder(folder)


@pytest.mark.fault("F20")
def test_what_is_catalogued_anew_is_made_to_last_first(home: Path) -> None:
    disk = Noted()
    with writing(home, context()) as opened:
        rebuild(opened.store, home, home / LAKE, ARRIVAL_MS, disk)
    files = [home / LAKE / path for path, *_ in catalogue(home)]
    between = {each for file in files for each in file.parents if each.is_relative_to(home / LAKE)}
    assert set(disk.synced) == between


@pytest.mark.fault("F20")
def test_a_disk_that_promises_nothing_leaves_the_catalogue_as_it_was(home: Path) -> None:
    before = catalogue(home)
    with (
        writing(home, context()) as opened,
        pytest.raises(DeliveryError, match="cannot be written"),
    ):
        rebuild(opened.store, home, home / LAKE, ARRIVAL_MS, Noted(3))
    assert catalogue(home) == before
