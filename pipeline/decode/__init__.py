"""Open records: base64, gzip, CloudWatch envelopes, wrapped and plain lines, into one LogBatch.

Never raises for data: what cannot be opened is a Failure with its reason, neighbours go on.
"""

import binascii
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from pipeline.decode import envelope, identity
from pipeline.decode.batch import DECODER_VERSION, NO_TIME, Failure, LogBatch, Segment
from pipeline.decode.envelope import Stream
from pipeline.decode.inflate import Refused, inflate, inflate_record
from pipeline.decode.lines import Lines, with_plain_ends
from pipeline.errors import Drop, Reason
from pipeline.settings import Limits
from pipeline.triggers import Record

try:  # a sixth of the CPU of binascii; the standard library stands in where it is not installed
    import pybase64
except ImportError:  # pragma: no cover - the locked environments have it
    pybase64 = None  # type: ignore[assignment]

__all__ = ["DECODER_VERSION", "NO_TIME", "Failure", "Lines", "LogBatch", "Segment", "Stream"]
__all__ += [
    "BASE64_OF_GZIP",
    "PARQUET_MAGIC",
    "Refused",
    "all_envelopes",
    "are_envelopes",
    "contents",
    "decode",
    "inflate",
    "looks_like_envelope",
    "open_payload",
    "with_plain_ends",
]

BOM = b"\xef\xbb\xbf"
PARQUET_MAGIC = b"PAR1"
# Base64 of the first three bytes of a gzip file with the usual method 8.
BASE64_OF_GZIP = b"H4sI"
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
GZIP_MAGIC = b"\x1f\x8b"
WHITESPACE = b" \t\r\n"
WRAPPER = b'"message"'
BRACE = ord("{")


@dataclass(slots=True)
class _Gathered:
    """What was found so far; lines in all are `count`, of the record at hand `of_record`."""

    own_log_groups: tuple[str, ...]
    limits: Limits
    records: list[Record] = field(default_factory=list)
    size: int = 0
    parts: list[Lines] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    enveloped: list[Segment] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    record_ids: list[np.ndarray] = field(default_factory=list)
    times: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    dropped: dict[tuple[int, Drop], int] = field(default_factory=dict)
    count: int = 0
    of_record: int = 0


def decode(
    records: Sequence[Record], limits: Limits, own_log_groups: Sequence[str] = ()
) -> LogBatch:
    """All lines of all records. Lines of log groups with an own prefix are dropped and counted."""
    into = _Gathered(tuple(own_log_groups), limits)
    for record in records:
        _gather_record(into, record, _opened(record, limits))
    return _joined(into)


def decode_in_parts(
    records: Sequence[Record], limits: Limits, own_log_groups: Sequence[str] = ()
) -> Iterator[LogBatch]:
    """The same in parts of whole records, each of at most about `limits.batch_text_bytes`.

    Nor has one that several records share more than `limits.record_lines`. What compressed records
    inflate to is known only when they are open; memory must have an end.
    """
    into = _Gathered(tuple(own_log_groups), limits)
    for record in records:
        text = _opened(record, limits)
        lines = 0 if isinstance(text, Refused) else text.count(b"\n")
        many = into.count + lines > limits.record_lines
        if into.records and (many or into.size >= limits.batch_text_bytes):
            yield _joined(into)
            into = _Gathered(tuple(own_log_groups), limits)
        _gather_record(into, record, text)
    if into.records:
        yield _joined(into)


def _opened(record: Record, limits: Limits) -> bytes | Refused:
    """The text of a record. A slice of a file was cut to a number of lines before."""
    if record.opened:
        return record.payload
    try:
        text = open_payload(record, limits)
    except Refused as refused:
        return refused
    most = limits.record_lines
    if text.count(b"\n") > most:
        return Refused(Reason.TOO_LARGE, f"more than {most} lines (limits.record_lines)")
    return text


def _gather_record(into: _Gathered, record: Record, text: bytes | Refused) -> None:
    index = len(into.records)
    into.records.append(record)
    into.of_record = 0
    try:
        if isinstance(text, Refused):
            raise text
        into.size += len(text)
        _gather(into, index, record, text)
    except Refused as refused:
        into.failures.append(Failure(index, None, refused.reason, refused.detail))


