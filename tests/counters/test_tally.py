"""Each event counts once, whatever is tried again, broken off or sent twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from pipeline.counters.board import MINUTE_MS, Counted
from pipeline.counters.file import CountersFile
from pipeline.counters.ports import Counters, Delta
from pipeline.counters.tally import Tally
from pipeline.errors import DeliveryError
from pipeline.lake.tables import all_tables
from tests.counters.stores import KINDS, Store, store_of

NOON_S = 1_795_608_000
VIEWS, FLOWS = all_tables()["page_view"], all_tables()["vpc_flow"]


class Clock:
    """Seconds since the epoch, that a test moves."""

    now = float(NOON_S)

    def __call__(self) -> float:
        return self.now


def views(*made: tuple[int, str], at_ms: int = NOON_S * 1000) -> list[tuple[object, pa.Table]]:
    """Identity and page of each."""
    rows = [
        {"event_time": at_ms, "ingest_time": at_ms, "record_id": number, "page": page}
        for number, page in made
    ]
    return [(VIEWS, pa.Table.from_pylist(rows, VIEWS.arrow_schema))]


def pages(tally: Tally, minutes: int = 10) -> dict[str, int]:
    end = int(tally.clock() * 1000) // MINUTE_MS + 1
    return {each.key: each.count for each in tally.boards["page"].top(end, minutes, 100).items}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return store_of(request.param, tmp_path)


@pytest.fixture
def tally(store: Store) -> Tally:
    return Tally(store.open(), Clock())


def test_an_event_that_comes_again_counts_once(tally: Tally) -> None:
    assert tally.add(0, "1", views((1, "/a"), (2, "/a"), (2, "/a"), (3, "/b")))
    assert tally.add(0, "2", views((2, "/a"), (4, "/a")))
    assert pages(tally) == {"/a": 3, "/b": 1}


def test_what_was_counted_is_known_after_a_new_start(tally: Tally, store: Store) -> None:
    tally.add(0, "1", views((1, "/a"), (2, "/b")))
    again = Tally(store.open(), tally.clock)
    assert (again.place(0), pages(again)) == ("1", {"/a": 1, "/b": 1})
    again.add(0, "2", views((2, "/b"), (3, "/b")))
    assert pages(again) == {"/b": 2, "/a": 1}


def test_of_two_who_count_the_same_records_one_does(tally: Tally, store: Store) -> None:
    other = Tally(store.open(), tally.clock)
    assert (tally.place(0), other.place(0)) == ("", "")
    assert other.add(0, "1", views((1, "/a")))
    assert not tally.add(0, "1", views((1, "/a")))
    assert tally.place(0) == "1"


def test_an_event_is_remembered_as_long_as_it_could_count(tally: Tally) -> None:
    assert isinstance(tally.clock, Clock)
    tally.add(0, "1", views((1, "/a")))
    tally.clock.now += 44 * 60
    tally.add(0, "2", views((1, "/a"), at_ms=NOON_S * 1000 + 44 * 60_000))
    assert pages(tally, 60) == {"/a": 1}
    tally.clock.now += 200 * 60
    tally.tidy()
    assert (pages(tally, 60), list(tally.counters.counts("page", 0))) == ({}, [])


def test_an_event_twice_in_a_batch_counts_once_whatever_stands_between(tally: Tally) -> None:
    flows = [(FLOWS, FLOWS.arrow_schema.empty_table())]
    assert tally.add(0, "3", [*views((1, "/a")), *flows, *views((1, "/a"), (2, "/a"))])
    assert pages(tally) == {"/a": 2}


@pytest.mark.parametrize("restarted", [False, True])
def test_an_event_that_came_again_counts_once_where_counting_stood_still(
    tally: Tally, store: Store, restarted: bool
) -> None:
    assert isinstance(tally.clock, Clock)
    tally.add(0, "1", views((1, "/a")))
    tally.clock.now += 120 * 60
    again = Tally(store.open(), tally.clock) if restarted else tally
    again.tidy()
    arrived_ms = (NOON_S + 600) * 1000
    again.add(0, "2", views((1, "/a"), (2, "/b"), at_ms=arrived_ms))
    again.tidy()
    found: Counter[str] = Counter()
    for of in again.counters.counts("page", 0):
        found.update(dict(zip(of.keys, of.counts.tolist(), strict=True)))
    assert found == {"/a": 1, "/b": 1}


def test_titles_are_the_newest(tally: Tally) -> None:
    rows = [{"event_time": 0, "ingest_time": 0, "page": "/a", "title": t} for t in ("A", None, "B")]
    rows = [{**row, "record_id": number} for number, row in enumerate(rows)]
    tally.add(0, "1", [(VIEWS, pa.Table.from_pylist(rows, VIEWS.arrow_schema))])
    assert tally.titles == {"/a": "B"}


@pytest.mark.parametrize("between", ["GetItem", "Query"])
def test_what_somebody_else_counts_while_one_begins_is_not_counted_again(
    tmp_path: Path, between: str
) -> None:
    store, clock = store_of("table", tmp_path), Clock()
    tally, other = (Tally(store.open(), clock, answers=False) for _ in range(2))
    assert other.place(0) == ""

    def add(name: str) -> None:
        if name == between:
            store.account.before = lambda name: None
            assert other.add(0, "1", views((1, "/a"), (2, "/a")))

    store.account.before = add
    for place in ("1", "2"):
        tally.place(0)
        tally.add(0, place, views((2, "/a"), (3, "/a")))
    assert (tally.boards, tally.titles) == ({}, {})
    assert pages(Tally(store.open(), clock)) == {"/a": 3}


class Overtaken(CountersFile):
    """A file into which somebody else writes while its counts are read."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def counts(self, ranking: str, since: int) -> Iterator[Counted]:
        """Counts as they were, before somebody else wrote."""
        found = list(super().counts(ranking, since))
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return iter(found)


