"""A home whose log.db is gone: nothing is written over what it knew, and nobody calls it empty."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store import exists
from tests.homes import call, files_under, flow, numbers, run, written

COMMANDS = [
    ("query", "--sql", "select count(*) from vpc_flow"),
    ("audit",),
    ("doctor", "--rebuild"),
    ("compact",),
    ("replay", "--quarantine"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1), b"bad\n"), "--home", home)
    return home


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("lose", "what"),
    [
        (Path.unlink, "log.db is missing, but lake/ with "),
        (emptied, "log.db is empty, but lake/ with "),
        (as_folder, "log.db is no regular file\n"),
        (as_pipe, "log.db is no regular file\n"),
        (as_device, "log.db is no regular file\n"),
    ],
)
def test_a_home_that_lost_its_log_is_refused_and_keeps_its_files(
    home: Path, tmp_path: Path, lose: Callable[[Path], None], what: str
) -> None:
    lose(home / "log.db")
    before = files_under(home / "lake"), files_under(home / "quarantine")
    more = written(tmp_path / "b", flow(2))
    for words in (("ingest", "vpc-flow", more), *COMMANDS):
        ran = run(*words, "--home", home)
        assert (ran.code, ran.err.startswith(f"error: {what}")) == (1, True), words
        assert "put log.db back from a copy, or choose another --home\n" in ran.err
    ran = run("doctor", "--home", home)
    assert (ran.code, f"✗ home      {home}: {what.strip()}" in ran.out) == (1, True)
    assert (files_under(home / "lake"), files_under(home / "quarantine")) == before


def test_objects_of_the_quarantine_alone_keep_a_new_log_out(tmp_path: Path) -> None:
    written(tmp_path / "home" / "quarantine" / "vpc-flow" / "a.json.gz", b"kept")
    ran = call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", tmp_path / "home")
    assert ran.code == 1
    assert ran.err.startswith("error: log.db is missing, but quarantine/ with a.json.gz lies in")
    assert not exists(tmp_path / "home")


@pytest.mark.parametrize("log", [None, b""])
def test_what_a_killed_writer_of_a_new_home_leaves_is_a_new_home(
    tmp_path: Path, log: bytes | None
) -> None:
    home = tmp_path / "home"
    written(home / "writer.lock", b"123")
    written(home / "lake" / "landing" / "vpc_flow" / ".00-1.parquet.123.tmp", b"half")
    written(home / "quarantine" / ".a.json.gz.123.tmp", b"half")
    if log is not None:
        written(home / "log.db", log)
    ran = call("query", "top_talkers", "--home", home)
    assert (ran.code, ran.err.splitlines()[0]) == (3, f"error: nothing to read in {home}")
    assert call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", home).code == 0
    assert numbers(home) == [1]
