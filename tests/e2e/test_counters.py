"""Counters in a DynamoDB that somebody else has made: it says no where ours in memory does."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import pytest

from pipeline.counters.board import Counted
from pipeline.counters.ports import Delta
from pipeline.counters.table import CountersTable
from pipeline.counters.warm import Warm
from tests.counters import test_counters as contract
from tests.counters import test_tally as tally
from tests.counters.mapped import counted as counted_by_functions
from tests.counters.million import differences, stream_of, told_by
from tests.counters.stores import Store
from tests.counters.test_counters import counted, delta, of
from tests.e2e.cloud import Cloud

pytestmark = pytest.mark.needs("dynamodb.counters")
HELD = [each for name, each in vars(contract).items() if name.startswith("test_")]
MINUTE = 29_926_800
NUMBERS = count()


@pytest.fixture
def table(target: Cloud) -> Iterator[str]:
    """A table of its own."""
    client, name = target.client("dynamodb"), f"counters-{next(NUMBERS)}"
    keys = (("pk", "HASH"), ("sk", "RANGE"))
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def store(target: Cloud, table: str) -> Store:
    """The table, and clients of it."""
    client = target.client("dynamodb")

    def opened() -> CountersTable:
        return CountersTable(client, table)

    return Store(opened, lambda minute: opened().merge(minute))


@pytest.mark.parametrize("holds", HELD, ids=lambda each: each.__name__)
def test_what_holds_for_counters_holds_here(store: Store, holds: Callable[[Store], None]) -> None:
    holds(store)


@pytest.mark.parametrize("seed", range(2))
def test_batches_that_are_tried_again_and_halved_count_once(store: Store, seed: int) -> None:
    tally.test_batches_that_are_tried_again_and_halved_count_once(store, seed)


def test_of_several_who_write_at_once_one_does_and_readers_see_all_of_it(store: Store) -> None:
    def write(_: int) -> int:
        """Write behind the newest place until there are twenty; how often it was this one."""
        counters, won = store.open(), 0
        while (place := counters.place(0)) != "20":
            made = delta(place, str(int(place or 0) + 1), of(MINUTE, a=1), minute=MINUTE)
            won += counters.add(made)
        return won

    counters: Any = store.open()
    warm = Warm(counters, lambda: MINUTE * 60.0)
    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, each) for each in range(3)]
        seen = []
        while not all(each.done() for each in writers):
            counters.merge(MINUTE + 1)
            warm.refresh()
            seen.append(warm.boards["page"].top(MINUTE + 1, 1, 1).total)
    warm.refresh()
    assert seen == sorted(seen)
    assert sum(each.result() for each in writers) == 20
    assert warm.boards["page"].top(MINUTE + 1, 1, 1).total == 20
    assert counted(store.open()) == {MINUTE: {"a": 20}}


def test_what_is_too_long_for_an_item_lies_in_several(store: Store) -> None:
    random = np.random.default_rng(1)
    keys = [each.tobytes().hex() for each in random.integers(0, 2**62, (20_000, 8))]
    ids = random.integers(0, 2**62, 200_000)
    ones = np.ones(len(keys), np.int64)
    some = {"page": [Counted(MINUTE, keys, ones * 0, ones)]}
    assert store.open().add(Delta(0, "", "1", some, ids, MINUTE))
    store.tend(MINUTE + 1)
    (found,) = store.open().counts("page", MINUTE)
    assert sorted(found.keys) == sorted(keys)
    assert np.array_equal(np.concatenate(list(store.open().seen(0, 0))), ids)


def test_a_million_views_count_exactly_though_functions_die_and_batches_are_halved_and_come_twice(
    target: Cloud, table: str
) -> None:
    client, stream = target.client("dynamodb"), stream_of(1_000_000, seed=3)
    mapped = counted_by_functions(client, table, stream, writes=600, at_once=(2, 20, 60))
    cold = Warm(CountersTable(client, table), mapped.clock)
    cold.refresh()
    assert not differences(stream, told_by(mapped.warm), told_by(cold))
