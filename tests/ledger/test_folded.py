"""The audit of a home that was compacted: it balances, and names whatever is lost or changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.deliver.lake_file import digest_of_file
from pipeline.home import audit_of, readable, writing
from pipeline.ledger.findings import Audit
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS
from tests.homes import call, edit, flow, numbers
from tests.lake.days import compacted, curated_files
from tests.ledger.conftest import fill
from tests.processed import context

HOUR_MS = 3_600_000


@pytest.fixture(scope="session")
def filled_and_compacted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("folded") / "home"
    fill(home)
    compacted(home)
    return home


@pytest.fixture
def folded(filled_and_compacted: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled_and_compacted, tmp_path / "home")


def audited(home: Path, since_ms: int = 0) -> Audit:
    with readable(home) as opened:
        return audit_of(opened, since_ms)


def test_an_audit_says_the_same_before_and_after_compaction(home: Path) -> None:
    before = audited(home)
    later = audited(home, ARRIVAL_MS + HOUR_MS)
    compacted(home)
    assert audited(home) == before
    assert audited(home, ARRIVAL_MS + HOUR_MS) == later
    assert before.findings == []


def test_repeats_of_what_is_folded_in_are_counted(folded: Path) -> None:
    with writing(folded, context()) as opened:
        for _ in range(2):
            opened.log.append(
                [Incoming("vpc-flow", "a", flow(9), ARRIVAL_MS + HOUR_MS, identity="request/9")]
            )
            opened.worker.drain()
        opened.worker.drain()
    before = audited(folded)
    assert before.findings == []
    assert [hour.duplicates for hour in before.hours] == [1, 1]
    compacted(folded)
    assert audited(folded) == before
    with writing(folded, context()) as opened:
        opened.log.append(
            [Incoming("vpc-flow", "a", flow(9), ARRIVAL_MS + HOUR_MS, identity="request/9")]
        )
        opened.worker.drain()
    assert [hour.duplicates for hour in audited(folded).hours] == [1, 2]
    compacted(folded)
    assert [hour.duplicates for hour in audited(folded).hours] == [1, 2]
    assert audited(folded).findings == []


def lose(table: str) -> Callable[[Path], None]:
    return lambda home: curated_files(home, table)[0].unlink()


def change(table: str) -> Callable[[Path], None]:
    def tamper(home: Path) -> None:
        path = curated_files(home, table)[0]
        content = bytearray(path.read_bytes())
        content[99] ^= 1
        path.write_bytes(content)

    return tamper


def without_a_row(table: str) -> Callable[[Path], None]:
    """A file without its last row, and a catalogue that knows nothing else."""

    def tamper(home: Path) -> None:
        path = curated_files(home, table)[0]
        footer = parquet.read_metadata(path).metadata
        rows = parquet.read_table(path, partitioning=None)
        with parquet.ParquetWriter(path, rows.schema, store_schema=False) as writer:
            writer.write_table(rows[:-1])
            writer.add_key_value_metadata(footer)
        times = rows[:-1]["event_time"].cast(pa.int64()).to_pylist()
        edit(
            home,
            f"update lake_file set rows = {len(times)}, digest = '{digest_of_file(path)}',"  # noqa: S608
            f" first_ms = {min(times)}, last_ms = {max(times)}"
            f" where zone = 'curated' and tbl = '{table}'",
        )

    return tamper


def sql(statement: str) -> Callable[[Path], None]:
    return lambda home: edit(home, statement)


CURATED = "curated/vpc_flow/dt=2014-12-14/v1-00.parquet"
TAMPERINGS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a curated file is lost": (lose("vpc_flow"), "file_missing", CURATED),
    "a curated file of rejects is lost": (lose("reject"), "file_missing", "curated/reject/"),
    "a curated file of batches is lost": (lose("batch"), "file_missing", "curated/batch/"),
    "a byte of a curated file is changed": (change("vpc_flow"), "file_changed", CURATED),
    "a row is lost": (without_a_row("vpc_flow"), "rows_missing", "vpc_flow, day 2014-12-14"),
    "a reject is lost": (without_a_row("reject"), "rows_missing", "reject, day 2026-11-25"),
    "a batch is lost": (without_a_row("batch"), "rows_missing", "batch, day 2026-11-25"),
    "a catalogue entry of a curated file is gone": (
        sql("delete from lake_file where tbl = 'vpc_flow' and zone = 'curated'"),
        "rows_missing",
        "vpc_flow, arrived 2026-11-25T14",
    ),
    "a catalogue entry of a folded file is gone": (
        sql("delete from lake_file where tbl = 'vpc_flow' and first_seq = 3 and folded = 1"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 3",
    ),
    "the rows of a folded file are wrong": (
        sql("update lake_file set rows = 3 where tbl = 'vpc_flow' and first_seq = 3"),
        "rows_missing",
        "vpc_flow, arrived 2026-11-25T14",
    ),
    "the whole catalogue is gone": (
        sql("delete from lake_file"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 1",
    ),
    "a curated file is called replaced": (
        sql("update lake_file set retired_ms = 1 where tbl = 'vpc_flow' and zone = 'curated'"),
        "rows_missing",
        "vpc_flow, arrived 2026-11-25T14",
    ),
    "a ledger entry has one row more": (
        sql("update ledger set rows = rows + 1, events_in = events_in + 1 where seq = 1"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 1",
    ),
    "an entry says another source": (
        sql("update ledger set source = 'tgw-flow' where seq = 1"),
        "batch",
        "sequence 1",
    ),
}


@pytest.mark.fault("F20")
@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_is_missing_or_changed_after_compaction_is_named(folded: Path, name: str) -> None:
    tamper, kind, where = TAMPERINGS[name]
    tamper(folded)
    ran = call("audit", "--json", "--home", folded)
    found = json.loads(ran.out)
    assert (ran.code, found["balanced"]) == (1, False)
    named = [finding["where"] for finding in found["findings"] if finding["kind"] == kind]
    assert any(where in each for each in named), found["findings"]


@pytest.mark.fault("F20")
def test_the_hours_of_a_lost_file_are_marked_and_no_others(folded: Path) -> None:
    with writing(folded, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", flow(6), ARRIVAL_MS + 2 * HOUR_MS)])
        opened.worker.drain()
    assert audited(folded, ARRIVAL_MS + 2 * HOUR_MS).findings == []
    lose("vpc_flow")(folded)
    assert [hour.balanced for hour in audited(folded).hours] == [False, False, True]
    later = audited(folded, ARRIVAL_MS + 2 * HOUR_MS)
    assert [(each.kind, each.where) for each in later.findings] == [("file_unreadable", CURATED)]


@pytest.mark.fault("F20")
@pytest.mark.parametrize("back_to", [0, 1, 4, 7])
def test_a_checkpoint_that_was_set_back_behind_a_compaction_converges(
    folded: Path, back_to: int
) -> None:
    before, rows = audited(folded), numbers(folded)
    edit(folded, f"update checkpoint set seq = {back_to}")  # noqa: S608
    with writing(folded, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", flow(6), ARRIVAL_MS)])
        opened.worker.drain()
    for _ in range(3):
        found = audited(folded)
        assert found.findings == []
        assert [h.rows for h in found.hours] == [before.hours[0].rows + 1, before.hours[1].rows]
        assert numbers(folded) == sorted([*rows, 6])
        compacted(folded)
