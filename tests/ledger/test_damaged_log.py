"""A log.db whose bytes were overwritten: a finding or a clear error, never a traceback."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import HomeError
from pipeline.home import audit_of, readable
from pipeline.ledger.findings import Audit
from tests.homes import call, edit, lake_files


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
