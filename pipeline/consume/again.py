"""Consumed records of the log processed once more: for a lake that has lost something.

The rows are the same ones, under the same identities, in files that are named apart; the ledger
says what it said. A record that would become something else today (its rows, its rejects or its
drops), or whose stored bytes are damaged, is left alone: what was refused is replayed from the
quarantine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import msgspec

from pipeline.batch import Context, Fault, Outcome, Ports, guarded, process
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.errors import Drop, Reason
from pipeline.lake import catalogue
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.log import Head, Log, Stored

_dropped = msgspec.json.Decoder(dict[Drop, int])
_reasons = msgspec.json.Decoder(dict[Reason, int])


@dataclass(frozen=True, slots=True)
class Repeat:
    """One batch that came again: how many records, and how many of them were left alone."""

    records: int
    left: int


@dataclass
class Repeater:
    """Processes records of the log again, into a sink whose files carry the name of the replay."""

    store: Store
    sink: LakeSink
    context: Context
    now_ms: int

    def run(self, arrived: range, source: str | None) -> Iterator[Repeat]:
        """Each batch of consumed records that arrived in a range of epoch milliseconds.

        Raises DeliveryError when the lake does not take one; then it can be run again.
        """
        stream = Log(self.store)
        for shard in stream.shards:
            behind = 0
            limits = self.context.limits
            while heads := stream.heads_again(shard, behind, arrived, source, limits):
                behind = heads[-1].seq
                yield Repeat(len(heads), self._repeat(stream, heads))

    def _repeat(self, stream: Log, heads: list[Head]) -> int:
        """Returns how many were left alone."""
        if self._again(stream, heads):
            return 0
        if len(heads) == 1:
            return 1
        return sum(self._repeat(stream, [head]) for head in heads)

    def _again(self, stream: Log, heads: list[Head]) -> bool:
        # It reaches the lake only when it is what was there before.
        memory = MemorySink()
        outcomes = guarded(lambda: self._process(stream.load(heads), memory))
        if isinstance(outcomes, Fault) or not all(map(self._as_before, outcomes)):
            return False
        for table, rows, mine in memory.writes:
            self.sink.write(table, rows, mine)
        with self.store.transaction() as connection:
            catalogue.add(connection, self.sink.take())
        # The ledger promises nothing of these files.
        self.sink.take_left_out()
        return True

    def _process(self, records: list[Stored], sink: MemorySink) -> list[Outcome]:
        ports = Ports(sink, MemoryQuarantine())
        outcomes: list[Outcome] = []
        ordered = sorted(records, key=lambda stored: stored.source)
        for name, mine in groupby(ordered, key=lambda stored: stored.source):
            batch = [stored.record for stored in mine]
            outcomes += process(batch, find(name), ports, self.context, self.now_ms).outcomes
        return outcomes

    def _as_before(self, outcome: Outcome) -> bool:
        """Whether the ledger says the same; other times would make other identities."""
        rows = self.store.rows(
            "select events_in, rows, rejected, identities, dropped, reasons from ledger"
            " where seq = ? and attempt = 0",
            int(outcome.record.position),
        )
        if not rows:
            return False
        *counts, dropped, reasons = tuple(rows[0])
        found = [outcome.events_in, outcome.rows, outcome.rejected, outcome.identities]
        names = _dropped.decode(dropped), _reasons.decode(reasons)
        return counts == found and names == (dict(outcome.dropped), dict(outcome.reasons))
