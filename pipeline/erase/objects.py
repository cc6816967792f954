"""An object of the quarantine without the lines of a subject.

An object that was kept whole becomes one of its other lines, each with the identity that it had.
What cannot be opened cannot be divided either: it goes as a whole when the subject is anywhere in
it, as far as it can be inflated.
"""

import base64
import binascii
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from pipeline.batch import Context, Fault, Refusal, guarded, judge, outcomes_of, reopen
from pipeline.batch.quarantine import Places, object_of
from pipeline.batch.rows import RAW_HEAD
from pipeline.decode import LogBatch
from pipeline.erase.subject import Subject
from pipeline.errors import Reason
from pipeline.ledger.retry import UNREADABLE, check_size
from pipeline.reading.parsed import Parsed
from pipeline.sources import find

GZIP, WINDOW, LAYERS = b"\x1f\x8b", 31, 3
# A piece inflates to a thousand times its size at most.
MOST_BYTES, PIECE_BYTES = 64 << 20, 4 << 10


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an object.

    content  what is left; None: nothing
    lines    that were taken out
    removed  how many of these the ledger knows as events of the record
    erased   how many of its rejects went with them
    """

    content: bytes | None
    lines: int
    removed: int
    erased: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of an object's record.

    resolved  record ids of lines that became rows later
    """

    events_in: int
    rejected: int
    resolved: frozenset[int]


def without(content: bytes, subject: Subject, entry: Entry, context: Context) -> Change | None:
    """The object without the subject; None: it holds nothing of it.

    Raises ValueError when it is no object.
    """
    try:
        check_size(content)
        body = msgspec.json.decode(gzip.decompress(content))
        closed = "lines" not in body
        return (
            _without_payload(content, body, subject, entry, context)
            if closed
            else _without_lines(body, subject, entry)
        )
    except UNREADABLE as error:
        raise ValueError(f"it is no object of the quarantine: {error}") from error


def _without_lines(body: dict[str, Any], subject: Subject, entry: Entry) -> Change | None:
    lines = body["lines"]
    if not isinstance(lines, list):
        raise TypeError("its lines are no list")
    kept = [line for line in lines if not _holds(line, subject)]
    gone = [line for line in lines if _holds(line, subject)]
    if not gone:
        return None
    ids = (int(line["record_id"]) for line in gone)
    erased = sum(record_id not in entry.resolved for record_id in ids)
    closed = bool(body.get("whole")) and entry.events_in == 1 and len(lines) > 1
    if not kept:
        return Change(None, len(gone), len(gone), entry.rejected if closed else erased)
    body["lines"] = kept
    body["whole"] = closed
    body["reasons"] = dict(Counter(line["reason"] for line in kept))
    removed, erased = (0, 0) if closed else (len(gone), erased)
    return Change(_packed(body), len(gone), removed, erased)


def _holds(line: Mapping[str, Any], subject: Subject) -> bool:
    names = (line["log_group"], line["log_stream"], line["owner"], line["detail"])
    return _in_line(base64.b64decode(line["raw"]), subject) or any(
        subject.in_text(name) for name in names if name
    )


def _in_line(raw: bytes, subject: Subject) -> bool:
    # The table `reject` shows its beginning, at whose end a word may be cut into another one.
    return subject.in_bytes(raw) or subject.in_bytes(raw[:RAW_HEAD])


def _without_payload(
    content: bytes, body: dict[str, Any], subject: Subject, entry: Entry, context: Context
) -> Change | None:
    payload = base64.b64decode(body["payload"])
    opened = guarded(lambda: reopen(content, None, context.limits))
    somewhere = any(_in_line(layer, subject) for layer in _layers(payload, LAYERS))
    if isinstance(opened, Fault) or any(each.line is None for each in opened.batch.failures):
        return Change(None, 1, 1, entry.rejected) if somewhere else None
    batch = opened.batch
    reading = guarded(lambda: judge(batch, find(opened.source), context))
    mine = _lines_of(batch, subject)
    if not (mine.any() or somewhere):
        return None
    parsed = None if isinstance(reading, Fault) else reading.parsed
    events = len(mine) if isinstance(reading, Fault) else outcomes_of(reading, {})[0].events_in
    # A record that nobody has opened is one event, whatever it may turn out to hold.
    closed = entry.events_in == 1 and events > 1
    dropped = _dropped(parsed, len(mine))
    kept = np.flatnonzero(~mine & ~dropped).tolist()
    gone = np.flatnonzero(mine & ~dropped)
    erased = sum(int(batch.record_id[at]) not in entry.resolved for at in gone)
    if not kept:
        return Change(None, len(gone), len(gone), entry.rejected)
    refusals = [] if isinstance(reading, Fault) else reading.refusals
    told = {refusal.line: refusal for refusal in refusals}
    failed = Reason(next(iter(body["reasons"]), Reason.FAILED))
    left = [told.get(at, Refusal(0, at, failed, "")) for at in kept]
    places = Places.of(batch, parsed.headers if parsed is not None else {})
    _, written = object_of(opened.source, batch, 0, left, places)
    if closed:
        written = _packed({**msgspec.json.decode(gzip.decompress(written)), "whole": True})
    removed, erased = (0, 0) if closed else (len(gone), erased)
    return Change(written, len(gone), removed, erased)


def _lines_of(batch: LogBatch, subject: Subject) -> np.ndarray:
    """Mask of the lines that hold the subject, or come from a stream that is called so."""
    streams = [
        segment.stream is not None
        and any(subject.in_text(t) for t in (segment.stream.group, segment.stream.name))
        for segment in batch.segments
    ]
    count = len(batch.record)
    named = np.array(streams, bool)[batch.segment_of] if count else np.zeros(0, bool)
    held = [_in_line(batch.lines[at], subject) for at in range(count)]
    mask: np.ndarray = named | np.array(held, bool)
    return mask


def _dropped(parsed: Parsed | None, count: int) -> np.ndarray:
    mask = np.zeros(count, bool)
    for lines in parsed.dropped.values() if parsed is not None else ():
        mask[lines] = True
    return mask


def _layers(content: bytes, more: int) -> Iterator[bytes]:
    """Bytes, and what can be inflated of them, layer by layer."""
    yield content
    if not more:
        return
    if content.startswith(GZIP):
        yield from _layers(_inflated(content), more - 1)
        return
    try:
        plain = base64.b64decode(content, validate=True)
    except binascii.Error:
        return
    if plain.startswith(GZIP):
        yield from _layers(plain, more)


def _inflated(content: bytes) -> bytes:
    """As much of some gzip members as can be read, and not much more than MOST_BYTES."""
    found, left = bytearray(), memoryview(content)
    while left[: len(GZIP)] == GZIP and len(found) < MOST_BYTES:
        member, at = zlib.decompressobj(WINDOW), 0
        try:
            # Piece by piece: what comes before a fault counts.
            while at < len(left) and not member.eof and len(found) < MOST_BYTES:
                found += member.decompress(left[at : at + PIECE_BYTES])
                at += PIECE_BYTES
        except zlib.error:
            break
        if not member.eof:
            break
        left = left[min(at, len(left)) - len(member.unused_data) :]
    return bytes(found)


def _packed(body: Mapping[str, Any]) -> bytes:
    return gzip.compress(msgspec.json.encode(body), compresslevel=6, mtime=0)
