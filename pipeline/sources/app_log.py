"""Application logs: CloudWatch log events of any log group, plain or JSON lines of a file.

Any text is a row; what a line tells of itself (time, level, request, JSON fields, Lambda's figures)
is read where the usual loggers write it, and is null elsewhere. A plain line without a time has
that of the line before it in its file: stack traces stay with their error.

Source: AWS Lambda Developer Guide, "Configuring JSON and plain text log formats"; Amazon CloudWatch
Logs User Guide, "Supported logs and discovered fields" (of JSON, the object behind a head counts).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME, Lines, LogBatch, decode
from pipeline.errors import Drop, Reason
from pipeline.reading import json_lines, lambda_lines, log_heads
from pipeline.reading.parsed import Formats, Parsed, Rejects
from pipeline.schema import DAY_MS, EVENT_TIME, Field, Type, declare
from pipeline.settings import Limits
from pipeline.sources.source import Source
from pipeline.triggers import Record

FIELDS = (
    Field("message", Type.VARCHAR, "The log event as it is; may have several lines."),
    Field("level", Type.VARCHAR, "TRACE, DEBUG, INFO, WARN, ERROR or FATAL."),
    Field("request_id", Type.VARCHAR, "Request that the line belongs to."),
    Field("fields", Type.MAP, "Text, numbers and booleans at the top level of a JSON object."),
    *lambda_lines.FIELDS,
)
TABLE = declare(
    "app_log",
    "Log lines of applications, one row a log event; event_time is the time of the event.",
    *FIELDS,
    open_format=False,
)
CODED = ("level", "lambda_event", "lambda_version", "status")
TIME_KEYS = ("timestamp", "time", "@timestamp", "ts")
LEVEL_KEYS = ("level", "severity", "log_level", "lvl", "logLevel", "loglevel", "levelname")
# Lambda's own id before those that an application may use for something else.
REQUEST_KEYS = (
    *("AWSRequestId", "awsRequestId", "aws_request_id", "function_request_id"),
    *("lambda_request_id", "requestId", "request_id"),
)
TRACE_KEYS = ("xray_trace_id", "xRayTraceId", "xrayTraceId")

NEWLINE, RETURN, BRACE, LAST_ASCII = ord("\n"), ord("\r"), ord("{"), 127
INK = np.ones(256, bool)
INK[list(b" \t\n\v\f\r")] = False
# Offsets of Arrow's strings end at 2 GiB; the records of one batch can inflate to more.
PIECE_BYTES = 1 << 30
TAIL_BYTES = 1 << 16


def parse(batch: LogBatch, formats: Formats) -> Parsed:
    """Parse every line of a batch; there are no formats to declare."""
    return _parse(batch)[0]


def carry_time(text: bytes, before: int | None, arrival_ms: int) -> int | None:
    """The time of the last line that has a possible one in a file's slice, else `before`."""
    stop, tail = len(text), TAIL_BYTES
    while stop > 0:
        start = text.rfind(b"\n", 0, max(stop - tail, 0)) + 1
        lines = Lines.of_text(text[start:stop])
        may = lines.select(log_heads.MAY_HAVE_TIME[lines.first_bytes]).data
        _, own = _parse(decode([Record(may, "", 0, "", opened=True)], Limits()))
        known = own[(own >= DAY_MS) & (own <= arrival_ms + DAY_MS)]
        if len(known):
            return int(known[-1])
        stop, tail = start, tail * 2
    return before


SOURCE = Source("app-log", TABLE, parse, carry_time=carry_time)


def _parse(batch: LogBatch) -> tuple[Parsed, np.ndarray]:
    """What became of the lines, and the time that each row has without its neighbours."""
    lines = _without_newlines(batch.lines)
    keep = np.ones(len(lines), bool)
    keep[[failure.line for failure in batch.failures if failure.line is not None]] = False
    blank = keep & _blank(lines)
    keep &= ~blank
    rejects = _undecodable(lines, keep)
    keep[rejects.line] = False
    own = batch.time_ms.copy()
    pieces = [_read(lines, piece, own) for piece in _pieces(lines, keep)]
    rows = pa.concat_tables(pieces).unify_dictionaries()
    at, own = np.flatnonzero(keep), own[keep]
    times = pa.array(_event_times(batch, at, own)).view(EVENT_TIME.type.arrow)
    rows = rows.append_column(EVENT_TIME.name, times)
    return Parsed(rows, at, rejects, {Drop.BLANK: np.flatnonzero(blank)}), own


def _without_newlines(lines: Lines) -> Lines:
    """Lines without the newline that a CloudWatch message often ends with."""
    data = np.frombuffer(lines.data, np.uint8)
    ends = lines.ends[(lines.lengths > 0) & (data[lines.ends - 1] == NEWLINE)]
    if len(ends) == 0:
        return lines
    gone = np.sort(np.concatenate([ends - 1, ends[data[ends - 2] == RETURN] - 2]))
    return Lines(np.delete(data, gone).tobytes(), lines.ends - np.searchsorted(gone, lines.ends))


def _blank(lines: Lines) -> np.ndarray:
    """Boolean mask of the lines that hold nothing but white space."""
    blank: np.ndarray = ~INK[lines.first_bytes]
    if blank.any():
        some = lines.select(blank)
        ink = INK[np.frombuffer(some.data, np.uint8)]
        blank[blank] = ~np.logical_or.reduceat(ink, some.starts)
    return blank


