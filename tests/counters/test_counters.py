"""Counters, wherever they are kept: all of a batch or nothing, and never twice."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.counters.board import Counted
from pipeline.counters.ports import Counters, Delta
from tests.counters.stores import KINDS, Store, store_of


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return store_of(request.param, tmp_path)


def of(minute: int, **counts: int) -> Counted:
    keys = list(counts)
    return Counted(minute, keys, np.zeros(len(keys), np.int64), np.array(list(counts.values())))


def delta(behind: str, place: str, *counts: Counted, shard: int = 0, **more: object) -> Delta:
    return Delta(shard, behind, place, {"page": counts}, **more)  # type: ignore[arg-type]


def counted(counters: Counters, since: int = 0) -> dict[int, dict[str, int]]:
    return {
        each.minute: dict(zip(each.keys, each.counts.tolist(), strict=True))
        for each in counters.counts("page", since)
    }


def test_counts_of_several_batches_and_shards_add_up(store: Store) -> None:
    counters = store.open()
    assert counters.add(delta("", "1", of(5, a=1, b=2), of(6, a=1)))
    assert counters.add(delta("", "9", of(5, a=10), shard=1))
    assert counters.add(delta("1", "3", of(6, a=5)))
    assert counted(counters) == {5: {"a": 11, "b": 2}, 6: {"a": 6}}
    assert counted(counters, since=6) == {6: {"a": 6}}
    assert [counters.place(shard) for shard in (0, 1, 2)] == ["3", "9", ""]
    assert list(counters.counts("talker", 0)) == []


def test_a_batch_that_comes_again_is_not_counted_again(store: Store) -> None:
    counters = store.open()
    first = delta("", "1", of(5, a=1), seen=np.array([7]), titles={"a": "A"})
    assert [counters.add(first), counters.add(first)] == [True, False]
    counters = store.open()
    assert not counters.add(first)
    assert not counters.add(delta("0", "2", of(5, a=1)))
    assert (counted(counters), counters.titles()) == ({5: {"a": 1}}, {"a": "A"})
    assert [ids.tolist() for _, ids in counters.seen(0, 0)] == [[7]]


def test_of_two_who_write_behind_the_same_place_one_does(store: Store) -> None:
    one, other = store.open(), store.open()
    assert (one.place(0), other.place(0)) == ("", "")
    assert one.add(delta("", "1", of(5, a=1), seen=np.array([7])))
    assert not other.add(delta("", "2", of(5, a=1, b=1), seen=np.array([7, 8])))
    assert other.add(delta("1", "2", of(5, b=1), seen=np.array([8])))
    assert not one.add(delta("1", "2", of(5, b=1), seen=np.array([8])))
    assert counted(one) == counted(other) == {5: {"a": 1, "b": 1}}
    assert [ids.tolist() for _, ids in one.seen(0, 0)] == [[7], [8]]


def test_keys_of_any_kind_come_back_as_they_were(store: Store) -> None:
    keys = ["", "/é", "/\U0001f600?a=b#c", "/" + "z" * 5_000, "\n\x00"]
    kinds, counts = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 2**40, 3, 2**53 - 1])
    store.open().add(delta("", "1", Counted(5, keys, kinds, counts)))
    (found,) = store.open().counts("page", 0)
    told = zip(found.keys, found.kinds.tolist(), found.counts.tolist(), strict=True)
    assert sorted(told) == sorted(zip(keys, kinds.tolist(), counts.tolist(), strict=True))


def test_what_is_old_is_forgotten(store: Store) -> None:
    counters = store.open()
    ids = np.array([7, -8])
    counters.add(delta("", "1", of(5, a=1), minute=5, seen=ids, titles={"a": "A"}))
    counters.add(delta("1", "2", of(6, a=1), minute=6, seen=ids, titles={"b": "B"}))
    assert [ids.tolist() for _, ids in counters.seen(0, 6)] == [[7, -8]]
    counters.forget(6)
    assert counted(counters) == {6: {"a": 1}}
    assert len(list(counters.seen(0, 0))) == 1
    assert counters.titles() == {"b": "B"}
    counters.forget(7)
    assert (counters.titles(), counters.place(0)) == ({}, "2")


def test_counts_that_add_up_to_more_than_the_most_stop_there(store: Store) -> None:
    most = 2**53 - 1
    for number in range(3):
        added = of(5, a=most, b=most - 2) if number < 2 else of(5, c=1)
        assert store.open().add(delta(str(number or ""), str(number + 1), added))
    store.tend(9)
    assert counted(store.open()) == {5: {"a": most, "b": most, "c": 1}}
