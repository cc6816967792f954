"""Reading a log.db where its reader may not write."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.errors import HomeError
from pipeline.store import Store
from pipeline.store.reading import can_make_files, reading_of
from tests.homes import flow, run, written


def written_to(folder: Path) -> Store:
    """A writer that has committed something which is not folded in yet."""
    store = Store(folder, writer=True)
    with store.transaction() as connection:
        connection.execute("insert into checkpoint (shard, seq) values (0, 7)")
    return store


def seqs(store: Store) -> list[int]:
    return [row["seq"] for row in store.rows("select seq from checkpoint")]


def mount(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = shutil.which(str(words[0])) or pytest.skip(f"no {words[0]} here")
    return subprocess.run([command, *words[1:]], capture_output=True, check=False)


@contextmanager
def read_only(folder: Path, at: Path) -> Iterator[Path]:
    """The folder once more, where nobody can write, root included."""
    at.mkdir()
    mounted = mount("mount", "--bind", folder, at)
    if mounted.returncode:
        pytest.skip(f"no bind mounts here: {mounted.stderr.decode().strip()}")
    try:
        assert mount("mount", "-o", "remount,ro,bind", at).returncode == 0
        yield at
    finally:
        # Lazily: SQLite keeps a file open while the same process has a lock on it.
        mount("umount", "-l", at)


def test_where_files_can_be_made_sqlite_makes_what_it_needs(tmp_path: Path) -> None:
    Store(tmp_path, writer=True).close()
    assert can_make_files(tmp_path)
    reading = reading_of(tmp_path / "log.db", writable=True)
    assert (reading.uri, reading.still) == (f"file://{tmp_path}/log.db?mode=rw", False)


def test_a_home_that_was_closed_stands_still(tmp_path: Path) -> None:
    Store(tmp_path, writer=True).close()
    reading = reading_of(tmp_path / "log.db", writable=False)
    assert reading.uri.endswith("/log.db?mode=ro&immutable=1")
    assert reading.still
    written(tmp_path / "log.db-wal")
    assert reading_of(tmp_path / "log.db", writable=False) == reading


def test_beside_a_writer_nothing_stands_still(tmp_path: Path) -> None:
    store = written_to(tmp_path)
    reading = reading_of(tmp_path / "log.db", writable=False)
    assert (reading.uri.endswith("/log.db?mode=ro"), reading.still) == (True, False)
    store.close()


def test_changes_that_nobody_can_fold_in_are_not_passed_over(tmp_path: Path) -> None:
    store = written_to(tmp_path / "live")
    copy = shutil.copytree(tmp_path / "live", tmp_path / "copy")
    store.close()
    (copy / "log.db-shm").unlink()
    with pytest.raises(HomeError, match=r"newest changes are still in log.db-wal\n.*\n  copy the"):
        reading_of(copy / "log.db", writable=False)
    # What the message says to do.
    again = Store(shutil.copytree(copy, tmp_path / "again"), writer=False)
    assert seqs(again) == [7]
    again.close()


@pytest.mark.fault("F20")
def test_a_home_on_a_read_only_file_system_can_be_read(tmp_path: Path) -> None:
    lines = written(tmp_path / "lines", flow(1), b"bad\n")
    home = tmp_path / "home"
    assert run("ingest", "vpc-flow", lines, "--home", home).code == 0
    before = sorted(os.listdir(home))
    assert before == ["lake", "log.db", "quarantine", "readers", "writer.lock"]
    with read_only(home, tmp_path / "mounted") as at:
        assert not can_make_files(at)
        asked = run("query", "--sql", "select bytes from vpc_flow", "--output", "csv", "--home", at)
        assert (asked.code, asked.out.split()) == (0, ["bytes", "1"]), asked.err
        audited = run("audit", "--home", at)
        assert (audited.code, audited.err) == (0, "")
        assert run("doctor", "--home", at).out.count("✓ home") == 1
    assert sorted(os.listdir(home)) == before


@pytest.mark.fault("F20")
def test_a_live_home_can_be_read_through_a_read_only_mount(tmp_path: Path) -> None:
    writer = written_to(tmp_path / "home")
    with read_only(tmp_path / "home", tmp_path / "mounted") as at:
        reader = Store(at, writer=False)
        assert seqs(reader) == [7]
        with writer.transaction() as connection:
            connection.execute("update checkpoint set seq = 8")
        assert seqs(reader) == [8]
        reader.close()
    writer.close()


@pytest.mark.fault("F20")
def test_what_a_killed_writer_left_can_be_read_where_nobody_can_write(tmp_path: Path) -> None:
    writer = written_to(tmp_path / "live")
    copy = shutil.copytree(tmp_path / "live", tmp_path / "killed")
    writer.close()
    with read_only(copy, tmp_path / "mounted") as at, closing(Store(at, writer=False)) as reader:
        assert seqs(reader) == [7]


@pytest.mark.fault("F20")
def test_a_writer_that_begins_behind_a_read_only_mount_is_noticed(tmp_path: Path) -> None:
    Store(tmp_path / "home", writer=True).close()
    with read_only(tmp_path / "home", tmp_path / "mounted") as at:
        reader = Store(at, writer=False)
        assert seqs(reader) == []
        written_to(tmp_path / "home").close()
        with pytest.raises(HomeError, match=r"the home was written while it was read(.|\n)*again"):
            reader.rows("select seq from checkpoint")
        reader.close()


@pytest.mark.fault("F20")
def test_a_read_only_home_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = written_to(home)
    copy = shutil.copytree(home, tmp_path / "copy")
    store.close()
    (copy / "log.db-shm").unlink()
    with read_only(copy, tmp_path / "mounted") as at:
        ran = run("audit", "--home", at)
    assert ran.code == 1
    assert "copy the folder to a place that can be written" in ran.err
    assert "Traceback" not in ran.err


def test_a_file_without_its_version_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    Store(tmp_path, writer=True).close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("pragma user_version = 0")
    with pytest.raises(HomeError, match="the home has version 0, this Tailrace reads version 6"):
        Store(tmp_path, writer=False)