def _undecodable(lines: Lines, keep: np.ndarray) -> Rejects:
    rejects = Rejects()
    try:
        lines.data.decode()
    except UnicodeDecodeError:
        high = np.flatnonzero(np.frombuffer(lines.data, np.uint8) > LAST_ASCII)
        for at in np.unique(np.searchsorted(lines.ends, high)).tolist():
            fault = _fault(lines[at])
            if keep[at] and fault:
                rejects.add(at, Reason.ENCODING, fault)
    return rejects


def _fault(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start} of the line"
    return ""


def _pieces(lines: Lines, keep: np.ndarray) -> Iterator[np.ndarray]:
    """Masks of the kept lines, in runs that fit the offsets of Arrow's strings."""
    number = lines.ends // PIECE_BYTES
    for each in range(int(number.max(initial=0)) + 1):
        yield keep & (number == each)


def _event_times(batch: LogBatch, at: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The own time of each row, else that of the last line before it that has one."""
    record, arrival = batch.record[at], batch.arrival_ms[at]
    # A time out of range refuses its own line, not those behind it.
    usable = (own >= DAY_MS) & (own <= arrival + DAY_MS)
    last = np.maximum.accumulate(np.where(usable, np.arange(len(at)), -1))
    same = (last >= 0) & (record[last] == record)
    first = np.array([_first_time(each) for each in batch.records], np.int64)[record]
    return np.where(own == NO_TIME, np.where(same, own[last], first), own)


def _first_time(record: Record) -> int:
    before = record.time_ms
    usable = before is not None and DAY_MS <= before <= record.arrival_ms + DAY_MS
    return before if usable and before is not None else record.arrival_ms


@dataclass(slots=True)
class _Columns:
    """Columns of rows, filled some rows at a time.

    time_ms  int64, one a row; NO_TIME where none is known yet
    parts    by column: (rows, their values); what comes later wins
    """

    time_ms: np.ndarray
    parts: dict[str, list[tuple[np.ndarray, pa.Array]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def put(self, name: str, rows: np.ndarray, values: pa.Array) -> None:
        """Fill some rows; null and empty text leave what is there."""
        there = values.is_valid()
        if values.type == pa.string():
            there = pc.greater(pc.binary_length(values), 0).fill_null(False)
        rows = rows[there.to_numpy(zero_copy_only=False)]
        if len(rows):
            self.parts[name].append((rows, values.filter(there)))

    def column(self, declared: Field) -> pa.Array:
        """One value a row, null where nothing was filled in."""
        parts = self.parts[declared.name]
        column = pa.nulls(len(self.time_ms), declared.type.arrow)
        if parts:
            rows = np.concatenate([rows for rows, _ in parts])
            place = np.full(len(self.time_ms), -1)
            place[rows] = np.arange(len(rows))
            values = pa.concat_arrays([values for _, values in parts])
            column = values.take(pa.array(place, mask=place < 0))
        return column.dictionary_encode() if declared.name in CODED else column


def _read(lines: Lines, keep: np.ndarray, own: np.ndarray) -> pa.Table:
    """Rows of the kept lines, without event_time; what times they tell goes to `own`."""
    lines, columns = lines.select(keep), _Columns(own[keep])
    texts, first = lines.strings().cast(pa.string()), lines.first_bytes
    behind = _read_heads(texts, np.flatnonzero(log_heads.STARTS[first]), columns)
    objects = json_lines.read(lines, np.sort(np.append(np.flatnonzero(first == BRACE), behind)))
    if len(objects.row) or objects.events:
        _read_objects(objects, columns)
    own[keep] = columns.time_ms
    arrays = {each.name: columns.column(each) for each in FIELDS}
    arrays |= {"message": texts, "fields": objects.maps(len(lines))}
    return pa.table(arrays)


def _read_heads(texts: pa.Array, rows: np.ndarray, columns: _Columns) -> np.ndarray:
    """Fill in what the heads of these rows tell; returns the rows where a brace follows."""
    texts = texts.take(pa.array(rows))
    heads = log_heads.read(texts)
    known = columns.time_ms[rows]
    columns.time_ms[rows] = np.where(known == NO_TIME, heads.time_ms, known)
    columns.put("level", rows, heads.level)
    columns.put("request_id", rows, heads.request)
    own = pa.array(np.flatnonzero(pc.not_equal(heads.event, "")))
    if len(own):
        found = lambda_lines.read_lines(texts.take(own), heads.event.take(own))
        for name, values in found.items():
            columns.put(name, rows[own.to_numpy()], values)
    behind: np.ndarray = rows[heads.brace]
    return behind


def _read_objects(objects: json_lines.Objects, columns: _Columns) -> None:
    """Fill in what JSON objects tell; the first of several keys decides."""
    for name, keys in (("request_id", REQUEST_KEYS), ("xray_trace_id", TRACE_KEYS)):
        for key in reversed(keys):
            columns.put(name, *objects.of(key))
    for key in reversed(LEVEL_KEYS):
        rows, values = objects.of(key)
        columns.put("level", rows, log_heads.levels(values))
    for key in TIME_KEYS:
        rows, values = objects.of(key)
        timeless = columns.time_ms[rows] == NO_TIME
        found = log_heads.times(values.filter(pa.array(timeless)))
        columns.time_ms[rows[timeless]] = found
    rows = np.array([row for row, _, _ in objects.events], np.int64)
    events = lambda_lines.read_events([(kind, record) for _, kind, record in objects.events])
    for name, values in events.items():
        columns.put(name, rows, values)
