"""Rejected lines tried once more: what can be read now moves from rejected to rows.

The rows keep the identity and the hour of arrival that their record gave them; the object of the
quarantine stays, and the ledger remembers which of its lines are resolved, so that running it again
changes nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from pipeline.batch import Context, Reading, judge, reopen, rows_of, with_times
from pipeline.decode.identity import h64
from pipeline.deliver.lake import LakeSink
from pipeline.errors import InputError
from pipeline.lake import catalogue
from pipeline.sources import Parsed, find
from pipeline.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where a home keeps its parts."""

    store: Store
    lake: Path
    quarantine: Path


def retry_input(
    place: Place, source: str, digest: str, formats: tuple[str, ...], context: Context
) -> int:
    """Try the rejected lines of a file again with other formats; returns how many became rows.

    Raises InputError when an object is gone or damaged, DeliveryError when a row finds no place.
    """
    rows = place.store.rows(
        "select o.key, o.seq, o.resolved, l.flush from input_record r"
        " join quarantine_object o on o.seq = r.seq join ledger l on l.seq = r.seq"
        " where r.source = ? and r.digest = ? order by o.seq",
        *(source, digest),
    )
    mended = sum(
        _retry(place, row["key"], row["resolved"], row["flush"], formats, context) for row in rows
    )
    with place.store.transaction() as connection:
        connection.execute(
            "update input set formats = ? where source = ? and digest = ?",
            (msgspec.json.encode(formats).decode(), source, digest),
        )
    return mended


def _retry(
    place: Place,
    key: str,
    resolved: bytes,
    flush: int,
    formats: tuple[str, ...],
    context: Context,
) -> int:
    try:
        content = (place.quarantine / key).read_bytes()
        source_name, batch = reopen(content, formats, context.limits)
    except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
        raise InputError(
            f"a quarantine object cannot be read: {error}",
            f"at {place.quarantine / key}",
            "tailrace audit names what is missing; put it back from a copy",
        ) from error
    source = find(source_name)
    reading = _without(with_times(judge(batch, source, context)), np.frombuffer(resolved, np.int64))
    mended = len(reading.parsed.line)
    if not mended:
        return 0
    name = f"{h64(*formats, str(len(resolved))):016x}"
    sink = LakeSink(place.lake, replay=name, flush=flush)
    sink.write(source.table, rows_of(reading, source, context), batch.records)
    new = batch.record_id[reading.parsed.line].tobytes()
    with place.store.transaction() as connection:
        catalogue.add(connection, sink.take())
        connection.execute(
            "update quarantine_object set resolved = cast(resolved || ? as blob) where key = ?",
            (new, key),
        )
        connection.execute(
            "update ledger set rows = rows + ?, rejected = rejected - ? where object = ?",
            (mended, mended, key),
        )
    return mended


def _without(reading: Reading, resolved: np.ndarray) -> Reading:
    """The same without the rows that an earlier try brought in."""
    batch, parsed, refusals = reading
    new = ~np.isin(batch.record_id[parsed.line], resolved)
    rows = parsed.rows.filter(pa.array(new))
    return Reading(batch, Parsed(rows, parsed.line[new], parsed.rejects), refusals)
