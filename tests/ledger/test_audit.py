"""The audit balances, and names whatever is missing or was changed."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.home import ReadingHome, WritingHome, audit_of, readable, writing
from pipeline.ledger.audit import Audit, Finding
from pipeline.store import Store
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS
from tests.homes import (
    call,
    edit,
    files_under,
    flow,
    flows,
    lake_files,
    written,
)
from tests.processed import context

HOUR_MS = 3_600_000
FIRST = "landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=14/03-000000000001.parquet"


def audited(home: Path, since_ms: int = 0) -> Audit:
    with readable(home) as opened:
        return audit_of(opened, since_ms)


def printed(home: Path) -> tuple[int, dict[str, Any]]:
    ran = call("audit", "--json", "--home", home)
    return ran.code, json.loads(ran.out)


def test_an_untouched_home_balances(home: Path) -> None:
    code, found = printed(home)
    assert (code, found["balanced"], found["findings"]) == (0, True, [])
    assert found["hours"] == [
        {
            "source": "vpc-flow",
            "hour": "2026-11-25T14:00:00Z",
            "events_in": 12,
            "rows": 6,
            "rejected": 4,
            "dropped": 2,
            "duplicates": 1,
            "balanced": True,
        },
        {
            "source": "vpc-flow",
            "hour": "2026-11-25T15:00:00Z",
            "events_in": 1,
            "rows": 1,
            "rejected": 0,
            "dropped": 0,
            "duplicates": 0,
            "balanced": True,
        },
    ]


def lose(number: int, table: str = "vpc_flow") -> Callable[[Path], None]:
    return lambda home: lake_files(home, table)[number].unlink()


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_file(home: Path) -> None:
    flip_byte(home / "lake" / FIRST)


def empty_file(home: Path) -> None:
    (home / "lake" / FIRST).write_bytes(b"")


def first_object(home: Path) -> Path:
    return home / "quarantine" / files_under(home / "quarantine")[0]


def sql(*statements: str) -> Callable[[Path], None]:
    return lambda home: edit(home, *statements)


def wait_and_lose(home: Path) -> None:
    store = Store(home, writer=True)
    with store.transaction() as connection:
        connection.execute(
            "insert into record (shard, source, arrival_ms, first_ordinal, formats, header,"
            " log_group, opened, refused, codec, size, payload)"
            " values (3, 'vpc-flow', 0, 0, '[]', '', '', 0, '', 'raw', 0, x'')"
        )
        connection.execute("delete from record where seq = 9")
    store.close()


TAMPERINGS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a row file is lost": (lose(0), "file_missing", FIRST),
    "the last row file is lost": (lose(-1), "file_missing", "arrival_hour=15/03-000000000008"),
    "a reject file is lost": (lose(0, "reject"), "file_missing", "landing/reject/"),
    "a batch file is lost": (lose(0, "batch"), "file_missing", "landing/batch/"),
    "a byte is changed": (change_file, "file_changed", FIRST),
    "a file is emptied": (empty_file, "file_changed", FIRST),
    "an object is lost": (
        lambda home: first_object(home).unlink(),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "an object is changed": (
        lambda home: flip_byte(first_object(home)),
        "object_changed",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "all objects are lost": (
        lambda home: shutil.rmtree(home / "quarantine"),
        "object_missing",
        "0003-000000000006-",
    ),
    "an object is no longer known": (
        sql("delete from quarantine_object where seq = 2"),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "the first ledger entry is gone": (
        sql("delete from ledger where seq = 1"),
        "entry_missing",
        "sequence 1",
    ),
    "a ledger entry in the middle is gone": (
        sql("delete from ledger where seq = 4"),
        "entry_missing",
        "sequence 4",
    ),
    "the last ledger entry is gone": (
        sql("delete from ledger where seq = 8"),
        "entry_missing",
        "sequence 8",
    ),
    "several ledger entries are gone": (
        sql("delete from ledger where seq between 2 and 5"),
        "entry_missing",
        "sequences 2 to 5",
    ),
    "a ledger entry is gone and its record": (
        sql("delete from ledger where seq = 4", "delete from record where seq = 4"),
        "entry_missing",
        "sequence 4",
    ),
    "a record that waits is lost": (wait_and_lose, "entry_missing", "sequence 9"),
    "a catalogue entry of rows is gone": (
        sql("delete from lake_file where tbl = 'vpc_flow' and first_seq = 3"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 3",
    ),
    "a catalogue entry of rejects is gone": (
        sql("delete from lake_file where tbl = 'reject' and first_seq = 2"),
        "rows_missing",
        "reject, shard 3, from sequence 2",
    ),
    "a catalogue entry of batches is gone": (
        sql("delete from lake_file where tbl = 'batch' and first_seq = 3"),
        "rows_missing",
        "batch, shard 3, from sequence 3",
    ),
    "the ledger has one event more": (
        sql("update ledger set events_in = events_in + 1 where seq = 2"),
        "sum",
        "vpc-flow, 2026-11-25T14:00:00Z",
    ),
    "the ledger has one row less": (
        sql("update ledger set rows = rows - 1 where seq = 2"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 2",
    ),
    "the ledger has one reject more": (
        sql("update ledger set rejected = rejected + 1 where seq = 2"),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "the ledger has one drop less": (
        sql("update ledger set dropped = '{}' where seq = 2"),
        "sum",
        "vpc-flow, 2026-11-25T14:00:00Z",
    ),
    "a row and an event are made up together": (
        sql("update ledger set rows = rows + 1, events_in = events_in + 1 where seq = 1"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 1",
    ),
    "a reject and an event are made up together": (
        sql("update ledger set rejected = rejected + 1, events_in = events_in + 1 where seq = 2"),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "a reject is called a row": (
        sql("update ledger set rejected = rejected - 1, rows = rows + 1 where seq = 2"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 2",
    ),
    "the number of rows of a file is wrong": (
        sql("update lake_file set rows = rows + 1 where tbl = 'vpc_flow' and first_seq = 1"),
        "rows_missing",
        "vpc_flow, shard 3, from sequence 1",
    ),
}


@pytest.mark.fault
@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_is_missing_or_changed_is_named(home: Path, name: str) -> None:
    tamper, kind, where = TAMPERINGS[name]
    tamper(home)
    ran = call("audit", "--json", "--home", home)
    found = json.loads(ran.out)
    assert (ran.code, found["balanced"]) == (1, False)
    named = [finding["where"] for finding in found["findings"] if finding["kind"] == kind]
    assert any(where in each for each in named), found["findings"]
    assert f"  {kind}: " in ran.err
    assert where in ran.err


@pytest.mark.fault
def test_an_hour_with_a_finding_is_marked_and_the_others_are_not(home: Path) -> None:
    lose(0)(home)
    _, found = printed(home)
    assert [hour["balanced"] for hour in found["hours"]] == [False, True]


@pytest.mark.fault
def test_the_table_says_not_balanced_and_the_place(home: Path) -> None:
    assert call("audit", "--home", home).out.endswith("✓ balanced\n")
    lose(0)(home)
    ran = call("audit", "--home", home)
    assert ran.code == 1
    assert ran.out.endswith("✗ not balanced\n")
    assert ran.err == (
        "error: not balanced: 1 finding\n"
        f"  file_missing: {FIRST}: cannot be read: No such file or directory\n"
    )


def test_files_that_nobody_catalogued_are_a_note(home: Path) -> None:
    folder = (home / "lake" / FIRST).parent
    written(folder / "stray.parquet", b"")
    written(folder / ".hidden.parquet", b"x")
    ran = call("audit", "--json", "--home", home)
    found = json.loads(ran.out)
    assert (ran.code, found["balanced"]) == (0, True)
    assert [(each["kind"], Path(each["where"]).name) for each in found["findings"]] == [
        ("stray_file", ".hidden.parquet"),
        ("stray_file", "stray.parquet"),
    ]
    assert ran.err.count("note: landing/vpc_flow/") == 2


def test_records_that_wait_are_a_note(home: Path) -> None:
    with writing(home, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", flow(6), ARRIVAL_MS)])
    assert audited(home).findings == [
        Finding(
            "waiting",
            "log.db",
            "1 records wait in the stream; a writing command brings them in",
            unbalances=False,
        )
    ]


def test_since_looks_at_whole_hours_from_then_on(home: Path) -> None:
    lose(0)(home)
    later = audited(home, ARRIVAL_MS + HOUR_MS + 1_000_000)
    assert [hour.name for hour in later.hours] == ["2026-11-25T15:00:00Z"]
    assert later.balanced
    assert not audited(home, ARRIVAL_MS + 1_000_000).balanced


def test_a_flush_over_two_hours_balances_hour_by_hour(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        records = [
            Incoming("vpc-flow", "a", flows(1, 2) + b"bad\n", ARRIVAL_MS),
            Incoming("vpc-flow", "a", flow(3) + b"bad\n", ARRIVAL_MS + HOUR_MS),
        ]
        opened.log.append(records)
        opened.worker.drain()
    assert audited(tmp_path).balanced
    assert audited(tmp_path, ARRIVAL_MS + HOUR_MS).findings == []


def test_repeats_are_told_and_do_not_matter(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        repeated = Incoming("vpc-flow", "a", flows(1, 2), ARRIVAL_MS, identity="content/1")
        opened.log.append([repeated, repeated, repeated])
        opened.worker.drain()
    found = audited(tmp_path)
    assert found.balanced
    assert [(hour.rows, hour.duplicates) for hour in found.hours] == [(6, 4)]


class BusyStore(Store):
    """A reader's store; whatever it reads, the writer has brought in more by then."""

    def __init__(self, writer: WritingHome) -> None:
        super().__init__(writer.folder, writer=False)
        self.bring_in = writer

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        found = super().rows(sql, *values)
        payload = flow(1) + b"bad\n"
        self.bring_in.log.append([Incoming("vpc-flow", "a", payload, ARRIVAL_MS)])
        self.bring_in.worker.drain()
        return found


def test_an_audit_beside_a_busy_writer_balances(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        store = BusyStore(opened)
        found = audit_of(ReadingHome(tmp_path, store))
        store.close()
    assert found.balanced, found.findings
