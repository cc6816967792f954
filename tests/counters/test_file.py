"""The counters of a home: all of a batch or nothing, and never twice."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pipeline.counters.board import Counted
from pipeline.counters.file import NAME, CountersFile
from pipeline.counters.ports import Delta
from pipeline.errors import DeliveryError, HomeError


def of(minute: int, **counts: int) -> Counted:
    keys = list(counts)
    return Counted(minute, keys, np.zeros(len(keys), np.int64), np.array(list(counts.values())))


def delta(behind: str, place: str, *counts: Counted, shard: int = 0, **more: object) -> Delta:
    return Delta(shard, behind, place, {"page": counts}, **more)  # type: ignore[arg-type]


def counted(file: CountersFile, since: int = 0) -> dict[int, dict[str, int]]:
    return {
        each.minute: dict(zip(each.keys, each.counts.tolist(), strict=True))
        for each in file.counts("page", since)
    }


def test_counts_of_several_batches_and_shards_add_up(tmp_path: Path) -> None:
    file = CountersFile(tmp_path)
    assert file.add(delta("", "1", of(5, a=1, b=2), of(6, a=1)))
    assert file.add(delta("", "9", of(5, a=10), shard=1))
    assert file.add(delta("1", "3", of(6, a=5)))
    assert counted(file) == {5: {"a": 11, "b": 2}, 6: {"a": 6}}
    assert counted(file, since=6) == {6: {"a": 6}}
    assert [file.place(shard) for shard in (0, 1, 2)] == ["3", "9", ""]
    assert list(file.counts("talker", 0)) == []


def test_a_batch_that_comes_again_is_not_counted_again(tmp_path: Path) -> None:
    file = CountersFile(tmp_path)
    first = delta("", "1", of(5, a=1), seen=np.array([7]), titles={"a": "A"})
    assert [file.add(first), file.add(first)] == [True, False]
    file.close()
    file = CountersFile(tmp_path)
    assert not file.add(first)
    assert not file.add(delta("0", "2", of(5, a=1)))
    assert (counted(file), file.titles()) == ({5: {"a": 1}}, {"a": "A"})
    assert [ids.tolist() for ids in file.seen(0, 0)] == [[7]]


def test_what_fails_in_its_midst_leaves_nothing(tmp_path: Path) -> None:
    file = CountersFile(tmp_path)
    file.connection.execute(
        "create trigger full before insert on seen begin select raise(abort, 'full'); end"
    )
    with pytest.raises(DeliveryError, match="cannot be written: full"):
        file.add(delta("", "1", of(5, a=1), seen=np.array([7])))
    assert (counted(file), file.place(0)) == ({}, "")
    assert file.add(delta("", "1", of(5, a=1)))


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    file = CountersFile(tmp_path)
    more = {"seen": np.array([7, -8]), "titles": {"a": "A"}}
    file.add(delta("", "1", of(5, a=1), minute=5, **more))
    file.add(delta("1", "2", of(6, a=1), minute=6, **more))
    assert [ids.tolist() for ids in file.seen(0, 6)] == [[7, -8]]
    file.forget(6)
    assert counted(file) == {6: {"a": 1}}
    assert len(list(file.seen(0, 0))) == 1
    assert file.titles() == {"a": "A"}
    file.forget(7)
    assert (file.titles(), file.place(0)) == ({}, "2")


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
