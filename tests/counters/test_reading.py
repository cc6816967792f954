"""Rankings of a home, read beside the process that counts: the same answers, nothing written."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pipeline.counters import reading
from pipeline.counters.answer import answer, asked
from pipeline.counters.board import BOT, Counted
from pipeline.counters.file import NAME, CountersFile
from pipeline.counters.ports import Delta
from pipeline.counters.tally import Tally
from pipeline.errors import HomeError, NotConfigured
from tests.homes import files_under

NOON_MS = 1_795_608_000_000
NOON = NOON_MS // 60_000


def counted(minute: int, **counts: int) -> Counted:
    keys = [f"/{key}" for key in counts]
    kinds = np.array([BOT if key.startswith("bot") else 0 for key in counts])
    return Counted(NOON + minute, keys, kinds, np.array(list(counts.values())))


def add(file: CountersFile, place: int, *some: Counted, ranking: str = "page") -> None:
    titles = {"/a": "A", "/unasked": "never told"}
    before, after = str(place - 1) if place > 1 else "", str(place)
    assert file.add(Delta(0, before, after, {ranking: some}, np.array([place]), NOON, titles))


@pytest.fixture
def file(tmp_path: Path) -> CountersFile:
    made = CountersFile(tmp_path)
    add(made, 1, counted(-35, a=2), counted(-12, a=9, b=4), counted(0, a=3, b=3, bot=7))
    add(made, 2, counted(-31, x=5), counted(-40, y=8), ranking="error_path")
    add(made, 3, counted(-14, x=5, y=9), ranking="talker")
    return made


@pytest.mark.parametrize("by", ["page", "talker", "rejected_port", "error_path"])
@pytest.mark.parametrize("window", ["1m", "10m", "60m"])
@pytest.mark.parametrize("later", [0, 7, 29, 45])
def test_it_answers_as_the_process_that_counts_does(
    tmp_path: Path, file: CountersFile, by: str, window: str, later: int
) -> None:
    now_ms = NOON_MS + later * 60_000 + 1_500
    question = asked({"by": by, "window": window, "bots": "false"})
    tally = Tally(file, lambda: now_ms / 1000)
    titles = {"/a": "A"}
    assert reading.read(tmp_path, question, now_ms) == answer(
        question, tally.boards[by], titles, now_ms
    )


def test_what_is_counted_is_in_the_next_answer(tmp_path: Path, file: CountersFile) -> None:
    question = asked({"window": "1m"})
    assert reading.read(tmp_path, question, NOON_MS)["total"] == 13
    add(file, 4, counted(0, a=100))
    assert reading.read(tmp_path, question, NOON_MS)["total"] == 113


def test_a_reader_waits_for_nobody_and_nobody_waits_for_it(
    tmp_path: Path, file: CountersFile
) -> None:
    question = asked({"window": "1m"})
    file.connection.execute("begin immediate")
    file.connection.execute("delete from count")
    assert reading.read(tmp_path, question, NOON_MS)["total"] == 13
    file.connection.execute("rollback")
    reader = reading._opened(tmp_path / NAME)
    reader.execute("begin")
    assert reader.execute("select sum(count) from count").fetchone()[0] == 55
    add(file, 4, counted(0, a=100))
    reader.close()
    assert reading.read(tmp_path, question, NOON_MS)["total"] == 113


def test_it_changes_nothing_of_the_file_also_where_nobody_else_has_it_open(
    tmp_path: Path, file: CountersFile
) -> None:
    file.close()
    path = tmp_path / NAME
    before = path.read_bytes(), path.stat().st_mtime_ns
    for _ in range(2):
        reading.read(tmp_path, asked({}), NOON_MS)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    with pytest.raises(sqlite3.OperationalError, match="readonly database"):
        reading._opened(path).execute("delete from count")


def test_what_a_killed_process_left_in_its_log_is_read(tmp_path: Path, file: CountersFile) -> None:
    copies = {name: (tmp_path / name).read_bytes() for name in files_under(tmp_path)}
    assert copies[f"{NAME}-wal"]
    other = tmp_path / "copy"
    other.mkdir()
    for name, content in copies.items():
        (other / name).write_bytes(content)
    assert reading.read(other, asked({"window": "1m"}), NOON_MS)["total"] == 13
    del file


def test_a_home_that_cannot_be_written_is_read(tmp_path: Path, file: CountersFile) -> None:
    file.close()
    os.chmod(tmp_path, 0o500)
    try:
        assert reading.read(tmp_path, asked({"window": "1m"}), NOON_MS)["total"] == 13
    finally:
        os.chmod(tmp_path, 0o700)


def test_where_nothing_was_counted_it_is_said_what_counts(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="nothing was counted in this home yet") as caught:
        reading.read(tmp_path, asked({}), NOON_MS)
    assert "tailrace serve" in caught.value.fix
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_file_that_is_none_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(HomeError, match="the counters cannot be read"):
        reading.read(tmp_path, asked({}), NOON_MS)
    assert (tmp_path / NAME).read_bytes() == content
