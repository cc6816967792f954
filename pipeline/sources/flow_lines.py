"""Flow log lines in declared formats: what `vpc-flow` and `tgw-flow` share.

A format is declared, never guessed from the number of fields: by the log group, by `--format`, or
by a header line, which is dropped and counts for the lines behind it in the same file or record.
All words of a header look like field names and at least two, and half, of them are known: AWS adds
fields, and a header with a new one is no line of data.

Source: Amazon VPC User Guide, "Flow log records".
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME, Lines, LogBatch, with_plain_ends
from pipeline.errors import Drop, Reason, UsageError
from pipeline.schema import DAY_MS, EVENT_TIME, EXTRA, Field, Type
from pipeline.sources.delimited import BOM, SPACE, Faults, Reading, read, screen
from pipeline.sources.source import Formats, Parsed, Rejects

WORD = re.compile(r"[a-z][a-z0-9-]*\Z")
TIMES = ("end_time", "start_time")
FEW = 100
MOST_HEADERS = 64


@dataclass(frozen=True, slots=True)
class FlowLog:
    """The fields a kind of flow log may have, by the log's own names, and its default format."""

    fields: dict[str, Field]
    default: str

    def layout(self, format_text: str) -> tuple[Field, ...]:
        """The fields of a format, "${version} ${account-id} ..." or the same as plain words.

        A name nobody knows becomes a text field that lands in `extra`.
        Raises UsageError for a word that is no field name, or a field named twice.
        """
        words = format_text.replace("${", " ").replace("}", " ").split()
        for word in words:
            if not WORD.match(word):
                raise _wrong_format(f"{word!r} is no field name", format_text)
            if words.count(word) > 1:
                raise _wrong_format(f"{word!r} is named twice", format_text)
        if not words:
            raise _wrong_format("it names no field", format_text)
        return tuple(self.fields.get(word) or _unknown(word) for word in words)

    def check(self, format_text: str) -> None:
        """Raise UsageError when this is no format."""
        self.layout(format_text)

    def has_time(self, formats: Sequence[str]) -> bool:
        """Whether all these formats carry a time (the default format does)."""
        return all(any(each.name in TIMES for each in self.layout(text)) for text in formats)

    def header(self, line: bytes) -> str:
        """The format that a header line sets; "" when the line is none."""
        words = [word for word in line.decode("ascii", "replace").split(" ") if word]
        known = sum(word in self.fields for word in words)
        looks = known > 1 and known * 2 >= len(words) and len(set(words)) == len(words)
        return " ".join(words) if looks and all(map(WORD.match, words)) else ""

    def headers(self, lines: Lines) -> dict[int, str]:
        """The format that each header line sets, by its index, in order."""
        if len(lines) == 0:
            return {}
        first = lines.first_bytes
        maybe = (first == SPACE) | ((first >= ord("a")) & (first <= ord("z")))
        at = np.flatnonzero(maybe)
        if len(at) > FEW:
            at = at[_only_header_bytes(lines.select(maybe))]
        found = {int(each): self.header(lines[int(each)]) for each in at}
        return {each: header for each, header in found.items() if header}

    def carry(self, text: bytes, before: str) -> str:
        """The header in force behind some lines of a file, `before` being the one ahead of them."""
        lines = Lines.of_text(with_plain_ends(text.removeprefix(BOM)))
        return next(reversed(self.headers(lines).values()), before)

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch by the format declared for it."""
        return _Parse(self, batch, formats).run()


def _unknown(name: str) -> Field:
    return Field("", Type.VARCHAR, "A field nobody has declared.", log_name=name)


def _wrong_format(what: str, format_text: str) -> UsageError:
    return UsageError(
        f"the format cannot be used: {what}",
        f"in {format_text[:300]!r}",
        "take it from the flow log itself: aws ec2 describe-flow-logs --query "
        "'FlowLogs[].LogFormat', or from the first line of a file in S3",
    )


def _only_header_bytes(lines: Lines) -> np.ndarray:
    # Where every line begins with a letter (formats that start with an id), looking at each one in
    # Python costs 1 us; lines with a dot, a colon or a capital letter are ruled out here for 0.1.
    strange = np.ones(256, bool)
    strange[list(b"abcdefghijklmnopqrstuvwxyz0123456789- \n")] = False
    data = np.frombuffer(lines.data, np.uint8)
    return ~np.logical_or.reduceat(strange[data], lines.starts)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What reading some lines by one layout gave; `at`: int64 index in the batch of each row."""

    layout: tuple[Field, ...]
    columns: list[pa.Array]
    at: np.ndarray

    def table(self, time_ms: np.ndarray) -> pa.Table:
        names = [each.name for each in self.layout if each.name]
        columns = [c for c, f in zip(self.columns, self.layout, strict=True) if f.name]
        by_name = dict(zip(names, columns, strict=True))
        own = time_ms[self.at]
        event_time = pa.array(own, mask=own == NO_TIME).view(EVENT_TIME.type.arrow)
        for name in reversed(TIMES):
            if name in by_name:
                event_time = pc.coalesce(by_name[name], event_time)
        extra = _extra(self.layout, self.columns, len(self.at))
        return pa.table([*columns, event_time, extra], [*names, EVENT_TIME.name, EXTRA.name])


