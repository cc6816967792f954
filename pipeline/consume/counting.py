"""The counting of a home: the stream's records as they come, without waiting for them to land.

It goes on behind the last record that is counted, which is kept with the counts. What breaks the
code is left out, as little of it as can be: the worker sees to it that it is not lost.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import groupby

from pipeline.batch import Context, Fault, guarded, read, rows_of, with_times
from pipeline.counters.board import KEPT_MINUTES, MINUTE_MS
from pipeline.counters.declared import ranked_sources
from pipeline.counters.seen import Rows, marked
from pipeline.counters.tally import Tally
from pipeline.deliver.erased import Erased
from pipeline.errors import DeliveryError
from pipeline.sources import find
from pipeline.stream.log import Head, Log, Stored

# A view is seen within a second, and what comes in meanwhile is counted in one go: a step of a few
# records costs as much as one of hundreds.
LOOK_EVERY_S = 0.2
TIDY_EVERY_S = 60.0
PAUSE_S = 1.0


@dataclass
class CountingWorker:
    """Counts what comes into the stream of a home.

    erased  what must not come back
    clock   seconds since the epoch
    ticks   seconds that only ever rise
    told    called with why it cannot count at present, again and again; with "" where it does
    """

    log: Log
    tally: Tally
    context: Context
    _: KW_ONLY
    erased: Erased = Erased()  # noqa: RUF009 - it never changes
    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    told: Callable[[str], None] = lambda problem: None

    def run(self, stop: threading.Event) -> None:
        """Count until `stop` is set. Where the counters cannot be kept it tries again.

        Raises HomeError when log.db or what keeps the counters is damaged.
        """
        tidied = float("-inf")
        while not stop.is_set():
            try:
                counted = max([self.step(shard) for shard in self.due()])
                if self.ticks() - tidied > TIDY_EVERY_S:
                    self.tally.tidy()
                    tidied = self.ticks()
            except DeliveryError as error:
                self.told(f"{error.what} {error.where}")
                stop.wait(PAUSE_S)
                continue
            self.told("")
            if counted < self.context.limits.batch_records:
                stop.wait(LOOK_EVERY_S)

    def drain(self) -> None:
        """Count until nothing waits. Raises DeliveryError where it cannot be kept."""
        while any([self.step(shard) for shard in self.due()]):
            pass

    def due(self) -> range:
        """The shards that are counted now: none before those it came after are counted.

        Of a view that came twice the first one counts, also where the second is in a new shard.
        """
        return self.log.first(lambda shard: bool(self._heads(shard)))

    def step(self, shard: int) -> int:
        """Count the next records of a shard; how many there were.

        Raises DeliveryError where it cannot be kept: nothing was counted then, or all of it and
        the answer alone was lost.
        """
        heads = self._heads(shard)
        if heads:
            self.tally.add(shard, str(heads[-1].seq), self._rows(heads))
        return len(heads)

    def _heads(self, shard: int) -> list[Head]:
        behind = int(self.tally.place(shard) or 0)
        since_ms = int(self.clock() * 1000) - KEPT_MINUTES * MINUTE_MS
        return self.log.heads_behind(shard, behind, since_ms, self.context.limits)

    def _rows(self, heads: Sequence[Head]) -> list[Rows]:
        """Rows of the records that rankings are about, and that break nothing."""
        mine = [head for head in heads if head.source in ranked_sources()]
        found = guarded(lambda: self._read(self.log.load(mine)))
        if not isinstance(found, Fault):
            return found
        if len(mine) == 1:
            return []
        half = len(mine) // 2
        return self._rows(mine[:half]) + self._rows(mine[half:])

    def _read(self, records: Sequence[Stored]) -> list[Rows]:
        found: list[Rows] = []
        for name, some in groupby(records, key=lambda stored: stored.source):
            source = find(name)
            reading = with_times(read([each.record for each in some], source, self.context))
            if len(reading.parsed.line):
                rows = rows_of(reading, source, self.context)
                rows = marked(rows, reading.batch, reading.parsed.line)
                found.append((source.table, self.erased.left(source.table.name, rows)))
        return found
