"""A million views, counted by processes that are killed: every window is answered exactly.

On a DynamoDB that somebody else has made: tests/e2e/test_counters.py.
"""

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from pipeline.batch import Context
from pipeline.beacon import SOURCE
from pipeline.consume.counting import CountingWorker
from pipeline.counters.file import CountersFile
from pipeline.counters.table import CountersTable
from pipeline.counters.tally import Tally
from pipeline.counters.warm import Warm
from pipeline.errors import DeliveryError
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.store import Edge, Store
from pipeline.stream.log import Incoming, Log
from tests.counters.account import TABLE, Account
from tests.counters.mapped import counted
from tests.counters.million import Stream, differences, stream_of, told_by
from tests.sim.poison import lookups, poisoned

VIEWS, KILLS = 1_000_000, 20
POISON_EVERY, APPENDED_AT_ONCE = 400, 1_000
PATIENCE_S = 120.0
# Imports what is tested once; each process of it begins with that.
STARTER = get_context("forkserver")
STARTER.set_forkserver_preload([__name__])


def _failing(seed: int) -> Callable[[Edge], None]:
    """A disk that says no now and then, before a transaction is written or behind it."""
    random = Random(seed)

    def watch(edge: Edge) -> None:
        if random.random() < 0.02:
            raise sqlite3.OperationalError("disk I/O error")

    return watch


def _count(home: Path, seed: int, now_s: float, told: Connection) -> None:
    """What a process does: count until nothing waits; after each step it tells of how much."""
    limits = Limits(batch_records=Random(seed).choice((20, 100, 300)))
    within = Context(lookups(), limits, Formats(), ())
    counters = CountersFile(home, _failing(seed))
    with closing(Store(home, writer=True)) as store, closing(counters):
        tally = Tally(counters, lambda: now_s, answers=False)
        worker = CountingWorker(Log(store), tally, within, lambda: now_s)
        while _stepped(worker, told):
            pass


def _stepped(worker: CountingWorker, told: Connection) -> bool:
    """Take a step in each shard and tell of it; whether anything may be left."""
    left = False
    for shard in worker.log.shards:
        try:
            records = worker.step(shard)
        except DeliveryError:
            left = True
        else:
            told.send(records)
            left |= records > 0
    return left


def _killed(home: Path, seed: int, records: int, now_s: float) -> None:
    """A process that is killed at some moment when it has counted so many records."""
    ours, theirs = STARTER.Pipe(duplex=False)
    process = STARTER.Process(target=_count, args=(home, seed, now_s, theirs), daemon=True)
    process.start()
    theirs.close()
    while records > 0:
        assert ours.poll(PATIENCE_S)
        records -= ours.recv()
    # Anywhere in a step, which takes about as long.
    ours.poll(Random(seed).random() / 50)
    process.kill()
    process.join(PATIENCE_S)
    assert process.exitcode == -signal.SIGKILL


def _records(stream: Stream) -> Iterator[Incoming]:
    """Views, and now and then what breaks the code: a batch that holds it is halved."""
    random = Random(1)
    for post in stream.posts():
        key = str(post.key)
        yield Incoming(
            SOURCE, key, post.lines, post.arrival_ms, post.identity, log_group=SOURCE, plain=True
        )
        if not post.number % POISON_EVERY:
            broken = poisoned(random, post.arrival_ms)
            yield Incoming(broken.source, key, broken.content, post.arrival_ms)


def _appended(home: Path, stream: Stream) -> int:
    """Put all of it into the log; how many records there are."""
    with closing(Store(home, writer=True)) as store:
        log, records = Log(store), _records(stream)
        while some := list(islice(records, APPENDED_AT_ONCE)):
            log.append(some)
        shards = store.rows("select shard, count(*) from record group by shard")
    assert len(shards) > 2
    return sum(records for _, records in shards)


@pytest.mark.slow
def test_a_million_views_count_exactly_though_counting_is_killed_twenty_times(
    tmp_path: Path,
) -> None:
    stream, random = stream_of(VIEWS, seed=1), Random(1)
    records, now_s = _appended(tmp_path, stream), stream.end_ms / 1000
    for seed in range(KILLS):
        _killed(tmp_path, seed, random.randrange(1, records // 25), now_s)
    with (
        closing(Store(tmp_path, writer=True)) as store,
        closing(CountersFile(tmp_path)) as counters,
    ):
        tally = Tally(counters, lambda: now_s)
        within = Context(lookups(), Limits(), Formats(), ())
        worker = CountingWorker(Log(store), tally, within, lambda: now_s)
        assert sum(map(worker.step, worker.log.shards)) > 0
        worker.drain()
        again = Tally(counters, lambda: now_s)
        assert not differences(stream, told_by(tally), told_by(again))


def test_views_count_exactly_though_functions_die_and_batches_are_halved_and_come_twice() -> None:
    stream, account = stream_of(40_000, seed=2), Account()
    mapped = counted(account.client, TABLE, stream, writes=150, at_once=(1, 4, 9))
    cold = Warm(CountersTable(account.client, TABLE), mapped.clock)
    cold.refresh()
    assert not differences(stream, told_by(mapped.warm), told_by(cold))