def test_what_somebody_else_counts_while_boards_are_read_is_on_them_at_last(
    tmp_path: Path,
) -> None:
    clock, counters = Clock(), Overtaken(tmp_path)
    tally, other = Tally(counters, clock), Tally(CountersFile(tmp_path), clock)
    assert tally.add(0, "1", views((1, "/a")))
    assert other.place(0) == "1"
    assert other.add(0, "2", views((2, "/b")))
    counters.meanwhile = lambda: other.add(0, "3", views((3, "/c")))
    # It is told that it is behind, reads anew, and is overtaken once more.
    assert not tally.add(0, "2", views((2, "/b")))
    while int(tally.place(0)) < 3:
        assert not tally.add(0, "3", views((3, "/c")))
    assert tally.add(0, "4", views((4, "/d")))
    assert pages(tally) == {"/a": 1, "/b": 1, "/c": 1, "/d": 1}


class Failing:
    """Counters that fail, before they are written or behind it."""

    def __init__(self, counters: Counters, random: Random) -> None:
        self.counters, self.random = counters, random

    def __getattr__(self, name: str) -> Any:
        return getattr(self.counters, name)

    def add(self, delta: Delta) -> bool:
        fate = self.random.random()
        if fate < 0.1:
            raise DeliveryError("not written")
        done = self.counters.add(delta)
        if fate < 0.2:
            raise DeliveryError("written, and nobody knows")
        return done


@pytest.mark.parametrize("seed", range(8))
def test_batches_that_are_tried_again_and_halved_count_once(store: Store, seed: int) -> None:
    random, clock = Random(seed), Clock()
    shards = [
        [(shard * 10_000 + number, f"/{random.randrange(30)}") for number in range(400)]
        for shard in range(3)
    ]
    for events in shards:
        for _ in range(8):
            at = random.randrange(1, len(events))
            events.insert(random.randrange(at, len(events)), events[at - 1])
    truth = Counter(page for events in shards for page in dict(events).values())
    tally = Tally(Failing(store.open(), random), clock)
    places = [0, 0, 0]
    while any(place < len(events) for place, events in zip(places, shards, strict=True)):
        shard = random.randrange(3)
        clock.now += random.choice((0, 0, 0, 20))
        store.tend(int(clock.now) // 60)
        if random.random() < 0.05:
            tally = Tally(Failing(store.open(), random), clock)
        # A mapping may begin anew anywhere before what it was told.
        first = max(0, places[shard] - random.choice((0, 0, 30)))
        size = random.choice((1, 7, 50))
        last = min(first + size, len(shards[shard]))
        counted = int(tally.place(shard) or 0)
        mine = shards[shard][max(first, counted) : last]
        if last > counted:
            try:
                tally.add(shard, str(last), views(*mine))
            except DeliveryError:
                continue
        places[shard] = max(places[shard], last)
    assert pages(tally, 60) == truth
    assert pages(Tally(store.open(), clock), 60) == truth