def _extra(layout: tuple[Field, ...], columns: list[pa.Array], count: int) -> pa.Array:
    unknown = [(f.log_name, c) for f, c in zip(layout, columns, strict=True) if not f.name]
    if not unknown or count == 0:
        return pa.nulls(count, EXTRA.type.arrow)
    texts = [column.cast(pa.string()) for _, column in unknown]
    there = np.column_stack([t.is_valid().to_numpy(zero_copy_only=False) for t in texts])
    keys = pa.array([name for name, _ in unknown]).take(pa.array(np.nonzero(there)[1]))
    row, place = np.nonzero(there)
    values = pa.concat_arrays(texts).take(pa.array(row + place * count))
    ends = np.cumsum(there.sum(axis=1))
    starts = pa.array(np.concatenate(([0], ends)), pa.int32())
    empty = pa.array(np.append(~there.any(axis=1), False))
    offsets = pc.if_else(empty, pa.scalar(None, pa.int32()), starts)
    return pa.MapArray.from_arrays(offsets, keys, values)


@dataclass(slots=True)
class _Parse:
    """One parse of a batch; lines are grouped by their candidate formats, usually one group."""

    log: FlowLog
    batch: LogBatch
    formats: Formats
    faults: Faults = field(default_factory=Faults)
    pieces: list[_Piece] = field(default_factory=list)
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)

    def run(self) -> Parsed:
        lines = self.batch.lines
        self.faults, blank = screen(lines)
        refused = [failure.line for failure in self.batch.failures if failure.line is not None]
        closed = self.faults.mask(len(lines))
        closed[blank] = True
        closed[refused] = True
        headers = {at: h for at, h in self.log.headers(lines).items() if not closed[at]}
        headers = _bounded(headers)
        closed[list(headers)] = True
        numbers, candidates = self._candidates(headers)
        for number, layouts in enumerate(candidates):
            mine = ~closed if len(candidates) == 1 else (numbers == number) & ~closed
            self._read(mine, [self.log.layout(text) for text in layouts])
        rows, at = self._joined()
        dropped = {Drop.BLANK: blank, Drop.HEADER: np.array(list(headers), np.int64)}
        rejects = self._rejects(set(refused))
        return Parsed(rows, at, rejects, dropped, self.miscounts, headers)

    def _candidates(self, headers: dict[int, str]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """Number of the candidate formats of each line, and what the numbers mean."""
        known: dict[tuple[str, ...], int] = {}
        numbers = np.zeros(len(self.batch), np.int32)
        starts = self.batch.segment_starts.tolist()
        inside = np.searchsorted(starts, list(headers), "right") - 1 if headers else ()
        of_segment: dict[int, list[int]] = {}
        for at, place in zip(headers, inside, strict=True):
            of_segment.setdefault(int(place), []).append(at)
        for place, (start, segment) in enumerate(zip(starts, self.batch.segments, strict=True)):
            header = (segment.header,) if segment.header else ()
            declared = header or segment.formats or self.formats.of(segment.stream)
            declared = declared or (self.log.default,)
            numbers[start : start + segment.count] = known.setdefault(declared, len(known))
            inner = of_segment.get(place, []) if segment.ids is None else []
            for at, stop in zip(inner, [*inner[1:], start + segment.count], strict=False):
                numbers[at:stop] = known.setdefault((headers[at],), len(known))
        return numbers, list(known)

    def _read(self, mine: np.ndarray, layouts: list[tuple[Field, ...]]) -> None:
        at = np.flatnonzero(mine)
        all_lines = self.batch.lines
        few = len(at) * FEW < len(all_lines)
        lines = Lines.of_bytes([all_lines[int(i)] for i in at]) if few else all_lines.select(mine)
        latest = self.batch.arrival_ms[at] + DAY_MS
        readings = [read(lines, layout, latest) for layout in layouts]
        fits = np.zeros(len(at), np.int32)
        for reading in readings:
            fits[reading.line] += 1
        for reading, layout in zip(readings, layouts, strict=True):
            if len(readings) == 1:
                self.pieces.append(_Piece(layout, reading.columns, at[reading.line]))
                continue
            only = fits[reading.line] == 1
            columns = [column.filter(pa.array(only)) for column in reading.columns]
            self.pieces.append(_Piece(layout, columns, at[reading.line[only]]))
        for line in np.flatnonzero(fits > 1).tolist():
            detail = "it fits more than one of the declared formats"
            self.faults.add(int(at[line]), -1, Reason.AMBIGUOUS, detail)
        for line in np.flatnonzero(fits == 0).tolist():
            fault = _nearest(line, readings)
            self.faults.by_line[int(at[line])] = fault
            if fault[1] is Reason.FIELD_COUNT:
                self.miscounts[len(layouts[0]), len(lines[line].split())] += 1

    def _rejects(self, refused: set[int]) -> Rejects:
        rejects = Rejects()
        for at in sorted(self.faults.by_line.keys() - refused):
            _, reason, detail = self.faults.by_line[at]
            rejects.add(at, reason, detail)
        return rejects

    def _joined(self) -> tuple[pa.Table, np.ndarray]:
        pieces = [piece for piece in self.pieces if len(piece.at)] or self.pieces[:1]
        if not pieces:
            empty = _Piece((), [], np.empty(0, np.int64))
            return empty.table(self.batch.time_ms), empty.at
        tables = [piece.table(self.batch.time_ms) for piece in pieces]
        if len(tables) == 1:
            return tables[0], pieces[0].at
        table = pa.concat_tables(tables, promote_options="default")
        at = np.concatenate([piece.at for piece in pieces])
        order = np.argsort(at, kind="stable")
        return table.unify_dictionaries().combine_chunks().take(pa.array(order)), at[order]


def _bounded(headers: dict[int, str]) -> dict[int, str]:
    """The headers up to a number of different formats: each costs a look at the whole batch.

    What is left out stays a line, and is refused as one.
    """
    first = list(dict.fromkeys(headers.values()))
    if len(first) <= MOST_HEADERS:
        return headers
    known = set(first[:MOST_HEADERS])
    return {at: header for at, header in headers.items() if header in known}


def _nearest(line: int, readings: list[Reading]) -> tuple[int, Reason, str]:
    """Of the faults of a line under several formats, that of the one with as many fields."""
    faults = [reading.faults.by_line[line] for reading in readings]
    return next((fault for fault in faults if fault[1] is not Reason.FIELD_COUNT), faults[0])