def open_payload(record: Record, limits: Limits) -> bytes:
    """The text of a record: base64 and up to two layers of gzip taken off, by their signature.

    Raises Refused, also for an empty payload and for Parquet.
    """
    if record.refused:
        reason, _, detail = record.refused.partition(": ")
        raise Refused(Reason(reason), detail)
    payload = record.payload
    if record.base64 or payload.startswith(BASE64_OF_GZIP):
        payload = _unbase64(payload, must=record.base64)
    if not payload:
        raise Refused(Reason.EMPTY, "the payload is empty")
    if payload.startswith(PARQUET_MAGIC) and payload.endswith(PARQUET_MAGIC):
        raise Refused(Reason.PARQUET_UNSUPPORTED, "Parquet flow logs are not read yet")
    text = inflate_record(payload, limits)
    if text in (b"", BOM):
        raise Refused(Reason.EMPTY, "the payload holds no text")
    return text


def contents(payload: bytes, limits: Limits, cap: int) -> Iterator[bytes]:
    """What `open_payload` finds in a payload, at most `cap` bytes, in pieces that can be let go.

    Raises Refused where it cannot be decompressed.
    """
    if payload.startswith(BASE64_OF_GZIP):
        payload = _unbase64(payload, must=False)
    return inflate((payload,), limits, cap)


def _unbase64(payload: bytes, must: bool) -> bytes:
    try:
        packed = _a2b(payload)
    except binascii.Error as error:
        if must:
            raise Refused(Reason.BASE64_MALFORMED, f"no base64: {error}") from error
        return payload
    # Text may happen to be base64; what is told by its signature must have one inside.
    return packed if must or packed.startswith(GZIP_MAGIC) else payload


def _a2b(payload: bytes) -> bytes:
    if pybase64 is not None:
        # What it takes the standard library takes, too; what it refuses is looked at again.
        with suppress(binascii.Error):
            return pybase64.b64decode(payload, validate=True)
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except binascii.Error:  # line breaks are allowed, in files
        return binascii.a2b_base64(payload.translate(None, WHITESPACE), strict_mode=True)


def may_be_base64_of_gzip(chunk: bytes) -> bool:
    """Whether some bytes of a payload (its first, or any later ones) fit base64 of gzip."""
    return not chunk.translate(None, BASE64)


def _gather(into: _Gathered, index: int, record: Record, text: bytes) -> None:
    if not record.plain and looks_like_envelope(text):
        _check_events(into.limits, text, [text])
        try:
            _add_events(into, index, record, envelope.read(text))
        except Refused:
            if b"\n" not in text.strip():
                raise  # several envelopes, one a line, are looked at below
        else:
            return
    _add_text(into, index, record, text)


def _check_events(limits: Limits, text: bytes, envelopes: Iterable[bytes]) -> None:
    most = limits.record_lines
    if text.count(b",") > most and sum(map(envelope.most_events, envelopes)) > most:
        raise Refused(Reason.TOO_LARGE, f"more than {most} log events (limits.record_lines)")


def looks_like_envelope(text: bytes) -> bool:
    """Whether some text may be an envelope, or several, one a line."""
    text = text.lstrip(WHITESPACE)
    return text.startswith(b"{") and envelope.MARK in text and envelope.EVENTS_MARK in text


def _add_events(into: _Gathered, index: int, record: Record, events: envelope.Events) -> None:
    group = events.stream.group
    own = bool(into.own_log_groups) and group.startswith(into.own_log_groups)
    if events.control or own:
        name = Drop.CONTROL if events.control else Drop.OWN_LOG
        key = (index, name)
        into.dropped[key] = into.dropped.get(key, 0) + (1 if events.control else len(events.ids))
        return
    if events.malformed:
        # Rejects have identities, too: those of one record must not meet those of another.
        for at in events.malformed:
            events.ids[at] = f"{record.identity}/{into.of_record + at}"
    for at, fault in events.malformed.items():
        into.failures.append(Failure(index, into.count + at, Reason.ENVELOPE_MALFORMED, fault))
    into.messages += events.messages
    into.times.append(np.array(events.times, np.int64))
    count = len(events.ids)
    segment = Segment(index, events.stream, count, formats=record.formats, ids=events.ids)
    into.enveloped.append(segment)
    _add_segment(into, segment)


def _add_text(into: _Gathered, index: int, record: Record, text: bytes) -> None:
    if record.first_ordinal == 0:
        text = text.removeprefix(BOM)
    lines = Lines.of_text(with_plain_ends(text))
    if not record.plain and all_envelopes(lines):
        full = np.flatnonzero(lines.lengths)
        # One by one: a quote that is missing in one of them hides nothing of the others.
        _check_events(into.limits, text, (lines[int(at)] for at in full))
        _add_envelopes(into, index, record, lines)
    else:
        _add_plain(into, index, record, _unwrapped(lines), 0)


