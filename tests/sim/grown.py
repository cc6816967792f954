"""Files that have grown: their new lines come in; a last line without an end is replaced."""

from dataclasses import dataclass, field

from pipeline.home import WritingHome
from pipeline.sources import find
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed, known_input
from pipeline.stream.growth import lengths_known
from pipeline.stream.scan import scan
from tests.sim.senders import File, ShortReads, World
from tests.sim.traffic import with_provenance
from tests.sim.truth import Line, Truth, h64, signed


@dataclass
class Grown(File):
    """A file that goes on with `base`; `lines` are those behind the whole lines of it.

    whole  all its lines
    """

    base: File = field(kw_only=True)
    whole: tuple[Line, ...] = field(kw_only=True)

    @property
    def all_lines(self) -> tuple[Line, ...]:
        return self.whole

    def send(self, home: WritingHome, world: World) -> None:
        """Feed the file to its end. Raises what the home raises."""
        limits, now_ms = home.worker.context.limits, world.now_ms()
        file = ShortReads(self.content, world.random.choice((60, 200, 1 << 20)))
        origin = Origin(find(self.source), (), "", now_ms)
        found = scan(file, self.name, limits, lengths_known(home.store, self.source))
        try:
            for _ in feed(home.store, file, found, origin, limits):
                self._arrived(home, now_ms)
                world.pause(home)
        finally:
            self._arrived(home, now_ms)
        self.accept(world.truth)

    def _arrived(self, home: WritingHome, now_ms: int) -> None:
        # What is left of the base may come in before it, in attempts of their own.
        if not self.arrivals and known_input(home.store, self.source, self.digest):
            self.arrivals.append(now_ms)

    def accept(self, truth: Truth) -> None:
        """All of the base is in with it; a last line of that which had no end is taken back."""
        self.base.accept(truth)
        if self.accepted:
            return
        self.accepted = True
        truth.files.add((self.source, self.digest))
        truth.records[self.source] += 1
        first, before = len(self.whole) - len(self.lines), None
        for line in self.whole[:first]:
            before = before if line.time_ms is None else line.time_ms
        if self.base.open_end and not self.base.taken_back:
            self.base.taken_back = True
            _take_back(truth, self.base, first, before)
        lines = with_provenance(self.lines, None)
        arrival_ms = self.arrivals[0]
        truth.plain(self.source, self.identity, self.identity, lines, arrival_ms, first, before)


def _take_back(truth: Truth, base: File, ordinal: int, before: int | None) -> None:
    line, arrival_ms = base.lines[-1], base.arrivals[0]
    record_id = signed(h64(base.identity) + ordinal)
    if line.fate == "row":
        before = before if line.time_ms is None else line.time_ms
        time_ms = arrival_ms if before is None else before
        del truth.rows[base.source.replace("-", "_"), time_ms, record_id]
        truth.counts[base.source, "row"] -= 1
    else:
        del truth.rejects[base.source, arrival_ms, record_id]
        truth.counts[base.source, "reject"] -= 1
    truth.counts[base.source, "continued"] += 1
