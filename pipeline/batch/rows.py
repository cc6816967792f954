"""Rows in the schema of their table: identity, arrival and provenance beside what was parsed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.batch.ports import Outcome
from pipeline.batch.quarantine import DETAIL, Refusal
from pipeline.decode import DECODER_VERSION, LogBatch, Stream
from pipeline.decode.identity import h64
from pipeline.enrich.columns import named
from pipeline.errors import Drop
from pipeline.schema import BATCH, REJECT, Table, Type

RAW_HEAD = 1024


def table_rows(table: Table, rows: pa.Table, batch: LogBatch, line: np.ndarray) -> pa.Table:
    """Parsed and enriched rows as rows of their table; `line` is the place of each in the batch."""
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    columns |= _identity(batch.record_id[line], batch.arrival_ms[line])
    columns |= _provenance(batch, line)
    return _conform(table, columns, len(rows))


# 2026-01-01T00:00Z. Seconds since then fit an int32 for 68 years.
_COUNTED_SINCE_MS = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which try it is: 0 when a record first came, then greater with each further one."""

    number: int = 0
    resolved: bool = False

    @classmethod
    def at(cls, now_ms: int) -> "Attempt":
        """A further try in a deployed stack, where nobody counts them: the later, the greater."""
        return cls(max((now_ms - _COUNTED_SINCE_MS) // 1000, 1))


FIRST = Attempt()


def reject_rows(
    batch: LogBatch,
    refusals: Sequence[Refusal],
    source: str,
    objects: Sequence[str | None],
    attempt: Attempt = FIRST,
) -> pa.Table:
    """One row of the table `reject` for each refusal; `objects` by record.

    With `attempt.resolved` they say that the refusals are none any more.
    """
    records = [batch.records[refusal.record] for refusal in refusals]
    line = np.array([-1 if r.line is None else r.line for r in refusals], np.int64)
    of_line = line >= 0
    ordinals = np.where(of_line, np.append(batch.ordinal, 0)[line], 0)
    whole = np.zeros(len(refusals), np.uint64)
    for place in np.flatnonzero(~of_line).tolist():
        whole[place] = h64(records[place].identity, "record")
    own = np.append(batch.record_id, 0)[line]
    arrival = np.array([record.arrival_ms for record in records], np.int64)
    columns = {
        "event_time": _times(arrival),
        "source": pa.repeat(pa.scalar(source), len(refusals)),
        "reason": pa.array([str(r.reason) for r in refusals], pa.string()).dictionary_encode(),
        "detail": pa.array([r.detail[:DETAIL] for r in refusals], pa.string()),
        "line": pa.array(ordinals, mask=~of_line),
        "raw_head": pa.array([_head(batch, r) for r in refusals], pa.string()),
        "object": pa.array([objects[r.record] for r in refusals], pa.string()).dictionary_encode(),
        "attempt": pa.repeat(pa.scalar(attempt.number, Type.INT32.arrow), len(refusals)),
        "resolved": pa.repeat(pa.scalar(attempt.resolved), len(refusals)),
    }
    columns |= _identity(np.where(of_line, own, whole.view(np.int64)), arrival)
    columns |= _provenance(batch, line)
    return _conform(REJECT, columns, len(refusals))


def batch_rows(
    outcomes: Sequence[Outcome], source: str, now_ms: int, attempt: Attempt = FIRST
) -> pa.Table:
    """One row of the table `batch` for each record."""
    records = [outcome.record for outcome in outcomes]
    arrival = np.array([record.arrival_ms for record in records], np.int64)
    names = [field.name for field in BATCH if field.name.startswith("dropped_")]
    columns = {
        "event_time": _times(arrival),
        "source": pa.repeat(pa.scalar(source), len(outcomes)),
        "shard": pa.array([record.shard for record in records], pa.int32()),
        "sequence": pa.array([_sequence(record.position) for record in records], pa.int64()),
        "events_in": pa.array([outcome.events_in for outcome in outcomes], pa.int64()),
        "rows": pa.array([outcome.rows for outcome in outcomes], pa.int64()),
        "rejected": pa.array([outcome.rejected for outcome in outcomes], pa.int64()),
        "dropped": pa.array([sum(o.dropped.values()) for o in outcomes], pa.int64()),
        "bytes_in": pa.array([len(record.payload) for record in records], pa.int64()),
        "landed_at": _times(np.full(len(outcomes), now_ms, np.int64)),
        "attempt": pa.repeat(pa.scalar(attempt.number, Type.INT32.arrow), len(outcomes)),
    }
    for name in names:
        drop = Drop(name.removeprefix("dropped_"))
        columns[name] = pa.array([o.dropped.get(drop, 0) for o in outcomes], pa.int64())
    # The identity of what is said about a record is its place in the stream.
    places = [h64("batch", str(record.shard), record.position) for record in records]
    columns |= _identity(np.array(places, np.uint64).view(np.int64), arrival)
    return _conform(BATCH, columns, len(outcomes))


def _conform(table: Table, columns: dict[str, pa.Array], count: int) -> pa.Table:
    unknown = columns.keys() - {field.name for field in table}
    if unknown:
        raise ValueError(f"columns that table {table.name} does not declare: {sorted(unknown)}")
    # One array of nulls a type: making one for each of 40 columns costs 0.08 us a row.
    nulls = {kind: pa.nulls(count, kind.arrow) for kind in {field.type for field in table}}
    arrays = [columns.get(field.name, nulls[field.type]) for field in table]
    return pa.table(arrays, [field.name for field in table])


def _identity(record_id: np.ndarray, arrival_ms: np.ndarray) -> dict[str, pa.Array]:
    return {
        "record_id": pa.array(record_id),
        "ingest_time": _times(arrival_ms),
        "decoder_version": pa.array(np.full(len(record_id), DECODER_VERSION, np.int32)),
    }


def _provenance(batch: LogBatch, line: np.ndarray) -> dict[str, pa.Array]:
    """Dictionary columns over the streams of the batch; a line of -1 has none."""
    streams = [segment.stream or Stream("", "", "") for segment in batch.segments]
    segment = np.append(batch.segment_of, -1)[line]
    texts = {
        "log_group": [stream.group for stream in streams],
        "log_stream": [stream.name for stream in streams],
        "owner_account_id": [stream.owner for stream in streams],
        "owner_region": [stream.region for stream in streams],
    }
    columns = {}
    for name, values in texts.items():
        words = list(dict.fromkeys(values))
        place = {word: code if word else -1 for code, word in enumerate(words)}
        codes = np.array([*(place[value] for value in values), -1], np.int32)
        columns[name] = named(codes[segment], words)
    return columns


def _head(batch: LogBatch, refusal: Refusal) -> str:
    record = batch.records[refusal.record]
    raw = record.payload if refusal.line is None else batch.lines[refusal.line]
    return raw[:RAW_HEAD].decode("utf-8", "backslashreplace")[:RAW_HEAD]


def _sequence(position: str) -> int | None:
    # Kinesis numbers have 56 digits; only the embedded stream's fit the column.
    if not (position.isascii() and position.isdigit() and len(position) <= 19):
        return None
    return int(position) if int(position) < 1 << 63 else None


def _times(ms: np.ndarray) -> pa.Array:
    return pa.array(ms).view(Type.TIMESTAMP.arrow)