def are_envelopes(text: bytes) -> bool:
    """Whether some lines of a file may be envelopes: what follows them is looked at as well."""
    text = text.removeprefix(BOM).lstrip(WHITESPACE)
    if not text.startswith(b"{"):
        return not text
    return all_envelopes(Lines.of_text(with_plain_ends(text)))


def all_envelopes(lines: Lines) -> bool:
    """Whether every line that is not empty, and one at least, is an envelope by its looks.

    One line among others that says so is a line: log text must not forge another stream.
    """
    if len(lines) == 0:
        return False
    full = lines.lengths > 0
    braces = lines.first_bytes == BRACE
    return bool(braces.any() and braces[full].all()) and all(
        looks_like_envelope(lines[int(at)]) for at in np.flatnonzero(full)
    )


def _add_envelopes(into: _Gathered, index: int, record: Record, lines: Lines) -> None:
    for at in range(len(lines)):
        line = lines[at]
        if not line:
            key = (index, Drop.BLANK)
            into.dropped[key] = into.dropped.get(key, 0) + 1
            continue
        try:
            _add_events(into, index, record, envelope.read(line))
        except Refused as refused:
            into.failures.append(Failure(index, into.count, refused.reason, refused.detail))
            _add_plain(into, index, record, Lines.of_bytes([line]), at)


def _unwrapped(lines: Lines) -> Lines:
    """The lines with the text of `{"message": ...}` in the place of each such line."""
    found = {}
    braces = lines.first_bytes == BRACE if len(lines) else np.zeros(0, bool)
    for at in np.flatnonzero(braces).tolist():
        line = lines[at]
        if line[1:].lstrip(b" \t").startswith(WRAPPER):
            message = envelope.unwrap(line)
            if message is not None:
                found[at] = message.encode("utf-8", "surrogatepass")
    if not found:
        return lines
    return Lines.of_bytes([found.get(at, lines[at]) for at in range(len(lines))])


def _add_plain(into: _Gathered, index: int, record: Record, lines: Lines, first: int) -> None:
    if len(lines) == 0:
        return
    _flush_envelopes(into)
    into.parts.append(lines)
    ordinals = np.arange(first, first + len(lines)) + record.first_ordinal
    into.record_ids.append(identity.of_ordinals(record.identity, ordinals))
    into.times.append(np.full(len(lines), NO_TIME))
    stream = Stream("", record.log_group, "") if record.log_group else None
    _add_segment(
        into,
        Segment(index, stream, len(lines), int(ordinals[0]), record.formats, record.header),
    )


def _add_segment(into: _Gathered, segment: Segment) -> None:
    into.segments.append(segment)
    into.count += segment.count
    into.of_record += segment.count


def _flush_envelopes(into: _Gathered) -> None:
    """Turn the envelopes since the last plain lines into lines and ids, all at once."""
    if not into.enveloped:
        return
    streams = [segment.stream or Stream("", "", "") for segment in into.enveloped]
    counts = [segment.count for segment in into.enveloped]
    ids = list(chain.from_iterable(segment.ids or () for segment in into.enveloped))
    into.record_ids.append(identity.of_events(streams, counts, ids))
    into.parts.append(Lines.of_messages(into.messages))
    into.messages, into.enveloped = [], []


def _joined(into: _Gathered) -> LogBatch:
    _flush_envelopes(into)
    lines = Lines.concat(into.parts) if into.parts else Lines.of_text(b"")
    counts = np.array([segment.count for segment in into.segments], np.int64)
    starts = np.cumsum(counts) - counts
    firsts = np.array([segment.first_ordinal for segment in into.segments], np.int64)
    owners = np.array([segment.record for segment in into.segments], np.int32)
    _refuse_long(into, lines, owners, counts)
    return LogBatch(
        into.records,
        lines,
        into.segments,
        record=np.repeat(owners, counts),
        ordinal=np.arange(len(lines)) + np.repeat(firsts - starts, counts),
        record_id=np.concatenate([*into.record_ids, np.empty(0, np.int64)]),
        time_ms=np.concatenate([*into.times, np.empty(0, np.int64)]),
        failures=into.failures,
        dropped=into.dropped,
    )


def _refuse_long(into: _Gathered, lines: Lines, owners: np.ndarray, counts: np.ndarray) -> None:
    most = into.limits.line_bytes
    long = np.flatnonzero(lines.lengths > most)
    if len(long) == 0:
        return
    known = {failure.line for failure in into.failures}
    record = np.repeat(owners, counts)
    into.failures += [
        Failure(int(record[at]), int(at), Reason.TOO_LONG, f"a line of more than {most} bytes")
        for at in long
        if int(at) not in known
    ]
