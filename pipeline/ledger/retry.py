"""Rejected lines tried once more: what can be read now moves from rejected to rows.

The rows keep the identity and the hour of arrival that their record gave them; the object of the
quarantine stays, and the ledger remembers which of its lines are resolved, so that running it again
changes nothing. The tables `reject` and `batch` get newer versions of their rows.
"""

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from pipeline.batch import (
    Attempt,
    Context,
    Outcome,
    Reading,
    Refusal,
    Sink,
    batch_rows,
    judge,
    outcomes_of,
    reject_rows,
    reopen,
    rows_of,
    with_times,
)
from pipeline.batch.quarantine import Reopened
from pipeline.deliver.files import DISK, Disk
from pipeline.deliver.lake import LakeSink
from pipeline.errors import Drop, InputError, Reason
from pipeline.lake import catalogue
from pipeline.ledger import erased
from pipeline.ledger.scope import regular
from pipeline.schema import BATCH, REJECT
from pipeline.sources import Source, find
from pipeline.store import Store

# An object is text in JSON: a slice of 16 MiB in which every other line is bad needs a tenth of it.
OBJECT_BYTES = 512 << 20
PIECE_BYTES = 1 << 20
GZIP_WINDOW = 31
# What reading an object raises that was damaged, or that somebody else has written: deep lists and
# numbers without end are JSON, too. What msgspec raises are ValueErrors.
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError),
    *(OverflowError, RecursionError, zlib.error),
)

_dropped = msgspec.json.Decoder(dict[Drop, int])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a home keeps its parts."""

    store: Store
    lake: Path
    quarantine: Path
    disk: Disk = DISK


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a record until now; `attempt`: the number of the one more.

    key      of its object
    removed  lines that an erasure has taken out of it
    """

    key: str
    events_in: int
    rows: int
    rejected: int
    dropped: Mapping[Drop, int]
    attempt: int
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """One more attempt at an object, judged: nothing is written yet.

    mended    the lines that are new rows
    rows      these rows, as the lake takes them
    outcome   what the ledger says of the record from now on
    resolved  int64 record ids of all its lines that became rows later
    opened    the record is kept whole and can be opened: a refusal of it as a whole is over
    """

    source: Source
    mended: Reading
    rows: pa.Table
    left: list[Refusal]
    outcome: Outcome
    resolved: np.ndarray
    attempt: int
    opened: bool


def retry_input(
    place: Place,
    source: str,
    digest: str,
    formats: tuple[str, ...],
    context: Context,
    now_ms: int,
) -> int:
    """Try the rejected lines of a file again with other formats; returns how many became rows.

    Raises InputError when an object is gone or damaged, DeliveryError when a row finds no place.
    """
    rows = place.store.rows(
        "select o.key, o.digest as object_digest, o.resolved, o.removed, l.* from input_record r"
        " join quarantine_object o on o.seq = r.seq join ledger l on l.seq = r.seq"
        " where r.source = ? and r.digest = ? and l.rejected > 0 and not o.gone order by o.seq",
        *(source, digest),
    )
    mended = 0
    for row in rows:
        tried = judged(place, row, formats, context)
        if len(tried.mended.parsed.line):
            write(place, tried, row["flush"], now_ms)
            mended += len(tried.mended.parsed.line)
    with place.store.transaction() as connection:
        connection.execute(
            "update input set formats = ? where source = ? and digest = ?",
            (msgspec.json.encode(formats).decode(), source, digest),
        )
    return mended


def rejected_of(store: Store, source: str, digest: str) -> int:
    """Lines of a file that are refused until now."""
    rows = store.rows(
        "select coalesce(sum(l.rejected), 0) from input_record r join ledger l on l.seq = r.seq"
        " where r.source = ? and r.digest = ?",
        *(source, digest),
    )
    return int(rows[0][0])


def judged(
    place: Place, row: sqlite3.Row, formats: tuple[str, ...] | None, context: Context
) -> Try:
    """Read an object once more; `row` is its entry in the ledger with key, digest and `resolved`.

    `formats` None: those that its lines came with. Raises InputError for a damaged object.
    """
    path = place.quarantine / row["key"]
    with readable(str(path)):
        content = regular(path).read_bytes()
        _check(content, row["object_digest"])
        found = reopen(content, formats, context.limits)
        known = np.frombuffer(row["resolved"], np.int64)
    said = Said(
        row["key"],
        row["events_in"],
        row["rows"],
        row["rejected"],
        _dropped.decode(row["dropped"]),
        row["attempt"] + 1,
        row["removed"],
    )
    return tried(found, said, known, context)


