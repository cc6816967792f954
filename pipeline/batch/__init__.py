"""Process a batch: decode, parse, enrich, deliver; what cannot become a row is quarantined.

Never raises for data. Raises DeliveryError when a port did not take its part: then nothing may be
acknowledged, and the same records processed again write the same rows and objects.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.batch.ports import Context, Outcome, Ports, Quarantine, Report, Sink
from pipeline.batch.quarantine import Refusal, object_of, reopen
from pipeline.batch.rows import batch_rows, reject_rows, table_rows
from pipeline.decode import DECODER_VERSION, LogBatch, decode
from pipeline.errors import Drop, Reason
from pipeline.schema import BATCH, EVENT_TIME, REJECT
from pipeline.sources import Parsed, Source
from pipeline.triggers import Record

__all__ = ["DECODER_VERSION", "Context", "Outcome", "Ports", "Quarantine", "Report", "Sink"]
__all__ += ["Reading", "judge", "process", "read", "reopen", "rows_of", "with_times"]

DAY_MS = 86_400_000


class Reading(NamedTuple):
    """Lines, what they were parsed to, and what was refused, by line; `event_time` may be null."""

    batch: LogBatch
    parsed: Parsed
    refusals: list[Refusal]


def process(
    records: Sequence[Record], source: Source, ports: Ports, context: Context, now_ms: int
) -> Report:
    """Bring records of one source to the sink and the quarantine; `now_ms` is the landing time."""
    reading = with_times(read(records, source, context))
    batch, parsed, refusals = reading
    if len(parsed.line):
        ports.sink.write(source.table, rows_of(reading, source, context), records)
    outcomes = _quarantined(batch, parsed, refusals, source, ports.quarantine)
    if refusals:
        objects = [outcome.object for outcome in outcomes]
        ports.sink.write(REJECT, reject_rows(batch, refusals, source.name, objects), records)
    ports.sink.write(BATCH, batch_rows(outcomes, source.name, now_ms), records)
    return Report(outcomes, parsed.miscounts)


def read(records: Sequence[Record], source: Source, context: Context) -> Reading:
    """Decode and parse, without any effect."""
    return judge(decode(records, context.limits, context.own_log_groups), source, context)


def judge(batch: LogBatch, source: Source, context: Context) -> Reading:
    """Parse decoded lines; times that no event can have are refused."""
    parsed = source.parse(batch, context.formats)
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


def _quarantined(
    batch: LogBatch,
    parsed: Parsed,
    refusals: Sequence[Refusal],
    source: Source,
    quarantine: Quarantine,
) -> list[Outcome]:
    count = len(batch.records)
    rows = np.bincount(batch.record[parsed.line], minlength=count)
    refused: dict[int, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        refused[refusal.record].append(refusal)
    dropped = _dropped(batch, parsed)
    outcomes = []
    for index, record in enumerate(batch.records):
        mine = refused.get(index, [])
        key = None
        if mine:
            headers = parsed.headers if rows[index] else None
            key, content = object_of(source.name, batch, index, mine, headers)
            quarantine.keep(key, content, record, len(mine))
        drops = dropped.get(index, Counter())
        outcomes.append(
            Outcome(
                record,
                events_in=int(rows[index]) + len(mine) + drops.total(),
                rows=int(rows[index]),
                rejected=len(mine),
                dropped=drops,
                reasons=Counter(refusal.reason for refusal in mine),
                object=key,
            )
        )
    return outcomes


def _dropped(batch: LogBatch, parsed: Parsed) -> dict[int, Counter[Drop]]:
    dropped: dict[int, Counter[Drop]] = defaultdict(Counter)
    for (index, name), events in batch.dropped.items():
        dropped[index][name] += events
    for name, lines in parsed.dropped.items():
        for index, events in enumerate(np.bincount(batch.record[lines])):
            if events:
                dropped[index][name] += int(events)
    return dropped
