"""Consumed records of the log processed once more: for a lake that has lost something.

The rows are the same ones, under the same identities, in files that are named apart; the ledger
says what it said. A record that would become something else today (its rows, its rejects or its
drops), or whose stored bytes are damaged, is left alone: what was refused is replayed from the
quarantine.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
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


class Why(StrEnum):
    """Why a record is left alone."""

    REFUSED = "lines that became rows would be refused today"
    OTHER = "it would become something else today"
    TRIED = "what was refused of it was tried again since"
    FAILED = "it can no longer be processed"


@dataclass(frozen=True, slots=True)
class Repeat:
    """One batch that came again, in records.

    again  those that were processed once more, by source
    left   those that were left alone, by source and reason
    """

    again: Counter[str]
    left: Counter[tuple[str, Why]]


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
                yield self._repeat(stream, heads)

    def _repeat(self, stream: Log, heads: list[Head]) -> Repeat:
        why = self._again(stream, heads)
        if why is None:
            return Repeat(Counter(head.source for head in heads), Counter())
        if len(heads) == 1:
            return Repeat(Counter(), Counter({(heads[0].source, why): 1}))
        again, left = Counter[str](), Counter[tuple[str, Why]]()
        for head in heads:
            one = self._repeat(stream, [head])
            again += one.again
            left += one.left
        return Repeat(again, left)

    def _again(self, stream: Log, heads: list[Head]) -> Why | None:
        """Write them once more; or why one of them has to be left alone, and so nothing was."""
        # It reaches the lake only when it is what was there before.
        memory = MemorySink()
        outcomes = guarded(lambda: self._process(stream.load(heads), memory))
        if isinstance(outcomes, Fault):
            return Why.FAILED
        for outcome in outcomes:
            if (why := self._differs(outcome)) is not None:
                return why
        for table, rows, mine in memory.writes:
            self.sink.write(table, rows, mine)
        with self.store.transaction() as connection:
            catalogue.add(connection, self.sink.take())
        # The ledger promises nothing of these files.
        self.sink.take_left_out()
        return None

    def _process(self, records: list[Stored], sink: MemorySink) -> list[Outcome]:
        ports = Ports(sink, MemoryQuarantine())
        outcomes: list[Outcome] = []
        ordered = sorted(records, key=lambda stored: stored.source)
        for name, mine in groupby(ordered, key=lambda stored: stored.source):
            batch = [stored.record for stored in mine]
            outcomes += process(batch, find(name), ports, self.context, self.now_ms).outcomes
        return outcomes

    def _differs(self, outcome: Outcome) -> Why | None:
        """How it is not what the ledger says; other times would make other identities."""
        rows = self.store.rows(
            "select events_in, rows, rejected, identities, dropped, reasons from ledger"
            " where seq = ? and attempt = 0",
            int(outcome.record.position),
        )
        if not rows:
            return Why.TRIED
        *counts, dropped, reasons = tuple(rows[0])
        found = [outcome.events_in, outcome.rows, outcome.rejected, outcome.identities]
        names = _dropped.decode(dropped), _reasons.decode(reasons)
        if counts == found and names == (dict(outcome.dropped), dict(outcome.reasons)):
            return None
        return Why.REFUSED if outcome.rejected > rows[0]["rejected"] else Why.OTHER
