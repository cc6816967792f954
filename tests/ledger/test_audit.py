"""The audit balances, and names whatever is missing or was changed."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.deliver.files import Disk
from pipeline.deliver.lake_file import digest_of
from pipeline.home import Machine, ReadingHome, WritingHome, audit_of, readable, writing
from pipeline.lake.compact import compact
from pipeline.ledger.findings import Audit, Finding
from pipeline.settings import Limits
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
    numbers,
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


def garbage(table: str) -> Callable[[Path], None]:
    """Something else in a file's place, and its digest in the catalogue."""

    def tamper(home: Path) -> None:
        replace_file(home, table, b"garbage")

    return tamper


def replace_file(home: Path, table: str, content: bytes) -> None:
    path = lake_files(home, table)[0]
    path.write_bytes(content)
    name = path.relative_to(home / "lake").as_posix()
    edit(home, f"update lake_file set digest = '{digest_of(content)}' where path = '{name}'")  # noqa: S608


def spoil_pages(table: str) -> Callable[[Path], None]:
    """The footer stands, the rows before it do not."""

    def tamper(home: Path) -> None:
        content = lake_files(home, table)[0].read_bytes()
        footer = int.from_bytes(content[-8:-4], "little") + 8
        replace_file(
            home, table, content[:4] + bytes(len(content) - footer - 4) + content[-footer:]
        )

    return tamper


def pipe_in_place(home: Path) -> None:
    (home / "lake" / FIRST).unlink()
    os.mkfifo(home / "lake" / FIRST)


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
    "rejects have no object": (
        sql("update ledger set object = null where seq = 2"),
        "object_missing",
        "sequence 2",
    ),
    "a file's last time is too early": (
        sql("update lake_file set last_ms = 0 where tbl = 'vpc_flow' and first_seq = 1"),
        "extent",
        FIRST,
    ),
    "a file's first time is too late": (
        sql("update lake_file set first_ms = 9e15 where tbl = 'vpc_flow' and first_seq = 1"),
        "extent",
        FIRST,
    ),
    "rows are called drops": (
        sql(
            "delete from lake_file where tbl = 'vpc_flow' and first_seq = 1",
            "update ledger set dropped = '{\"blank\":2}', rows = 0 where seq = 1",
        ),
        "batch",
        "sequence 1",
    ),
    "rejects are called drops": (
        sql(
            "delete from lake_file where tbl = 'reject' and first_seq = 2",
            "update ledger set dropped = '{\"blank\":2}', rejected = 0, object = null"
            " where seq = 2",
        ),
        "batch",
        "sequence 2",
    ),
    "an entry says another source": (
        sql("update ledger set source = 'tgw-flow' where seq = 1"),
        "batch",
        "sequence 1",
    ),
    "an entry says another time": (
        sql("update ledger set arrival_ms = arrival_ms + 1 where seq = 1"),
        "batch",
        "sequence 1",
    ),
    "the last entry is gone without a trace in the stream": (
        sql(
            "delete from ledger where seq = 8",
            "delete from record where seq = 8",
            "update sqlite_sequence set seq = 7 where name = 'record'",
        ),
        "entry_missing",
        "sequence 8",
    ),
    "what the table batch said is gone": (
        sql(
            "delete from lake_file where tbl = 'batch' and first_seq = 3",
            "update lake_file set rows = 4 where tbl = 'batch' and first_seq = 1",
        ),
        "batch_missing",
        "sequences 3 to 5",
    ),
    "a drop is negative": (
        sql(
            "update ledger set dropped = '{\"blank\":-1}', events_in = events_in - 1 where seq = 1"
        ),
        "entry_damaged",
        "sequence 1",
    ),
    "a reason is negative": (
        sql("update ledger set reasons = '{\"value\":-1}' where seq = 2"),
        "entry_damaged",
        "sequence 2",
    ),
    "rows are negative": (
        sql("update ledger set rows = -1 where seq = 1"),
        "entry_damaged",
        "sequence 1",
    ),
    "a count is beyond measure": (
        sql("update ledger set rows = 9223372036854775807"),
        "entry_damaged",
        "sequence 1",
    ),
    "drops are no JSON": (
        sql("update ledger set dropped = 'zzz' where seq = 1"),
        "entry_damaged",
        "sequence 1",
    ),
    "an arrival is text": (
        sql("update ledger set arrival_ms = 'abc' where seq = 1"),
        "entry_damaged",
        "sequence 1",
    ),
    "an arrival is in no year": (
        sql("update ledger set arrival_ms = 9000000000000000000 where seq = 1"),
        "entry_damaged",
        "sequence 1",
    ),
    "no such source": (
        sql("update ledger set source = 'zzz'"),
        "entry_damaged",
        "sequence 8",
    ),
    "an object's number of bytes is negative": (
        sql("update quarantine_object set bytes = -1 where seq = 2"),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "an object has strange resolved lines": (
        sql("update quarantine_object set resolved = 7 where seq = 2"),
        "object_missing",
        "vpc-flow/dt=2026-11-25/0003-000000000002-",
    ),
    "a file has negative rows": (
        sql("update lake_file set rows = -1 where tbl = 'vpc_flow' and first_seq = 1"),
        "catalogue_damaged",
        FIRST,
    ),
    "a file is of no hour": (
        sql("update lake_file set arrival_hour = 'zzz' where tbl = 'vpc_flow' and first_seq = 1"),
        "catalogue_damaged",
        FIRST,
    ),
    "a file is in no zone": (
        sql("update lake_file set zone = 'zzz' where tbl = 'vpc_flow' and first_seq = 1"),
        "catalogue_damaged",
        FIRST,
    ),
    "a file is in a zone other than its path says": (
        sql("update lake_file set zone = 'curated' where tbl = 'vpc_flow' and first_seq = 1"),
        "catalogue_damaged",
        FIRST,
    ),
    "the checkpoint is no number": (
        sql("update checkpoint set seq = 'abc'"),
        "checkpoint_damaged",
        "checkpoint of shard 3",
    ),
    "a file is garbage, with its digest": (garbage("vpc_flow"), "file_unreadable", FIRST),
    "a file of batches is garbage, with its digest": (
        garbage("batch"),
        "file_unreadable",
        "landing/batch/",
    ),
    "a file's rows are spoiled, with its digest": (
        spoil_pages("vpc_flow"),
        "file_unreadable",
        FIRST,
    ),
    "rows of batches are spoiled, with its digest": (
        spoil_pages("batch"),
        "file_unreadable",
        "landing/batch/",
    ),
    "a pipe stands in a file's place": (pipe_in_place, "file_missing", FIRST),
}


