"""Take an event in: what became of its records, and what has to come again."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline import triggers
from pipeline.batch import Fault, Report, guarded, process
from pipeline.decode.peek import log_group_of
from pipeline.errors import DeliveryError, TailraceError, Unforeseen, UsageError
from pipeline.invoke.arrival import arrival_ms
from pipeline.invoke.counted import count
from pipeline.invoke.objects import records_of
from pipeline.invoke.stack import Left, Stack
from pipeline.sources import find
from pipeline.triggers import Carrier, Notice, Record

# What is still to be said when the time is up: the answer, metrics, the log.
MARGIN_S = 2.0
SUMS = ("events_in", "rows", "rejected", "dropped", "bytes_in")


@dataclass(slots=True)
class Taken:
    """What became of an event: sums, for reports hold the payloads that they are about.

    sources    by source, how many reports came of it
    first      position of the first record that was delivered, to find it again in the log; or ""
    oldest_ms  arrival of the oldest; None: nothing was delivered
    again      sequence numbers or message ids that have to come again, as the carrier wants them
    failures   why they have to
    """

    carrier: Carrier
    sources: Counter[str] = field(default_factory=Counter)
    first: str = ""
    oldest_ms: int | None = None
    again: list[str] = field(default_factory=list)
    failures: list[TailraceError] = field(default_factory=list)
    _sums: Counter[str] = field(default_factory=Counter)

    def answer(self) -> dict[str, Any]:
        """The partial batch answer: `{"batchItemFailures": [{"itemIdentifier": position}]}`.

        Raises the first failure where the carrier takes no such answer: Lambda calls again.
        """
        if self.failures and not self.again:
            raise self.failures[0]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in self.again]}

    def age_ms(self, now_ms: int) -> int:
        """Since when the oldest record has waited, of those that were delivered; 0 for none."""
        return 0 if self.oldest_ms is None else max(now_ms - self.oldest_ms, 0)

    def totals(self) -> dict[str, int]:
        """Sums over all sources: events_in, rows, rejected, dropped, bytes_in."""
        return {name: self._sums[name] for name in SUMS}

    def add(self, source: str, report: Report) -> None:
        """Count what was delivered."""
        self.sources[source] += 1
        for outcome in report.outcomes:
            record = outcome.record
            self.first = self.first or record.position
            arrived = record.arrival_ms
            self.oldest_ms = arrived if self.oldest_ms is None else min(self.oldest_ms, arrived)
            dropped = sum(outcome.dropped.values())
            numbers = (outcome.events_in, outcome.rows, outcome.rejected, dropped)
            self._sums.update(dict(zip(SUMS, (*numbers, len(record.payload)), strict=True)))


def left_of(remaining_ms: Callable[[], int]) -> Left:
    """Seconds until an invocation has to wind up, of what Lambda says is left of it."""
    return lambda: remaining_ms() / 1000 - MARGIN_S


def take(event: Any, stack: Stack, left: Left, now_ms: int) -> Taken:
    """Bring the records of an event to the lake and the quarantine.

    now_ms  the time of landing, and of arrival where the carrier tells none

    Raises UsageError when the event is no known carrier's; Unforeseen at a fault of ours in a
    stream, which Lambda tries again in halves until the record is alone.
    """
    taken = Taken(triggers.carrier_of(event))
    if taken.carrier is Carrier.KINESIS:
        records = triggers.kinesis(event)
        if stack.opens is not None:
            records = [stack.opens(each) for each in records]
        uncounted = _count(records, stack)
        _records(taken, records, stack, left, now_ms)
        if uncounted is not None:
            _add_uncounted(taken, uncounted)
    elif taken.carrier is Carrier.QUEUE:
        _queue(taken, triggers.queue(event), stack, left, now_ms)
    elif taken.carrier is Carrier.AWSLOGS:
        _records(
            taken, _arrived(triggers.awslogs(event, now_ms), stack, now_ms), stack, left, now_ms
        )
    else:
        taken.failures = _objects(taken, triggers.s3(event), stack, left, now_ms)
    return taken


def _count(records: Sequence[Record], stack: Stack) -> TailraceError | None:
    """Count records that are all of one source; why some are not counted."""
    if stack.tally is None or not records:
        return None
    source = find(stack.routes.source_of(records[0].log_group))
    return count(records, source, stack.tally, stack.context)


def _add_uncounted(taken: Taken, error: TailraceError) -> None:
    """Say that records have to come again to be counted; raise what Lambda has to bring apart."""
    if not isinstance(error, DeliveryError):
        raise error
    taken.failures.append(error)
    taken.again = [min([*taken.again, error.undelivered], key=int)]


def _records(
    taken: Taken, records: Sequence[Record], stack: Stack, left: Left, now_ms: int
) -> None:
    """Records in order, source by source."""
    undelivered = []
    found, late = _by_source(records, stack, left)
    if late is not None:
        taken.failures.append(late)
        undelivered.append(late.undelivered)
    for source, mine in found.items():
        try:
            taken.add(source, _process(mine, source, stack, left, now_ms))
        except DeliveryError as error:
            # The other sources go on: a stream that is gone must not hold what has its own.
            taken.failures.append(error)
            undelivered.append(error.undelivered)
    if taken.carrier is Carrier.KINESIS and undelivered:
        # From the lowest number that is reported on all come again. They differ in length.
        taken.again = [min(undelivered, key=int)]


def _arrived(records: Sequence[Record], stack: Stack, now_ms: int) -> list[Record]:
    limits = stack.context.limits
    return [replace(each, arrival_ms=arrival_ms(each, limits, now_ms)) for each in records]


def _queue(
    taken: Taken,
    messages: Iterable[tuple[str, str]],
    stack: Stack,
    left: Left,
    now_ms: int,
) -> None:
    for message, body in messages:
        failures: list[TailraceError] = []
        try:
            failures = _objects(taken, triggers.s3_message(body), stack, left, now_ms)
        # A message that is none of S3's must not hold those beside it.
        except UsageError as error:
            failures = [error]
        if failures:
            taken.failures += failures
            taken.again.append(message)


def _objects(
    taken: Taken, notices: Iterable[Notice], stack: Stack, left: Left, now_ms: int
) -> list[TailraceError]:
    """Each of some objects, whatever became of those before it; why some were not delivered."""
    failures: list[TailraceError] = []
    for notice in notices:
        try:
            _object(taken, notice, stack, left, now_ms)
        except (DeliveryError, Unforeseen) as error:
            failures.append(error)
    return failures


def _object(taken: Taken, notice: Notice, stack: Stack, left: Left, now_ms: int) -> None:
    """One object; slice by slice, so that memory has an end."""
    source = stack.routes.source_of(notice.uri)
    formats = stack.routes.formats.get(notice.uri, ())
    _check(left, notice.uri)
    with stack.home.fetch(notice, left) as (file, stored_ms):
        # By S3's own word, so that whoever tells of it, it has arrived once.
        arrived = notice if stored_ms is None else replace(notice, arrival_ms=stored_ms)
        for record in records_of(file, arrived, source, formats, stack.context.limits):
            taken.add(source, _process([record], source, stack, left, now_ms))


def _by_source(
    records: Sequence[Record], stack: Stack, left: Left
) -> tuple[dict[str, list[Record]], DeliveryError | None]:
    """Records by source, in order; and that the time was up before all had been looked at."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        try:
            _check(left, record.position)
        except DeliveryError as late:
            return found, late
        group = log_group_of(record, stack.context.limits)
        found[stack.routes.source_of(group)].append(record)
    return found, None


def _process(
    records: Sequence[Record], source: str, stack: Stack, left: Left, now_ms: int
) -> Report:
    _check(left, records[0].position)
    ports = stack.home.ports(left)
    done = guarded(lambda: process(records, find(source), ports, stack.context, now_ms))
    if isinstance(done, Fault):
        raise done.without_words()
    return done


def _check(left: Left, position: str) -> None:
    if left() <= 0:
        error = DeliveryError(
            "the time of the invocation is up",
            f"at {position}",
            "it comes again by itself; where this repeats give the function more time or memory",
        )
        error.undelivered = position
        raise error
