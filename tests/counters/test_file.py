"""The counters of a home: a file that fails, and one that is none."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pipeline.counters.file import NAME, CountersFile
from pipeline.errors import DeliveryError, HomeError
from tests.counters.test_counters import counted, delta, of


def test_what_fails_in_its_midst_leaves_nothing(tmp_path: Path) -> None:
    file = CountersFile(tmp_path)
    file.connection.execute(
        "create trigger full before insert on seen begin select raise(abort, 'full'); end"
    )
    with pytest.raises(DeliveryError, match="cannot be written: full"):
        file.add(delta("", "1", of(5, a=1), seen=np.array([7])))
    assert (counted(file), file.place(0)) == ({}, "")
    assert file.add(delta("", "1", of(5, a=1)))


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_file_that_is_none_is_told_and_an_empty_one_is_begun(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / NAME).write_bytes(content)
    if content:
        with pytest.raises(
            HomeError, match="the counters cannot be opened: file is not a database"
        ):
            CountersFile(tmp_path)
    else:
        assert counted(CountersFile(tmp_path)) == {}


def test_a_file_of_another_version_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute("pragma user_version = 9")
    with pytest.raises(HomeError, match="it has version 9, this Tailrace reads 1"):
        CountersFile(tmp_path)


@pytest.mark.parametrize(
    ("log", "newest", "anew"),
    [("a", 7, False), ("b", 7, True), ("a", 6, True)],
    ids=["the same", "another", "put back from a copy"],
)
def test_what_another_log_brought_is_forgotten(
    tmp_path: Path, log: str, newest: int, anew: bool
) -> None:
    file = CountersFile(tmp_path)
    assert not file.follow("a", 0)
    assert file.add(delta("", "7", of(5, a=1), seen=np.array([7]), titles={"a": "A"}))
    assert file.follow(log, newest) is anew
    kept = (file.place(0), counted(file), len(list(file.seen(0, 0))), dict(file.titles()))
    assert kept == (("", {}, 0, {}) if anew else ("7", {5: {"a": 1}}, 1, {"a": "A"}))
    assert not CountersFile(tmp_path).follow(log, newest)
