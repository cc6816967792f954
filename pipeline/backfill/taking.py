"""One batch taken, as far as the time goes: objects one by one, or a slice of a shard by pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline import invoke
from pipeline.backfill.notes import Begun, Counts, Failed
from pipeline.backfill.plan import Batch, Object, Request, Slice
from pipeline.backfill.shards import Page, Shards
from pipeline.decode.peek import log_group_of
from pipeline.errors import TailraceError
from pipeline.invoke import events
from pipeline.triggers import kinesis

# With less than this nothing more is begun: what it would do might come to nothing.
RESERVE_S = 90.0
# As the event source mapping brings them at once.
EVENT_BYTES = 4 << 20
WHY = 200


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
        counts, after = begun.counts, begun.after
        try:
            for page in self.shards.pages(part, after):
                if after != begun.after and self.left() < RESERVE_S:
                    return Begun(after=after, counts=counts), True
                counts += self._page(part, page)
                after = page.after
        except TailraceError as error:
            where = f"{part.shard} of {self.shards.stream}"
            failed = (Failed(where, error.what[:WHY]),)
            return Begun(after=after, counts=counts, failed=failed), False
        return Begun(after=after, counts=counts), False

    def _page(self, part: Slice, page: Page) -> Counts:
        counts = Counts()
        for some in _pieces(page.records):
            event = self._wanted(events.of_records(self.shards.stream, part.shard, some))
            if not event["Records"]:
                continue
            taken = self._take(event)
            if taken.failures:
                raise taken.failures[0]
            size = sum(len(each["Data"]) for each in some)
            counts += _counts(taken) + Counts(records=len(event["Records"]), bytes=size)
        return counts

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
