"""The audit names files of which the home no longer knows that they came in."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.home import audit_of, readable
from tests.homes import call, edit, flow, written

LIMITS = b"[limits]\nslice_bytes = 1048576\n"
# Three slices of a mebibyte, as that much is read of a file at once.
LONG_LINES = b"".join(b"2026-11-25T14:00:00Z %05d %s\n" % (n, b"x" * 9_970) for n in range(270))


def ingest(home: Path, source: str, name: str, content: bytes) -> None:
    path = written(home.parent / name, content)
    config = written(home.parent / "limits.toml", LIMITS)
    ran = call("ingest", source, path, "--home", home, "--config", config)
    assert ran.code == 0, ran.err


@pytest.fixture(scope="session")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequence 1: clean; 2: with a refused line; 3 to 5: slices of a file; 6: clean."""
    home = tmp_path_factory.mktemp("taken") / "home"
    ingest(home, "vpc-flow", "a.log", flow(1))
    ingest(home, "vpc-flow", "b.log", flow(2) + b"bad\n")
    ingest(home, "app-log", "c.log", LONG_LINES)
    ingest(home, "vpc-flow", "d.log", flow(3))
    with closing(sqlite3.connect(home / "log.db")) as connection:
        found = connection.execute("select seq, source from input_record").fetchall()
    assert found == [
        *((1, "vpc-flow"), (2, "vpc-flow")),
        *((3, "app-log"), (4, "app-log"), (5, "app-log"), (6, "vpc-flow")),
    ]
    return home


@pytest.fixture
def home(taken_in: Path, tmp_path: Path) -> Path:
    return shutil.copytree(taken_in, tmp_path / "home")


def found_in(home: Path) -> list[tuple[str, str]]:
    with readable(home) as opened:
        audit = audit_of(opened)
    assert audit.balanced is not bool(audit.findings)
    return [(finding.kind, finding.where) for finding in audit.findings]


def digest_of(home: Path, seq: int) -> str:
    with closing(sqlite3.connect(home / "log.db")) as connection:
        sql = "select digest from input_record where seq = ?"
        return str(connection.execute(sql, (seq,)).fetchone()[0])


def prune(home: Path) -> None:
    """As a day later: consumed records are forgotten."""
    edit(home, "delete from record")


def soon(home: Path) -> None:
    """Its records are still in the stream."""


@pytest.mark.parametrize("before", [soon, prune])
def test_files_that_came_in_balance(home: Path, before: Callable[[Path], None]) -> None:
    before(home)
    assert found_in(home) == []


@pytest.mark.fault("F20")
@pytest.mark.parametrize("before", [soon, prune])
@pytest.mark.parametrize(("seq", "where"), [(1, " 1"), (2, " 2"), (3, "s 3 to 5"), (6, " 6")])
def test_a_file_that_is_no_longer_known_is_named(
    home: Path, before: Callable[[Path], None], seq: int, where: str
) -> None:
    digest = digest_of(home, seq)
    before(home)
    edit(home, f"delete from input where digest = '{digest}'")  # noqa: S608 - own digest
    assert found_in(home) == [("input_missing", f"file {digest} of sequence{where}")]


@pytest.mark.fault("F20")
def test_files_that_are_gone_from_both_tables_leave_a_hole(home: Path) -> None:
    prune(home)
    edit(home, "delete from input where rowid in (1, 3)")
    edit(home, "delete from input_record where seq in (1, 3, 4, 5)")
    assert found_in(home) == [("input_missing", "input, rows 1, 3")]


@pytest.mark.fault("F20")
@pytest.mark.parametrize("seq", [1, 2, 4, 6])
def test_a_record_in_the_stream_tells_its_file(home: Path, seq: int) -> None:
    edit(home, f"delete from input_record where seq = {seq}")  # noqa: S608 - own number
    assert ("input_record_missing", f"sequence {seq}") in found_in(home)


@pytest.mark.fault("F20")
def test_a_quarantine_object_tells_its_file(home: Path) -> None:
    prune(home)
    edit(home, "delete from input where rowid >= 2", "delete from input_record where seq >= 2")
    assert found_in(home) == [("input_record_missing", "sequence 2")]


@pytest.mark.fault("F20")
def test_a_record_of_another_file_is_named(home: Path) -> None:
    prune(home)
    edit(home, f"update input_record set digest = '{digest_of(home, 1)}' where seq = 2")  # noqa: S608
    assert ("input_record_missing", "sequence 2") in found_in(home)


@pytest.mark.fault("F20")
@pytest.mark.parametrize(("seq", "name"), [(1, "a.log"), (4, "c.log")])
def test_a_file_of_which_a_record_is_missing_is_named(home: Path, seq: int, name: str) -> None:
    digest = digest_of(home, seq)
    prune(home)
    edit(home, f"delete from input_record where seq = {seq}")  # noqa: S608 - own number
    named = f"file {digest} ({home.parent.parent / name})"
    assert [(kind, where.rpartition("/")[2]) for kind, where in found_in(home)] == [
        ("input_record_missing", named.rpartition("/")[2])
    ]


def test_since_leaves_out_what_came_before(home: Path) -> None:
    edit(home, "delete from input where rowid = 4", "delete from input_record where seq = 2")
    with readable(home) as opened:
        assert audit_of(opened, 4_000_000_000_000).findings == []


def test_lines_too_long_for_a_record_are_no_missing_bytes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    config = written(tmp_path / "c.toml", LIMITS + b"record_bytes = 1048576\n")
    path = written(tmp_path / "long", flow(1) + b"y" * 3_000_000 + b"\n" + flow(2))
    assert call("ingest", "vpc-flow", path, "--home", home, "--config", config).code == 0
    assert found_in(home) == []
