"""Reshards: new shards for new records, and none of them is consumed before the older ones."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.home import WritingHome, audit_of, writing
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.store.database import Edge
from pipeline.stream.log import Incoming, Log, advance
from pipeline.stream.shards import generations, open_shards, reshard, shard_of
from tests.carriers import ARRIVAL_MS
from tests.homes import flow, numbers
from tests.processed import context

DEADLINE_S = 20.0
RECORD = Incoming("vpc-flow", "a", b"payload", 1_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path, writer=True)
    yield opened
    opened.close()


def test_another_number_opens_new_shards_and_the_same_one_none(store: Store) -> None:
    Log(store).append([RECORD])
    reshard(store, 4)
    assert generations(store) == [range(4)]
    reshard(store, 2)
    assert generations(store) == [range(4), range(4, 6)]
    assert open_shards(store.connection) == range(4, 6)
    Log(store).append([RECORD])
    reshard(store, 4)
    assert generations(store) == [range(4), range(4, 6), range(6, 10)]


def test_shards_without_a_record_are_forgotten_at_the_next_reshard(store: Store) -> None:
    reshard(store, 2)
    Log(store).append([RECORD])
    reshard(store, 1)
    reshard(store, 3)
    assert generations(store) == [range(4, 6), range(7, 10)]


def test_equal_keys_meet_in_one_open_shard() -> None:
    assert {shard_of("a", range(4, 7)) for _ in range(3)} == {4 + shard_of("a", range(3))}
    assert {shard_of(str(n), range(4, 7)) for n in range(40)} == {4, 5, 6}


def test_nothing_is_consumed_before_what_lies_in_older_shards(store: Store) -> None:
    Log(store).append([replace(RECORD, key=key) for key in "abc"])
    reshard(store, 2)
    log = Log(store)
    log.append([RECORD])
    assert (log.ready(), log.backlog(), log.oldest_ms()) == (range(4), 4, 1_000)
    for shard in range(4):
        with store.transaction() as connection:
            advance(connection, shard, 3)
    assert (log.ready(), log.backlog()) == (range(4, 6), 1)
    assert Log(store).ready() == range(4, 6)


@contextmanager
def resharded(home: Path, *counts: int) -> Iterator[WritingHome]:
    """A home with ten flows of one key in the shards of each number; the last is opened."""
    for number, shards in enumerate(counts):
        settings = replace(context(), limits=Limits(shards=shards))
        with writing(home, settings) as opened:
            flows = [flow(10 * number + n) for n in range(1, 11)]
            opened.log.append([Incoming("vpc-flow", "a", each, ARRIVAL_MS) for each in flows])
            if number == len(counts) - 1:
                opened.worker.clock = lambda: ARRIVAL_MS / 1000
                yield opened


def landed(home: Path) -> list[tuple[int, int]]:
    """First and last sequence number of the flushes of flows, as they landed."""
    with closing(sqlite3.connect(home / "log.db")) as connection:
        return connection.execute(
            "select first_seq, last_seq from lake_file where tbl = 'vpc_flow' order by rowid"
        ).fetchall()


def test_records_of_a_key_land_in_order_over_reshards(tmp_path: Path) -> None:
    with resharded(tmp_path, 4, 1, 3) as opened:
        opened.worker.drain()
        assert opened.log.backlog() == 0
        assert audit_of(opened).balanced
    assert landed(tmp_path) == [(1, 10), (11, 20), (21, 30)]
    assert numbers(tmp_path) == list(range(1, 31))


@contextmanager
def losing(home: Path, *counts: int) -> Iterator[WritingHome]:
    """The same; the answer to the first commit that lands something is lost."""
    lost: list[Edge] = []

    def lose(edge: Edge) -> None:
        if edge is Edge.COMMITTED and not lost and landed(home):
            lost.append(edge)
            raise sqlite3.OperationalError("disk I/O error")

    with resharded(home, *counts) as opened:
        opened.store.watch = lose
        opened.worker.sleep = lambda seconds: None
        yield opened
        assert lost == [Edge.COMMITTED]
        assert opened.log.backlog() == 0
        assert opened.worker.holding == {}


@pytest.mark.fault("F3")
def test_the_new_shards_are_emptied_when_the_answer_to_the_last_commit_was_lost(
    tmp_path: Path,
) -> None:
    with losing(tmp_path, 4, 1) as opened:
        opened.worker.drain()
    assert landed(tmp_path) == [(1, 10), (11, 20)]


class Minute(threading.Event):
    """Is set when a minute was waited for, which takes no time."""

    def __init__(self, look: Callable[[], object]) -> None:
        super().__init__()
        self.seconds, self._look = 0.0, look

    def wait(self, timeout: float | None = None) -> bool:
        self._look()
        self.seconds += timeout or 0.0
        if self.seconds > 60:
            self.set()
        return self.is_set()


@pytest.mark.fault("F3")
@pytest.mark.parametrize("counts", [(4,), (4, 1)])
def test_a_running_worker_holds_no_shard_that_has_landed_unheard(
    tmp_path: Path, counts: tuple[int, ...]
) -> None:
    held: list[int] = []
    with losing(tmp_path, *counts) as opened:
        worker = opened.worker
        minute = Minute(lambda: held.extend(worker.holding))
        worker.ticks = lambda: minute.seconds
        worker.run(minute)
    assert held
    assert len(landed(tmp_path)) == len(counts)


def test_a_running_worker_goes_on_with_the_new_shards(tmp_path: Path) -> None:
    stop, ends = threading.Event(), time.monotonic() + DEADLINE_S
    with resharded(tmp_path, 4, 2) as opened:

        def stop_when_landed() -> None:
            while time.monotonic() < ends and len(landed(tmp_path)) < 2:
                stop.wait(0.02)
            stop.set()

        thread = threading.Thread(target=stop_when_landed)
        thread.start()
        opened.worker.run(stop)
        thread.join()
    assert landed(tmp_path) == [(1, 10), (11, 20)]
    assert numbers(tmp_path) == list(range(1, 21))
