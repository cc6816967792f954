"""Rows that later attempts add to `reject` and `batch`: the loss of any one of them is named."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.deliver.lake_file import digest_of_file
from pipeline.home import audit_of, readable, writing
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.log import Incoming
from pipeline.stream.scan import scan
from tests.carriers import ARRIVAL_MS
from tests.homes import ask, call, edit, flow, lake_files, written
from tests.processed import context

FIVE = "${bytes} ${srcaddr} ${dstaddr} ${start} ${end}"
SIX = "${bytes} ${srcaddr} ${dstaddr} ${packets} ${start} ${end}"
MIXED = b"".join(
    (
        flow(1),
        *(b"%d 10.0.0.1 10.0.0.2 1418530010 1418530070\n" % n for n in (11, 12)),
        *(b"%d 10.0.0.1 10.0.0.2 9 1418530010 1418530070\n" % n for n in (21, 22)),
        b"nothing\n",
    )
)


@pytest.fixture(scope="module", params=[False, True], ids=["", "compacted"])
def tried(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A home whose record 1 was tried again twice, and record 2 of the same flush was not."""
    folder = tmp_path_factory.mktemp("tried")
    home, path = folder / "home", written(folder / "mixed.log", MIXED)
    origin, limits = Origin(find("vpc-flow"), (), "", ARRIVAL_MS), Limits()
    with writing(home, context()) as opened, path.open("rb") as file:
        any(feed(opened.store, file, scan(file, str(path), limits), origin, limits))
        opened.log.append([Incoming("vpc-flow", "a", b"bad\nworse\n", ARRIVAL_MS)])
        opened.worker.drain()
    if request.param:
        assert call("compact", "--home", home).code == 0
    for words in (FIVE, SIX):
        assert call("ingest", "vpc-flow", path, "--home", home, "--format", words).code == 0
    return home


@pytest.fixture
def home(tried: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tried, tmp_path / "home")


def found(home: Path) -> list[tuple[str, str]]:
    with readable(home) as opened:
        return [(each.kind, each.where) for each in audit_of(opened).findings if each.unbalances]


def lose_row(home: Path, path: Path, number: int) -> None:
    """Write a file anew without one of its rows, and have the catalogue say the same."""
    rows = parquet.read_table(path, partitioning=None)
    name = path.relative_to(home / "lake").as_posix()
    if len(rows) == 1:
        edit(home, f"delete from lake_file where path = '{name}'")  # noqa: S608 - own words
        path.unlink()
        return
    rows = pa.concat_tables([rows.slice(0, number), rows.slice(number + 1)])
    parquet.write_table(rows, path, store_schema=False)
    edit(
        home,
        f"update lake_file set rows = {len(rows)}, bytes = {path.stat().st_size},"  # noqa: S608
        f" digest = '{digest_of_file(path)}' where path = '{name}'",
    )


def written_by(home: Path, table: str, attempt: int) -> Path:
    (path,) = [each for each in lake_files(home, table) if f"-r{attempt:02d}" in each.name]
    return path


def test_what_was_tried_again_balances(home: Path) -> None:
    assert found(home) == []
    assert ask(home, "select sequence, attempt, rejected from batch order by 1", "batch") == [
        (1, 2, 1),
        (2, 0, 2),
    ]
    assert call("compact", "--home", home).code == 0
    assert found(home) == []


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("table", "attempt", "number"),
    [
        # By the first, lines 1 and 2 are resolved; that 3 to 5 were left, the second says anew.
        *(("reject", 1, number) for number in (0, 1)),
        # By the second, lines 3 and 4 are resolved, 5 is left.
        *(("reject", 2, number) for number in (0, 1, 2)),
        ("batch", 2, 0),
    ],
)
def test_the_loss_of_a_row_of_a_later_attempt_is_named(
    home: Path, table: str, attempt: int, number: int
) -> None:
    lose_row(home, written_by(home, table, attempt), number)
    assert found(home) == [(table, "sequence 1")]


@pytest.mark.fault("F20")
def test_the_loss_of_all_rows_of_a_later_attempt_is_named(home: Path) -> None:
    path = written_by(home, "reject", 2)
    path.unlink()
    edit(home, f"delete from lake_file where path like '%reject%{path.name}'")  # noqa: S608
    assert found(home) == [("reject", "sequence 1")]


@pytest.mark.fault("F20")
@pytest.mark.parametrize("tried", [False], ids=[""], indirect=True)
@pytest.mark.parametrize("number", [5, 6])
def test_later_attempts_hide_no_loss_of_a_neighbour(home: Path, number: int) -> None:
    (first,) = [each for each in lake_files(home, "reject") if "-r" not in each.name]
    lose_row(home, first, number)
    assert found(home) == [("reject", "sequence 2")]
