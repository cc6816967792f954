"""The worker: takes records from the stream, brings them to the lake, moves the checkpoint.

The rules are those of an AWS event source mapping with partial answers, bisecting, bounded
attempts, a bounded age and a failure store (AWS Lambda Developer Guide, "Using Lambda to process
records from Amazon Kinesis Data Streams"):

- A batch that fails unexpectedly is halved until one record stands alone: its neighbours land.
- That record is tried `limits.attempts` times, or once when it is older than `limits.age_hours`;
  then it goes whole into the failure store, and the checkpoint passes it.
- Attempts are counted over restarts. Where the process itself dies, what it had in hand is halved
  at the next start, and a record with which it died `limits.fatal_attempts` times goes the same way
  (trials.py).
- A sink that does not take what it is given holds its shard instead: nothing is pushed aside for
  it, and the order stays.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from random import Random

from pipeline.batch import Context, Fault, Ports, Report, guarded, process, set_aside
from pipeline.consume.trials import Trials
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.pauses import Pauses
from pipeline.deliver.quarantine import QuarantineFolder
from pipeline.errors import DeliveryError
from pipeline.lake import catalogue
from pipeline.ledger import continued, entries, erased
from pipeline.schema import HOUR_MS
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream import log
from pipeline.stream.log import Head, Log, Stored

PRUNE_SLICE = 2_000
PRUNE_EVERY_S = 60.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Holding:
    """A shard that waits for its sink: since when (epoch seconds), and what the sink last said."""

    since: float
    error: DeliveryError


@dataclass(frozen=True, slots=True)
class _Landing:
    """What was written of some records and is to be noted: reports by source, lines taken back."""

    reports: list[tuple[str, Report]]
    taken_back: list[continued.TakenBack]


@dataclass
class Worker:
    """Consumes the stream: processes the next records of each shard and notes it all at once.

    rows, rejected, dropped   lines that it has brought somewhere, where it was told so: the ledger
                              knows of what landed while the answer to the commit was lost, too
    holding                   by shard: what waits for a failing sink
    landed                    when the last records landed (epoch seconds); None: none yet
    clock                     seconds since the epoch; people set it, so nothing waits by it
    ticks                     seconds that only ever rise
    """

    store: Store
    log: Log
    sink: LakeSink
    quarantine: QuarantineFolder
    context: Context
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    ticks: Callable[[], float] = time.monotonic
    random: Random = field(default_factory=Random)
    rows: int = 0
    rejected: int = 0
    dropped: int = 0
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)
    holding: dict[int, Holding] = field(default_factory=dict)
    landed: float | None = None
    _window: dict[int, int] = field(init=False)
    _trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        self._trials = Trials(self.store)
        self._window = self._trials.widths()

    def drain(self) -> None:
        """Consume until nothing waits.

        Raises DeliveryError when a sink fails for longer than the settings' patience; what the
        stream has accepted stays in it.
        """
        while any([self._step_patiently(shard) for shard in self._ready()]):
            pass

    def _ready(self) -> range:
        """The shards that are consumed now; those before them wait for no sink any more."""
        ready = self.log.ready()
        for shard in [each for each in self.holding if each not in ready]:
            del self.holding[shard]
        return ready

    def _step_patiently(self, shard: int) -> bool:
        pauses, waited, failed = Pauses(self.random), 0.0, False
        while True:
            try:
                stepped = self.step(shard)
            except DeliveryError:
                if waited >= self.context.limits.sink_patience_s:
                    raise
                pause = pauses.next()
                waited += pause
                # What failed may have landed nevertheless: its answer alone was lost.
                failed = True
            else:
                if not self._trials.attempts(shard):
                    return stepped or failed
                pause = pauses.next()
            self.sleep(pause)

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set; then the step that is under way is finished, no other begun.

        Records are landed together: when they have waited `limits.flush_seconds`, or as soon as
        they are `limits.flush_bytes` as stored. The shards take turns, so that none waits for
        another. A failing sink is tried again with growing pauses, each shard by itself, for as
        long as it takes; a record that fails, too.

        Raises HomeError when log.db is damaged.
        """
        pauses: dict[int, Pauses] = {}
        due: dict[int, float] = {}
        pruned = float("-inf")
        while not stop.is_set():
            goes_on = False
            for shard in self._ready():
                if not stop.is_set() and self._is_due(shard, due.get(shard, 0.0)):
                    pause = self._turn(shard, pauses.setdefault(shard, Pauses(self.random)))
                    due[shard] = self.ticks() + pause
                    goes_on |= not pause
            if self.ticks() - pruned > PRUNE_EVERY_S:
                self._prune_patiently()
                pruned = self.ticks()
            if not goes_on:
                stop.wait(LOOK_EVERY_S)

    def _is_due(self, shard: int, at: float) -> bool:
        if at <= self.ticks():
            return True
        # What failed has its pause, however much waits behind it.
        fails = shard in self.holding or self._trials.attempts(shard)
        return not fails and self._much_waits(shard)

    def _turn(self, shard: int, pauses: Pauses) -> float:
        """Land what waits, as much as goes at once; seconds until the shard is looked at again."""
        try:
            stepped = self.step(shard)
        except DeliveryError:
            return pauses.next()
        if self._trials.attempts(shard):
            return pauses.next()
        pauses.reset()
        if stepped and (shard in self._window or self._much_waits(shard)):
            return 0.0
        return self.context.limits.flush_seconds

    def _much_waits(self, shard: int) -> bool:
        limits = self.context.limits
        try:
            return self.log.waiting_bytes(shard, limits.batch_records) >= limits.flush_bytes
        except DeliveryError:
            # It cannot be read now; the step that is due says so.
            return False

    def _prune_patiently(self) -> None:
        # What cannot be pruned now is pruned another time; the shards say what is wrong.
        with suppress(DeliveryError):
            self.prune()

    def step(self, shard: int) -> bool:
        """Process the next records of a shard; false when none waits.

        Rows and quarantine objects are written first; then catalogue, ledger and checkpoint change
        in one transaction. Raises DeliveryError when any of it is not taken: then nothing has
        changed, or all of it has and the answer alone was lost.
        """
        limits = self.context.limits
        most = min(self._window.get(shard, limits.batch_records), limits.batch_records)
        try:
            heads = _settled(self.log.heads(shard, most, limits))
            if heads:
                self._land(shard, heads)
        except DeliveryError as error:
            self._trials.let_go(shard)
            held = self.holding.get(shard)
            # Without its traceback, whose frames hold all the rows of the attempt.
            said = DeliveryError(error.what, error.where, error.fix)
            self.holding[shard] = Holding(held.since if held else self.clock(), said)
            raise
        self.holding.pop(shard, None)
        return bool(heads)

    def _land(self, shard: int, heads: list[Head]) -> None:
        first, limits = heads[0], self.context.limits
        ends = self._trials.ends(shard, first.seq)
        if len(heads) == 1 and ends >= limits.fatal_attempts:
            fault = Fault(f"the process ended {ends} times while it was processed")
            self._set_aside(shard, first, fault)
            return
        self._trials.take_up(shard, first.seq, len(heads))
        landing = guarded(lambda: self._processed(heads))
        if isinstance(landing, Fault):
            self._failed(shard, heads, landing)
            return
        self._note(shard, landing, heads[-1].seq)
        self._widen(shard)

    def _processed(self, heads: list[Head]) -> _Landing:
        self._forget()
        records = self.log.load(heads)
        reports = [self._process(name, mine) for name, mine in _by_source(records)]
        return _Landing(reports, self._taken_back(records))

    def _failed(self, shard: int, heads: list[Head], fault: Fault) -> None:
        """Halve the batch; the last one left is tried again, then set aside."""
        self._discard()
        if len(heads) > 1:
            self._window[shard] = len(heads) // 2
            return
        (head,) = heads
        self._window[shard] = 1
        attempts = self._trials.fault(shard, head.seq)
        limits = self.context.limits
        age_ms = self.clock() * 1000 - head.arrival_ms
        if attempts < limits.attempts and age_ms < limits.age_hours * HOUR_MS:
            return
        self._set_aside(shard, head, fault)

    def _set_aside(self, shard: int, head: Head, fault: Fault) -> None:
        """Bring a record whole into the failure store; a line that it reads anew stands."""
        self._forget()
        ports = Ports(self.sink, self.quarantine)
        loaded = guarded(lambda: self.log.load([head]))
        # Where its bytes are damaged, these are all there is to be kept.
        stored = self.log.as_it_lies(head) if isinstance(loaded, Fault) else loaded[0]
        source = find(stored.source)
        report = set_aside(stored.record, source, ports, fault.detail, int(self.clock() * 1000))
        self._note(shard, _Landing([(stored.source, report)], []), head.seq)
        self._widen(shard)

    def _discard(self) -> None:
        """Remove what a failed attempt wrote; what cannot be removed is a stray, and no more."""
        for file in self.sink.take():
            if not catalogue.knows(self.store, file.path):
                with suppress(OSError):
                    self.sink.disk.remove(self.sink.folder / file.path)

    def _forget(self) -> None:
        # What an attempt before this one wrote and did not note will be written again.
        self.sink.take()
        self.sink.take_left_out()
        self.quarantine.take()

    def _widen(self, shard: int) -> None:
        if self._trials.on_trial(shard):
            return
        window = self._window.pop(shard, None)
        if window is not None and window * 2 < self.context.limits.batch_records:
            self._window[shard] = window * 2

    def _note(self, shard: int, landing: _Landing, last: int) -> None:
        with self.store.transaction() as connection:
            self._enter(connection, landing.reports)
            log.advance(connection, shard, last)
            self._trials.passing(connection, shard, last)
            for each in landing.taken_back:
                continued.note(connection, each)
        self._trials.passed(shard, last)
        for _, report in landing.reports:
            self._count(report)
        self.landed = self.clock()

    def _taken_back(self, records: list[Stored]) -> list[continued.TakenBack]:
        """Lines without an end that these records read anew."""
        now_ms, sink = int(self.clock() * 1000), self.sink
        found = [
            continued.take_back(
                self.store, sink.folder, stored.replaces, stored.record, now_ms, sink.disk
            )
            for stored in records
            if stored.replaces is not None
        ]
        return [each for each in found if each is not None]

    def _enter(self, connection: sqlite3.Connection, reports: list[tuple[str, Report]]) -> None:
        catalogue.add(connection, self.sink.take())
        erased.add_left_out(connection, self.sink.take_left_out())
        entries.add_objects(connection, self.quarantine.take())
        for name, report in reports:
            entries.add(connection, name, find(name).table.name, report.outcomes)

    def _process(self, name: str, records: list[Stored]) -> tuple[str, Report]:
        ports = Ports(self.sink, self.quarantine)
        batch = [stored.record for stored in records]
        now_ms = int(self.clock() * 1000)
        return name, process(batch, find(name), ports, self.context, now_ms)

    def _count(self, report: Report) -> None:
        for outcome in report.outcomes:
            self.rows += outcome.rows
            self.rejected += outcome.rejected
            self.dropped += sum(outcome.dropped.values())
        self.miscounts.update(report.miscounts)

    def prune(self) -> None:
        """Forget consumed records that are older than the settings' retention, slice by slice."""
        before_ms = int(self.clock() * 1000) - self.context.limits.retention_hours * HOUR_MS
        while True:
            with self.store.transaction() as connection:
                if log.prune(connection, before_ms, PRUNE_SLICE) < PRUNE_SLICE:
                    erased.forget(connection, int(self.clock() * 1000))
                    return


def _settled(heads: list[Head]) -> list[Head]:
    """The first of some records, none of which replaces another of them."""
    for at, head in enumerate(heads):
        if head.replaces is not None and head.replaces >= heads[0].seq:
            return heads[:at]
    return heads


def _by_source(records: list[Stored]) -> list[tuple[str, list[Stored]]]:
    # One call a source: order matters only among the records of one source.
    ordered = sorted(records, key=lambda stored: stored.source)
    return [(name, list(mine)) for name, mine in groupby(ordered, key=lambda s: s.source)]
