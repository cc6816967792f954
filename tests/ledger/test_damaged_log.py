"""A log.db whose bytes were overwritten: a finding or a clear error, never a traceback."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import HomeError
from pipeline.home import audit_of, readable, writing
from pipeline.ledger.findings import Audit
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log
from tests.carriers import ARRIVAL_MS
from tests.homes import ask, call, edit, flow, flows, lake_files, run, written
from tests.processed import context

PAGE = 4096


def audited(home: Path) -> Audit:
    with readable(home) as opened:
        return audit_of(opened)


def root_of(home: Path, name: str) -> tuple[int, int]:
    """Where the first page of a table or index lies in log.db, and the size of a page."""
    with closing(sqlite3.connect(home / "log.db")) as connection:
        size = connection.execute("pragma page_size").fetchone()[0]
        sql = "select rootpage from sqlite_master where name = ?"
        return (connection.execute(sql, (name,)).fetchone()[0] - 1) * size, size


def spoil_root(home: Path, name: str, whole: bool) -> None:
    """Overwrite a page in log.db: all of it, or the count of its cells."""
    start, size = root_of(home, name)
    with (home / "log.db").open("r+b") as file:
        file.seek(start if whole else start + 3)
        file.write(b"\xa5" * size if whole else b"\0\0")


@pytest.mark.fault("F20")
def test_a_log_that_is_damaged_ends_with_its_name(home: Path) -> None:
    edit(
        home,
        "update lake_file set path = cast(x'ff' as text) where tbl = 'vpc_flow' and first_seq = 1",
    )
    with pytest.raises(HomeError, match=r"log\.db cannot be read: Could not decode"):
        audited(home)


TABLES = ("ledger", "lake_file", "checkpoint", "record", "quarantine_object", "input")


@pytest.mark.fault("F20")
@pytest.mark.parametrize("name", TABLES)
def test_an_overwritten_page_of_the_log_is_an_error_and_no_traceback(home: Path, name: str) -> None:
    spoil_root(home, name, True)
    for words in (("audit",), ("audit", "--json"), ("query", "--sql", "select 1 from vpc_flow")):
        ran = call(*words, "--home", home)
        touched = words[0] == "audit" or name == "lake_file"
        assert (ran.code, "Traceback" in ran.err) == (int(touched), False), (words, ran)
        assert ("malformed" in ran.err or "log_damaged" in ran.err) is touched, ran.err


@pytest.mark.fault("F20")
def test_an_overwritten_index_is_a_finding_beside_the_others(home: Path) -> None:
    spoil_root(home, "quarantine_by_seq", True)
    lake_files(home)[0].unlink()
    kinds = [finding.kind for finding in audited(home).findings]
    assert kinds[0] == "log_damaged"
    assert "file_missing" in kinds


@pytest.mark.fault("F20")
def test_an_index_that_does_not_lead_to_an_entry_is_a_finding(home: Path) -> None:
    spoil_root(home, "ledger_by_arrival", False)
    found = [finding for finding in audited(home).findings if finding.kind == "log_damaged"]
    assert found
    assert {finding.where for finding in found} == {"log.db"}


LAST = b"the last one"


def waits(home: Path, *payloads: bytes) -> bytes:
    """Leave records in the stream that nobody has consumed; what log.db keeps of the last one."""
    with writing(home, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", each, ARRIVAL_MS) for each in payloads])
    with closing(sqlite3.connect(home / "log.db")) as connection:
        kept: bytes
        (kept,) = connection.execute("select payload from record order by seq desc").fetchone()
    return kept


def spoil(home: Path, needle: bytes, whole: bool = True) -> None:
    """Overwrite some bytes in log.db, or the whole page that they lie on."""
    at = (home / "log.db").read_bytes().index(needle)
    with (home / "log.db").open("r+b") as file:
        file.seek(at // PAGE * PAGE if whole else at)
        file.write(b"\xa5" * (PAGE if whole else len(needle)))


@pytest.fixture
def unreadable(home: Path) -> tuple[Path, str]:
    """A home with a record that cannot be read, and what is said of it."""
    # Each on a page of its own, so that all else can be read.
    waits(home, b"x" * 3_000, b"x" * 3_000, LAST + b"x" * 3_000)
    spoil(home, LAST)
    return home, r"(read|written): database disk image is malformed"


@pytest.mark.fault("F20")
def test_a_record_whose_payload_is_damaged_is_set_aside_and_its_neighbours_land(
    home: Path, tmp_path: Path
) -> None:
    """A page of nothing but payload has no form that SQLite could find broken."""
    kept = waits(home, flows(*range(9_000)))
    spoil(home, kept[9_000:9_200], whole=False)
    before = ask(home, "select count(*) from vpc_flow")
    ran = call("ingest", "vpc-flow", written(tmp_path / "a", flow(9)), "--home", home)
    assert ran.code == 0
    after = ask(home, "select count(*) from vpc_flow")
    assert after[0][0] == before[0][0] + 1
    found = ask(home, "select reason, detail from reject where reason = 'failed'", "reject")
    assert [reason for reason, _ in found] == ["failed"]
    assert "ZSTD decompression failed" in found[0][1]
    assert call("audit", "--home", home).code == 0


@pytest.mark.fault("F20")
def test_a_record_that_cannot_be_read_is_a_home_error(unreadable: tuple[Path, str]) -> None:
    home, why = unreadable
    with closing(Store(home, writer=False)) as store:
        log = Log(store)
        with pytest.raises(HomeError, match=rf"cannot be {why}.*\n  at .*\n  if it is damaged"):
            any([log.load(log.heads(shard, 99, Limits())) for shard in log.shards])


@pytest.mark.fault("F20")
def test_a_record_that_cannot_be_read_ends_an_ingest_with_its_name(
    unreadable: tuple[Path, str], tmp_path: Path
) -> None:
    home, why = unreadable
    ran = call("ingest", "vpc-flow", written(tmp_path / "a", flow(9)), "--home", home)
    first, *rest = ran.err.splitlines()
    assert (ran.code, ran.out) == (1, "")
    assert re.match(rf"error: log\.db cannot be {why}", first)
    assert rest == [f"  at {home / 'log.db'}", "  if it is damaged, put it back from a copy"]


@pytest.mark.fault("F20")
def test_a_record_that_cannot_be_read_ends_a_server_with_its_name(
    unreadable: tuple[Path, str],
) -> None:
    home, why = unreadable
    ran = run("serve", "--port", "0", "--home", home)
    assert ran.code == 1
    assert re.search(rf"^error: log\.db cannot be {why}", ran.err, re.MULTILINE)
    assert ran.err.endswith("  if it is damaged, put it back from a copy\n")
    assert "Traceback" not in ran.err