@contextmanager
def readable(where: str) -> Iterator[None]:
    """What an object has that can be read at all. Raises InputError for one that cannot."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(
            f"a quarantine object cannot be read: {error}",
            f"at {where}",
            "tailrace audit names what is missing; put it back from a copy",
        ) from error


def tried(opened: Reopened, said: Said, known: np.ndarray, context: Context) -> Try:
    """Judge the lines of an object once more; `known`: int64 record ids of those that are rows."""
    name, batch, whole = opened
    reading = with_times(judge(batch, find(name), context))
    new = ~np.isin(batch.record_id[reading.parsed.line], known)
    parsed = replace(
        reading.parsed,
        rows=reading.parsed.rows.filter(pa.array(new)),
        line=reading.parsed.line[new],
    )
    resolved = np.concatenate([known, batch.record_id[parsed.line]])
    left = [
        r for r in reading.refusals if r.line is None or batch.record_id[r.line] not in resolved
    ]
    found = outcomes_of(reading, {0: said.key})[0]
    if not whole:
        # Lines that were erased from it are events of the record all the same.
        found = replace(found, events_in=found.events_in + said.removed)
    outcome = _outcome(found, said, whole, len(resolved), left)
    mended = Reading(batch, parsed, reading.refusals)
    is_open = whole and all(refusal.line is not None for refusal in left)
    rows = rows_of(mended, find(name), context)
    return Try(find(name), mended, rows, left, outcome, resolved, said.attempt, is_open)


def _check(content: bytes, digest: str) -> None:
    """Raises ValueError for an object that is not what was kept, or that grows beyond measure."""
    if sha256(content).hexdigest() != digest:
        raise ValueError("its content is not what was kept")
    check_size(content)


def check_size(content: bytes) -> None:
    """Raises ValueError for an object that grows beyond measure, or is more than one gzip."""
    member, size = zlib.decompressobj(GZIP_WINDOW), 0
    while content and not member.eof:
        size += len(member.decompress(content, PIECE_BYTES))
        content = member.unconsumed_tail
        if size > OBJECT_BYTES:
            raise ValueError(f"it inflates to more than {OBJECT_BYTES} bytes")
    if member.unused_data:
        raise ValueError("more follows behind its gzip")


def _outcome(
    found: Outcome, said: Said, whole: bool, resolved: int, left: list[Refusal]
) -> Outcome:
    """What became of the record, over all attempts: lines that once became rows stay rows."""
    reasons: Mapping[Reason, int] = Counter(refusal.reason for refusal in left)
    if whole:
        rejected = found.events_in - sum(found.dropped.values()) - resolved
        return replace(found, rows=resolved, rejected=rejected, reasons=reasons)
    first_rows = said.rows + said.rejected - found.events_in
    return replace(
        found,
        events_in=said.events_in,
        rows=first_rows + resolved,
        rejected=found.events_in - resolved,
        dropped=said.dropped,
        reasons=reasons,
    )


def write(place: Place, tried: Try, flush: int, now_ms: int) -> None:
    """Bring the new rows to the lake and note them, in one transaction.

    Raises DeliveryError when they find no place; then nothing has changed.
    """
    sink = LakeSink(place.lake, replay=f"{tried.attempt:02d}", flush=flush, disk=place.disk)
    sink.erased = erased.known(place.store)
    put(tried, sink, now_ms)
    with place.store.transaction() as connection:
        catalogue.add(connection, sink.take())
        erased.add_left_out(connection, sink.take_left_out())
        _note(connection, tried)


def put(tried: Try, sink: Sink, now_ms: int) -> None:
    """Bring the new rows to a sink, then what the ledger's tables say of the record from now on.

    Raises DeliveryError when they are not all taken.
    """
    batch, parsed, _ = tried.mended
    key, name = tried.outcome.object or "", tried.source.name
    if len(tried.rows):
        sink.write(tried.source.table, tried.rows, batch.records)
    gone = [Refusal(0, line, Reason.VALUE, "it became a row") for line in parsed.line.tolist()]
    if tried.opened:
        gone.append(Refusal(0, None, Reason.VALUE, "it could be opened"))
    number = Attempt(tried.attempt)
    resolved = reject_rows(batch, gone, name, [key], replace(number, resolved=True))
    left = reject_rows(batch, tried.left, name, [key], number)
    sink.write(REJECT, pa.concat_tables([resolved, left]).unify_dictionaries(), batch.records)
    sink.write(BATCH, batch_rows([tried.outcome], name, now_ms, number), batch.records)


def note_attempt(place: Place, key: str) -> None:
    """Count that an object was tried again.

    Raises DeliveryError when log.db cannot be written.
    """
    with place.store.transaction() as connection:
        connection.execute(
            "update quarantine_object set attempts = attempts + 1 where key = ?", (key,)
        )


def _note(connection: sqlite3.Connection, tried: Try) -> None:
    outcome = tried.outcome
    connection.execute(
        "update quarantine_object set resolved = ?, rejects = ? where key = ?",
        (tried.resolved.tobytes(), outcome.rejected + len(tried.resolved), outcome.object),
    )
    connection.execute(
        "update ledger set events_in = ?, rows = ?, rejected = ?, dropped = ?, reasons = ?,"
        " attempt = ? where object = ?",
        (
            outcome.events_in,
            outcome.rows,
            outcome.rejected,
            msgspec.json.encode(dict(outcome.dropped)).decode(),
            msgspec.json.encode(dict(outcome.reasons)).decode(),
            tried.attempt,
            outcome.object,
        ),
    )
