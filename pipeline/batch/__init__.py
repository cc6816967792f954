"""Process a batch: decode, parse, enrich, deliver; what cannot become a row is quarantined.

Never raises for data. Raises DeliveryError when a port did not take its part: then nothing may be
acknowledged, and the same records processed again write the same rows and objects.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.batch.boundary import Fault, guarded
from pipeline.batch.identities import sums
from pipeline.batch.ports import Context, Outcome, Ports, Quarantine, Report, Sink
from pipeline.batch.quarantine import Places, Refusal, object_of, reopen
from pipeline.batch.rows import Attempt, batch_rows, reject_rows, table_rows
from pipeline.decode import DECODER_VERSION, LogBatch, decode, decode_in_parts
from pipeline.errors import DeliveryError, Drop, Reason
from pipeline.reading.parsed import Parsed
from pipeline.schema import BATCH, DAY_MS, EVENT_TIME, REJECT
from pipeline.sources import Source
from pipeline.triggers import Record

__all__ = [
    "DECODER_VERSION",
    "Attempt",
    "Context",
    "Outcome",
    "Ports",
    "Quarantine",
    "Report",
    "Sink",
]
__all__ += ["Reading", "judge", "outcomes_of", "process", "read", "reopen", "rows_of"]
__all__ += ["Fault", "guarded"]
__all__ += ["Refusal", "batch_rows", "reject_rows", "set_aside", "with_times"]

FAILURE_STORE = "failed"


class Reading(NamedTuple):
    """Lines, what they were parsed to, and what was refused, by line; `event_time` may be null."""

    batch: LogBatch
    parsed: Parsed
    refusals: list[Refusal]


def process(
    records: Sequence[Record], source: Source, ports: Ports, context: Context, now_ms: int
) -> Report:
    """Bring records of one source to the sink and the quarantine; `now_ms` is the landing time.

    Raises DeliveryError, with the first record that is not delivered, when a port did not take all.
    """
    outcomes: list[Outcome] = []
    miscounts: Counter[tuple[int, int]] = Counter()
    for batch in decode_in_parts(records, context.limits, context.own_log_groups):
        reading = with_times(judge(batch, source, context))
        try:
            outcomes += _deliver(reading, source, ports, context, now_ms)
        except DeliveryError as error:
            error.undelivered = batch.records[0].position
            raise
        miscounts.update(reading.parsed.miscounts)
    return Report(outcomes, miscounts)


def _deliver(
    reading: Reading, source: Source, ports: Ports, context: Context, now_ms: int
) -> list[Outcome]:
    batch, parsed, refusals = reading
    if len(parsed.line):
        rows = rows_of(reading, source, context)
        ports.sink.write(source.table, rows, batch.records)
    outcomes = _quarantined(reading, source, ports.quarantine)
    if refusals:
        objects = [outcome.object for outcome in outcomes]
        rows = reject_rows(batch, refusals, source.name, objects)
        ports.sink.write(REJECT, rows, batch.records)
    ports.sink.write(BATCH, batch_rows(outcomes, source.name, now_ms), batch.records)
    return outcomes


def set_aside(record: Record, source: Source, ports: Ports, detail: str, now_ms: int) -> Report:
    """Keep a record that cannot be processed whole, in the failure store, without opening it.

    It is one event and one reject until a replay has opened it.
    """
    refusal = Refusal(0, None, Reason.FAILED, detail)
    batch = LogBatch.closed(record)
    key, content = object_of(source.name, batch, 0, [refusal], None)
    key = f"{FAILURE_STORE}/{key}"
    ports.quarantine.keep(key, content, record, 1)
    ports.sink.write(REJECT, reject_rows(batch, [refusal], source.name, [key]), [record])
    outcome = Outcome(record, record.position, 1, 0, 1, {}, {Reason.FAILED: 1}, key)
    ports.sink.write(BATCH, batch_rows([outcome], source.name, now_ms), [record])
    return Report([outcome])


def read(records: Sequence[Record], source: Source, context: Context) -> Reading:
    """Decode and parse, without any effect."""
    return judge(decode(records, context.limits, context.own_log_groups), source, context)


def judge(batch: LogBatch, source: Source, context: Context) -> Reading:
    """Parse decoded lines; times that no event can have are refused."""
    parsed = source.parse(batch, context.formats)
    if parsed.record_id is not None:
        record_id = batch.record_id.copy()
        record_id[parsed.line] = parsed.record_id
        batch = replace(batch, record_id=record_id)
    refusals = [Refusal(f.record, f.line, f.reason, f.detail) for f in batch.failures]
    rejects = parsed.rejects
    refusals += [
        Refusal(int(batch.record[line]), line, reason, detail)
        for line, reason, detail in zip(rejects.line, rejects.reason, rejects.detail, strict=True)
    ]
    column = parsed.rows[EVENT_TIME.name].combine_chunks()
    time = column.cast(pa.int64()).fill_null(DAY_MS).to_numpy()
    outside = (time < DAY_MS) | (time > batch.arrival_ms[parsed.line] + DAY_MS)
    detail = "its time is not from 1970-01-02 to a day after arrival"
    return _refuse(Reading(batch, parsed, refusals), outside, Reason.TIME_RANGE, detail)


def with_times(reading: Reading) -> Reading:
    """The same with every row refused that has no time: a table cannot keep it."""
    missing = reading.parsed.rows[EVENT_TIME.name].combine_chunks().is_null()
    detail = "the line has no time, and neither has its carrier"
    return _refuse(reading, missing.to_numpy(zero_copy_only=False), Reason.NO_TIME, detail)


def rows_of(reading: Reading, source: Source, context: Context) -> pa.Table:
    """The rows of a reading, enriched and in the schema of their table."""
    rows = reading.parsed.rows
    for enricher in source.enrich:
        rows = enricher.add(rows, context.lookups)
    return table_rows(source.table, rows, reading.batch, reading.parsed.line)


def _refuse(reading: Reading, wrong: np.ndarray, reason: Reason, detail: str) -> Reading:
    """The same with the rows of the mask `wrong` refused; refusals in the order of their lines."""
    batch, parsed, refusals = reading
    if wrong.any():
        refusals = refusals + [
            Refusal(int(batch.record[line]), line, reason, detail)
            for line in parsed.line[wrong].tolist()
        ]
        rows, line = parsed.rows.filter(pa.array(~wrong)), parsed.line[~wrong]
        parsed = replace(parsed, rows=rows, line=line)
    refusals.sort(key=lambda each: (each.record, -1 if each.line is None else each.line))
    return Reading(batch, parsed, refusals)


def outcomes_of(reading: Reading, objects: Mapping[int, str]) -> list[Outcome]:
    """What became of each record of a batch; `objects` by the index of the record.

    events_in is counted where lines are made, so that a parser that loses one does not balance.
    """
    batch, parsed, refusals = reading
    records = batch.records
    events_in = np.bincount(batch.record, minlength=len(records)).tolist()
    for failure in batch.failures:
        events_in[failure.record] += failure.line is None
    for (index, _), events in batch.dropped.items():
        events_in[index] += events
    rows = np.bincount(batch.record[parsed.line], minlength=len(records)).tolist()
    reasons: dict[int, Counter[Reason]] = defaultdict(Counter)
    for refusal in refusals:
        reasons[refusal.record][refusal.reason] += 1
    dropped = _dropped(batch, parsed)
    time = parsed.rows[EVENT_TIME.name].combine_chunks().cast(pa.int64()).fill_null(0).to_numpy()
    identities = sums(time, batch.record_id[parsed.line], batch.record[parsed.line], len(records))
    return [
        Outcome(
            record,
            flush=records[0].position,
            events_in=events_in[index],
            rows=rows[index],
            rejected=reasons[index].total() if index in reasons else 0,
            dropped=dropped.get(index, {}),
            reasons=reasons.get(index, {}),
            object=objects.get(index),
            identities=identities[index],
        )
        for index, record in enumerate(records)
    ]


def _quarantined(reading: Reading, source: Source, quarantine: Quarantine) -> list[Outcome]:
    batch, parsed, refusals = reading
    rows = np.bincount(batch.record[parsed.line], minlength=len(batch.records))
    places = Places.of(batch, parsed.headers)
    objects = {}
    for index, group in groupby(refusals, key=lambda refusal: refusal.record):
        mine = list(group)
        whole = rows[index] == 0
        key, content = object_of(source.name, batch, index, mine, None if whole else places)
        quarantine.keep(key, content, batch.records[index], len(mine))
        objects[index] = key
    return outcomes_of(reading, objects)


def _dropped(batch: LogBatch, parsed: Parsed) -> dict[int, Counter[Drop]]:
    dropped: dict[int, Counter[Drop]] = defaultdict(Counter)
    for (index, name), events in batch.dropped.items():
        dropped[index][name] += events
    for name, lines in parsed.dropped.items():
        for index, events in enumerate(np.bincount(batch.record[lines])):
            if events:
                dropped[index][name] += int(events)
    return dropped
