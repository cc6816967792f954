"""One batch taken, as far as the time goes: objects one by one, or a slice of a shard by pages."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline import invoke
from pipeline.backfill.notes import Begun, Counts, Failed
from pipeline.backfill.plan import Batch, Object, Request, Slice
from pipeline.backfill.shards import Place, Shards
from pipeline.decode.peek import log_group_of
from pipeline.errors import TailraceError, Unforeseen
from pipeline.invoke import events
from pipeline.triggers import kinesis

# With less than this nothing more is begun: what it would do might come to nothing.
RESERVE_S = 90.0
# As the event source mapping brings them at once.
EVENT_BYTES = 4 << 20
WHY = 200
# Records of a slice that may break us: where it is more, it is no matter of a record.
MOST_BROKEN = 20


@dataclass(slots=True)
class Reading:
    """A slice that is being read.

    untried  sequence numbers of records that broke us before, and are still to be tried
    broken   why records could not be taken, by their sequence numbers
    """

    place: Place
    counts: Counts
    untried: list[str]
    broken: dict[str, Failed] = field(default_factory=dict)

    @classmethod
    def of(cls, begun: Begun) -> "Reading":
        """Where an earlier call has left it."""
        return cls(Place(begun.after, begun.at_ms), begun.counts, list(begun.broken))

    def begun(self, *failed: Failed) -> Begun:
        """How far it is, and what else has failed."""
        return Begun(
            after=self.place.after,
            at_ms=self.place.at_ms,
            broken=(*self.untried, *self.broken),
            counts=self.counts,
            failed=(*failed, *self.broken.values()),
        )


@dataclass(frozen=True)
class Taking:
    """A batch at work.

    stack   whose home says of records that they come again
    left    seconds until the call has to wind up
    now_ms  the time of landing
    """

    request: Request
    batch: Batch
    stack: invoke.Stack
    shards: Shards
    left: invoke.Left
    now_ms: int

    def go_on(self, begun: Begun) -> tuple[Begun, bool]:
        """How far it has come then, and whether the time was up before its end."""
        if self.batch.slice:
            return self._records(begun, self.batch.slice)
        return self._objects(begun)

    def _objects(self, begun: Begun) -> tuple[Begun, bool]:
        places = range(len(self.batch.objects)) if begun.left is None else begun.left
        if max(places, default=0) >= max(len(self.batch.objects), 1):
            what, fix = "what is noted of a batch is of another one", "delete what is noted of it"
            raise TailraceError(what, f"batch {self.batch.number}", fix)
        counts, failed, left = begun.counts, [], list(places)
        late = False
        for place in places:
            one, fresh = self.batch.objects[place], len(left) == len(places)
            late = not fresh and self.left() < RESERVE_S
            if late:
                break
            taken = self._take(events.of_object(self.request.bucket, one.key, one.stored_ms))
            # It began too late; the next call begins with it.
            late = not fresh and bool(taken.failures) and self.left() <= 0
            if late:
                break
            if taken.failures:
                failed.append(Failed(self._uri(one), taken.failures[0].what[:WHY]))
                continue
            left.remove(place)
            counts += _counts(taken) + Counts(objects=1, bytes=one.bytes)
        return Begun(tuple(left), counts=counts, failed=tuple(failed)), late

    def _records(self, begun: Begun, part: Slice) -> tuple[Begun, bool]:
        reading = Reading.of(begun)
        try:
            return self._read(reading, part)
        except TailraceError as error:
            stopped = Failed(f"{part.shard} of {self.shards.stream}", error.what[:WHY])
            return reading.begun(stopped), False

    def _read(self, reading: Reading, part: Slice) -> tuple[Begun, bool]:
        """Records that broke us before, then page after page."""
        while reading.untried:
            self._again(reading, part, reading.untried[0])
            del reading.untried[0]
        began = reading.place
        for page in self.shards.pages(part, began):
            if reading.place != began and self.left() < RESERVE_S:
                return reading.begun(), True
            # Of a page that is not taken to its end nothing counts: it comes again.
            counts, broken = reading.counts, dict(reading.broken)
            for some in _pieces(page.records):
                counts += self._some(part, some, broken)
            reading.place, reading.counts, reading.broken = page.place, counts, broken
        return reading.begun(), False

    def _again(self, reading: Reading, part: Slice, sequence: str) -> None:
        found = self.shards.record(part.shard, sequence)
        if found:
            reading.counts += self._some(part, found, reading.broken)
        else:
            reading.broken[sequence] = self._failed(part, sequence, "the stream has it no more")

    def _some(self, part: Slice, some: list[dict[str, Any]], broken: dict[str, Failed]) -> Counts:
        """What came of records, in halves where one of them breaks us, as Lambda tries them.

        Raises DeliveryError where they are not delivered, Unforeseen where too many break us.
        """
        event = self._wanted(events.of_records(self.shards.stream, part.shard, some))
        if not event["Records"]:
            return Counts()
        try:
            taken = self._take(event)
        except Unforeseen as fault:
            if len(broken) >= MOST_BROKEN:
                raise
            half = len(some) // 2
            if half:
                first = self._some(part, some[:half], broken)
                return first + self._some(part, some[half:], broken)
            sequence = some[0]["SequenceNumber"]
            broken[sequence] = self._failed(part, sequence, f"{fault.what} {fault.where}")
            return Counts()
        if taken.failures:
            raise taken.failures[0]
        size = sum(len(each["Data"]) for each in some)
        return _counts(taken) + Counts(records=len(event["Records"]), bytes=size)

    def _failed(self, part: Slice, sequence: str, why: str) -> Failed:
        return Failed(f"{sequence} in {part.shard} of {self.shards.stream}", why[:WHY])

    def _wanted(self, event: dict[str, Any]) -> dict[str, Any]:
        """The same with the records of the source that is asked for alone."""
        if not self.request.source:
            return event
        limits, routes = self.stack.context.limits, self.stack.routes
        groups = [log_group_of(each, limits) for each in kinesis(event)]
        pairs = zip(event["Records"], groups, strict=True)
        mine = [each for each, group in pairs if routes.source_of(group) == self.request.source]
        return {"Records": mine}

    def _take(self, event: dict[str, Any]) -> invoke.Taken:
        return invoke.take(event, self.stack, self.left, self.now_ms)

    def _uri(self, one: Object) -> str:
        return f"s3://{self.request.bucket}/{one.key}"


def _counts(taken: invoke.Taken) -> Counts:
    sums = taken.totals()
    names = ("events_in", "rows", "rejected", "dropped")
    return Counts(**{name: sums[name] for name in names})


def _pieces(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    mine: list[dict[str, Any]] = []
    size = 0
    for each in records:
        if mine and size + len(each["Data"]) > EVENT_BYTES:
            yield mine
            mine, size = [], 0
        mine.append(each)
        size += len(each["Data"])
    if mine:
        yield mine
