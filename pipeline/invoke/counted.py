"""Counting of a stream's records by the function that takes them in, each event once.

Of a batch, whatever sources its records have, those are counted that rankings are about. They are
counted first, then delivered, whatever became of the counting. So of the two neither can spoil the
other when a batch comes again:

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

from collections.abc import Callable, Iterator, Mapping, Sequence

from pipeline import aws
from pipeline.batch import Context, Fault, guarded, judge, rows_of, with_times
from pipeline.counters import proxy
from pipeline.counters.counting import ARRIVAL
from pipeline.counters.declared import ranked_columns, ranked_sources
from pipeline.counters.tally import RECORD_ID, Rows, Tally
from pipeline.decode import decode_in_parts
from pipeline.errors import DeliveryError, TailraceError
from pipeline.schema import EVENT_TIME
from pipeline.sources import Source, find
from pipeline.triggers import Record

# Each time somebody else has counted some of them: two copies of a function at most have a batch.
TRIES = 3
# Records by the name of their source, each source's in the order of the stream.
BySource = Mapping[str, Sequence[Record]]


def tally_from_settings(clock: Callable[[], float], stream: str) -> Tally:
    """What counts a stream into the table that a function's environment names; it answers nobody.

    Raises NotConfigured where it names none.
    """
    return Tally(proxy.from_settings(aws.patience(), stream), clock, answers=False)


def count(found: BySource, tally: Tally, context: Context) -> TailraceError | None:
    """Count those records of a stream that rankings are about; why some are not counted, or None.

    A DeliveryError says of which record on they have to come again; what is Unforeseen, that a
    fault of ours is in them: Lambda then brings them in halves, until it is alone.
    """
    ranked = {name: some for name, some in found.items() if name in ranked_sources()}
    for shard in sorted({each.shard for some in ranked.values() for each in some}):
        failed = _shard(shard, _of_shard(ranked, shard), tally, context)
        if failed is not None:
            return failed
    return None


def _shard(shard: int, found: BySource, tally: Tally, context: Context) -> TailraceError | None:
    try:
        done = guarded(lambda: _add(shard, found, tally, context))
    except DeliveryError as error:
        error.undelivered = str(min(_places(found)))
        return error
    return done.without_words() if isinstance(done, Fault) else None


def _add(shard: int, found: BySource, tally: Tally, context: Context) -> None:
    for _ in range(TRIES):
        place = int(tally.place(shard) or 0)
        behind = _behind(found, place)
        if not behind:
            return
        rows = [each for name, some in behind.items() for each in _rows(some, find(name), context)]
        if tally.add(shard, str(max(_places(behind))), rows):
            return
    what, fix = "somebody else counts the same records", "they come again by themselves"
    raise DeliveryError(what, f"in shard {shard}", fix)


def _of_shard(found: BySource, shard: int) -> BySource:
    return {name: [each for each in some if each.shard == shard] for name, some in found.items()}


def _behind(found: BySource, place: int) -> BySource:
    """What is behind a place; a source of which nothing is there is left out."""
    those = {
        name: [each for each in some if int(each.position) > place] for name, some in found.items()
    }
    return {name: some for name, some in those.items() if some}


def _places(found: BySource) -> list[int]:
    return [int(each.position) for some in found.values() for each in some]


def _rows(records: Sequence[Record], source: Source, context: Context) -> Iterator[Rows]:
    """Rows of records of a source, part by part, and of them no more than is counted.

    6 MB of a stream are some hundred thousand flows: whole rows of them all are a GB.
    """
    wanted = {RECORD_ID, ARRIVAL, EVENT_TIME.name} | ranked_columns(source.table.name)
    for batch in decode_in_parts(records, context.limits, context.own_log_groups):
        reading = with_times(judge(batch, source, context))
        if len(reading.parsed.line):
            rows = rows_of(reading, source, context)
            yield source.table, rows.select([name for name in rows.schema.names if name in wanted])
