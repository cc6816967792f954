"""Functions that count the shards of a stream into a table, and die; as Lambda calls them.

A batch that fails is halved, and each half comes again; a batch that is done may come once more,
also to a function that has begun with it meanwhile.

Source: AWS Lambda Developer Guide, "How Lambda processes records from stream and queue-based event
sources".
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ConnectionClosedError

from pipeline.batch import read, rows_of, with_times
from pipeline.beacon import SOURCE
from pipeline.counters.board import MINUTE_MS
from pipeline.counters.table import MERGED_AFTER, CountersTable
from pipeline.counters.tally import Tally
from pipeline.counters.warm import Warm
from pipeline.deliver.simulated import Crash
from pipeline.errors import DeliveryError
from pipeline.sources import find
from pipeline.triggers import Record
from tests.counters.million import Stream
from tests.processed import context

SHARDS, DEATHS = 4, 20
# As Kinesis numbers them: far longer than an integer of the machine.
FIRST = 10**55
CONTEXT, VIEWS = context(), find(SOURCE)


@dataclass
class Faulty:
    """A client of DynamoDB that fails now and then, and dies at some of its writes.

    Both before the service has got it and when only its answer is missing.
    """

    client: Any
    random: Random
    dies: frozenset[int]
    writes: int = 0
    deaths: int = 0
    failures: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transact_write_items(self, **asked: Any) -> Any:
        """Write, or not."""
        self.writes += 1
        lost = self.random.random() < 0.5
        done = self.client.transact_write_items(**asked) if lost else None
        if self.writes in self.dies:
            self.deaths += 1
            raise Crash("of a function")
        if self.random.random() < 0.1:
            self.failures += 1
            raise ConnectionClosedError(endpoint_url="https://dynamodb")
        return done if lost else self.client.transact_write_items(**asked)


@dataclass
class Mapped:
    """A stream, functions that count it, one that merges, and one that answers meanwhile."""

    client: Faulty
    table: str
    random: Random
    now_ms: int = 0
    halved: int = 0
    twice: int = 0
    warm: Warm = field(init=False)
    _waiting: list[list[Record]] = field(default_factory=lambda: [[] for _ in range(SHARDS)])
    _functions: list[Tally] = field(default_factory=list)
    _minute: int = 0

    def __post_init__(self) -> None:
        self.warm = Warm(self._counters(), self.clock)

    def clock(self) -> float:
        """Seconds since the epoch."""
        return self.now_ms / 1000

    def _counters(self) -> CountersTable:
        return CountersTable(self.client, self.table)

    def _function(self) -> Tally:
        """One that is warm, or a new one."""
        if not self._functions or self.random.random() < 0.02:
            self._functions.append(Tally(self._counters(), self.clock, answers=False))
        return self.random.choice(self._functions[-3:])

    def count(self, stream: Stream, at_once: Sequence[int]) -> None:
        """Count all of a stream, in batches of some sizes."""
        sizes = [1] * SHARDS
        for post in stream.posts():
            shard = post.key % SHARDS
            self.now_ms, number = post.arrival_ms, str(FIRST + post.number)
            record = Record(post.lines, number, self.now_ms, post.identity, plain=True)
            self._waiting[shard].append(record)
            if len(self._waiting[shard]) >= sizes[shard]:
                self._deliver(shard)
                sizes[shard] = self.random.choice(at_once)
            self._tend()
        for shard in range(SHARDS):
            self._deliver(shard)
        self._tend()
        self.warm.refresh()

    def _tend(self) -> None:
        minute = self.now_ms // MINUTE_MS
        if minute > self._minute:
            self._minute = minute
            with suppress(DeliveryError, Crash):
                self._counters().merge(minute - MERGED_AFTER)
            self.warm.refresh()

    def _deliver(self, shard: int) -> None:
        """Call functions with what waits, in parts, until all of it is done."""
        batch, self._waiting[shard] = self._waiting[shard], []
        width = len(batch)
        while batch:
            some = batch[:width]
            if not self._done(shard, some):
                self.halved += width > 1
                width = max(1, width // 2)
                continue
            if self.random.random() < 0.1:
                # The answer of the function was lost.
                self.twice += 1
                continue
            batch, width = batch[width:], len(batch)

    def _done(self, shard: int, records: Sequence[Record]) -> bool:
        """Call a function, at times two at once; whether one has done it."""
        functions = [self._function() for _ in range(1 + (self.random.random() < 0.1))]
        for each in functions:
            try:
                each.place(shard)
            except DeliveryError:
                return False
        return [self._called(each, shard, records) for each in functions][-1]

    def _called(self, function: Tally, shard: int, records: Sequence[Record]) -> bool:
        try:
            counted = int(function.place(shard) or 0)
            new = [each for each in records if int(each.position) > counted]
            if not new:
                return True
            rows = rows_of(with_times(read(new, VIEWS, CONTEXT)), VIEWS, CONTEXT)
            return function.add(shard, new[-1].position, [(VIEWS.table, rows)])
        except DeliveryError:
            return False
        except Crash:
            self._functions = [each for each in self._functions if each is not function]
            return False


def counted(client: Any, table: str, stream: Stream, writes: int, at_once: Sequence[int]) -> Mapped:
    """Count a stream into a new table by functions of which twenty die within so many writes.

    at_once  sizes of batches, in records
    """
    random = Random(writes)
    dies = frozenset(random.sample(range(1, writes), DEATHS))
    mapped = Mapped(Faulty(client, random, dies), table, random)
    mapped.count(stream, at_once)
    assert mapped.client.deaths == DEATHS
    assert min(mapped.halved, mapped.twice, mapped.client.failures) > 0
    return mapped