@pytest.mark.fault("F20")
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


@pytest.mark.fault("F20")
def test_what_is_damaged_is_said_once(home: Path) -> None:
    edit(home, "delete from ledger where seq = 4")
    found = [finding.where for finding in audited(home).findings]
    assert found.count("sequence 4") == 1


def sums(home: Path) -> list[tuple[int, int, int, int]]:
    return [(h.events_in, h.rows, h.rejected, h.dropped) for h in audited(home).hours]


@pytest.mark.fault("F18", "F28")
@pytest.mark.parametrize("back_to", [0, 1, 4, 7])
def test_a_checkpoint_that_was_set_back_converges(home: Path, back_to: int) -> None:
    before, rows = sums(home), numbers(home)
    edit(home, f"update checkpoint set seq = {back_to}")  # noqa: S608
    with writing(home, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", flow(6), ARRIVAL_MS)])
        opened.worker.drain()
    assert audited(home).findings == []
    first, last = before
    assert sums(home) == [(first[0] + 1, first[1] + 1, *first[2:]), last]
    assert numbers(home) == sorted([*rows, 6])


@pytest.mark.fault("F20")
def test_an_hour_with_a_finding_is_marked_and_the_others_are_not(home: Path) -> None:
    lose(0)(home)
    _, found = printed(home)
    assert [hour["balanced"] for hour in found["hours"]] == [False, True]


@pytest.mark.fault("F20")
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


@pytest.mark.fault("F20", "F21")
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
            "1 record waits in the stream; a server or a writing command brings them in",
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
        repeated = Incoming("vpc-flow", "a", flows(1, 2), ARRIVAL_MS, identity="request/1")
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


class Watched(Disk):
    """A disk under which somebody audits at each step."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home
        self.seen: list[Finding] = []

    def rename(self, old: Path, new: Path) -> None:
        self._look()
        super().rename(old, new)
        self._look()

    def remove(self, path: Path) -> None:
        self._look()
        super().remove(path)

    def _look(self) -> None:
        self.seen += audited(self.home).findings


@pytest.mark.fault("F22")
def test_what_a_living_writer_is_about_to_note_is_no_stray(home: Path) -> None:
    disk = Watched(home)
    with writing(home, context(), machine=Machine(disk=disk)) as opened:
        opened.log.append([Incoming("vpc-flow", "a", flow(77), ARRIVAL_MS)])
        opened.worker.drain()
        compact(opened.store, home, home / "lake", ARRIVAL_MS, disk=disk)
        left = written(home / "lake/curated/vpc_flow/dt=2014-12-14/v9-00.parquet", b"x")
        assert audited(home).findings == []
    assert [found for found in disk.seen if found.kind == "stray_file"] == []
    assert [found.where for found in audited(home).findings] == [
        left.relative_to(home / "lake").as_posix()
    ]


@pytest.mark.fault("F18")
def test_a_record_that_comes_again_belongs_to_the_flush_that_it_came_with_last(
    tmp_path: Path,
) -> None:
    with writing(tmp_path, context()) as opened:
        lines = [Incoming("vpc-flow", "a", flow(n), ARRIVAL_MS) for n in range(4)]
        opened.log.append(lines)
        opened.worker.drain()
        assert flushes(opened) == [1, 1, 1, 1]
    edit(tmp_path, "update checkpoint set seq = 1")
    with writing(tmp_path, replace(context(), limits=Limits(batch_records=2))) as opened:
        opened.worker.drain()
        assert flushes(opened) == [1, 2, 2, 4]
        assert audit_of(opened).balanced
    assert numbers(tmp_path) == [0, 1, 2, 3]


def flushes(home: WritingHome) -> list[int]:
    return [row[0] for row in home.store.rows("select flush from ledger order by seq")]
