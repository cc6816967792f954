"""Counting of a stream's records by the function that takes them in, each event once.

They are counted first, then delivered, whatever became of the counting. So of the two neither can
spoil the other when a batch comes again:

- What was counted and not delivered stands before the place of its shard, and is delivered alone.
- What was not counted, for the table did not do its part, is delivered and comes again from its
  first record on: it lands once more then, which the views of the lake show as one row.

The place is a sequence number, so it does not matter how a batch comes again: whole, in halves,
from a record in its middle on, or with records that came since. What is up to the place is left out
and what is behind it is counted, in one transaction with the place; of two copies of the function
that have the same batch one does it. Lambda works on one batch of a shard at a time, in order, as
long as ParallelizationFactor is 1: what it brings again comes before what stands behind it. A batch
that it gives up is as far counted as it was: the failure says so, and the place goes on.

A shard that is split, or one that two are merged into, begins with a place of its own, and knows
none of the event ids before: of a view that is sent again across that, the ranking counts both, and
the table one.

Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data
Streams", "Configuring partial batch response with Kinesis".
"""

from collections.abc import Callable, Sequence
from itertools import groupby

from pipeline import aws
from pipeline.batch import Context, Fault, guarded, read, rows_of, with_times
from pipeline.counters import proxy
from pipeline.counters.tally import Rows, Tally
from pipeline.errors import DeliveryError, TailraceError
from pipeline.sources import Source
from pipeline.triggers import Record

# Each time somebody else has counted some of them: two copies of a function at most have a batch.
TRIES = 3


def tally_from_settings(clock: Callable[[], float]) -> Tally:
    """What counts into the table that the environment of a function names; it answers nobody.

    Raises NotConfigured where it names none.
    """
    return Tally(proxy.from_settings(aws.patience()), clock, answers=False)


def count(
    records: Sequence[Record], source: Source, tally: Tally, context: Context
) -> TailraceError | None:
    """Count records of a stream; why some are not counted, or None.

    A DeliveryError says of which record on they have to come again; what is Unforeseen, that a
    fault of ours is in them: Lambda then brings them in halves, until it is alone.
    """
    for _, some in groupby(records, key=lambda record: record.shard):
        failed = _shard(list(some), source, tally, context)
        if failed is not None:
            return failed
    return None


def _shard(
    records: Sequence[Record], source: Source, tally: Tally, context: Context
) -> TailraceError | None:
    try:
        done = guarded(lambda: _add(records, source, tally, context))
    except DeliveryError as error:
        error.undelivered = records[0].position
        return error
    return done.without_words() if isinstance(done, Fault) else None


def _add(records: Sequence[Record], source: Source, tally: Tally, context: Context) -> None:
    shard = records[0].shard
    for _ in range(TRIES):
        place = int(tally.place(shard) or 0)
        behind = [each for each in records if int(each.position) > place]
        if not behind or tally.add(shard, behind[-1].position, _rows(behind, source, context)):
            return
    what, fix = "somebody else counts the same records", "they come again by themselves"
    raise DeliveryError(what, f"in shard {shard}", fix)


def _rows(records: Sequence[Record], source: Source, context: Context) -> list[Rows]:
    reading = with_times(read(records, source, context))
    if not len(reading.parsed.line):
        return []
    return [(source.table, rows_of(reading, source, context))]
