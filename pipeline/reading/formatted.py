"""Lines in declared formats: which format each line has, and the rows of all of them together.

A format is declared, never guessed: by the log group, by `--format`, or by a header line, which is
dropped and counts for the lines behind it in the same file or record. Of several candidates a line
takes the only one that it fits.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME, Lines, LogBatch
from pipeline.errors import Drop, Reason
from pipeline.reading.delimited import Faults, Reading
from pipeline.reading.extra import maps_of
from pipeline.reading.parsed import Formats, Parsed, Rejects
from pipeline.schema import DAY_MS, EVENT_TIME, EXTRA

FEW = 100
MOST_HEADERS = 64
# Names of fields with the marks around them; AWS's have fewer than 40 characters.
LONG_NAME = re.compile(r"[^\s,]{81}")


class Log(Protocol):
    """A kind of log: what its formats mean and how lines are read by them."""

    @property
    def default(self) -> tuple[str, ...]:
        """Candidate formats of lines for which none is declared."""

    @property
    def times(self) -> tuple[str, ...]:
        """Columns that tell the time of the event, the best first."""

    def layout(self, format_text: str) -> Sequence[Any]:
        """What `read` is given of a format: one part a field. Raises UsageError when it is none."""

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no line holds, and the indexes of blank lines."""

    def headers(self, lines: Lines) -> Mapping[int, str]:
        """The format that each header line sets, by its index, in order; "" sets none."""

    def read(self, lines: Lines, layout: Any, latest_ms: np.ndarray) -> Reading:
        """Read screened lines; `latest_ms`: int64 a line, the last time that they may show.

        Fields that no table has are without a name, and land in `extra`.
        """

    def count(self, line: bytes) -> int:
        """How many fields a line has."""

    def columns(self, reading: Reading) -> dict[str, pa.Array]:
        """Columns of the table, by name, one value a row of the reading."""


def parse(log: Log, batch: LogBatch, formats: Formats) -> Parsed:
    """Parse every line of a batch by the format declared for it."""
    return _Parse(log, batch, formats).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What reading some lines by one layout gave; `at`: int64 index in the batch of each row."""

    log: Log
    reading: Reading
    at: np.ndarray

    def table(self, time_ms: np.ndarray) -> pa.Table:
        # No line at all has no columns either.
        columns = self.log.columns(self.reading) if self.reading.columns else {}
        own = time_ms[self.at]
        event_time = pa.array(own, mask=own == NO_TIME).view(EVENT_TIME.type.arrow)
        for name in reversed(self.log.times):
            if name in columns:
                event_time = pc.coalesce(columns[name], event_time)
        columns[EVENT_TIME.name] = event_time
        columns[EXTRA.name] = _extra(self.reading, len(self.at))
        return pa.table(columns)


def named(reading: Reading) -> dict[str, pa.Array]:
    """The columns of a reading that have a name, by it."""
    found = zip(reading.fields, reading.columns, strict=True)
    return {each.name: column for each, column in found if each.name}


def _extra(reading: Reading, count: int) -> pa.Array:
    if reading.extra is not None:
        return reading.extra
    found = zip(reading.fields, reading.columns, strict=True)
    unknown = [(each.log_name, column) for each, column in found if not each.name]
    return maps_of([(name, column.cast(pa.string())) for name, column in unknown], count)


@dataclass(slots=True)
class _Parse:
    """One parse of a batch; lines are grouped by their candidate formats, usually one group."""

    log: Log
    batch: LogBatch
    formats: Formats
    faults: Faults = field(default_factory=Faults)
    pieces: list[_Piece] = field(default_factory=list)
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)

    def run(self) -> Parsed:
        lines = self.batch.lines
        self.faults, blank = self.log.screen(lines)
        refused = [failure.line for failure in self.batch.failures if failure.line is not None]
        closed = self.faults.mask(len(lines))
        closed[blank] = True
        closed[refused] = True
        headers = {at: h for at, h in self.log.headers(lines).items() if not closed[at]}
        headers = bounded(headers)
        closed[list(headers)] = True
        setting = {at: header for at, header in headers.items() if header}
        numbers, candidates = self._candidates(setting)
        for number, layouts in enumerate(candidates):
            mine = ~closed if len(candidates) == 1 else (numbers == number) & ~closed
            self._read(mine, [self.log.layout(text) for text in layouts])
        rows, at = self._joined()
        dropped = {Drop.BLANK: blank, Drop.HEADER: np.array(list(headers), np.int64)}
        rejects = self._rejects(set(refused))
        return Parsed(rows, at, rejects, dropped, self.miscounts, setting)

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
            declared = declared or self.log.default
            numbers[start : start + segment.count] = known.setdefault(declared, len(known))
            inner = of_segment.get(place, []) if segment.ids is None else []
            for at, stop in zip(inner, [*inner[1:], start + segment.count], strict=False):
                numbers[at:stop] = known.setdefault((headers[at],), len(known))
        return numbers, list(known)

    def _read(self, mine: np.ndarray, layouts: list[Sequence[Any]]) -> None:
        at = np.flatnonzero(mine)
        all_lines = self.batch.lines
        few = len(at) * FEW < len(all_lines)
        lines = Lines.of_bytes([all_lines[int(i)] for i in at]) if few else all_lines.select(mine)
        latest = self.batch.arrival_ms[at] + DAY_MS
        readings = [self.log.read(lines, layout, latest) for layout in layouts]
        fits = np.zeros(len(at), np.int32)
        for reading in readings:
            fits[reading.line] += 1
        for reading in readings:
            chosen = reading if len(readings) == 1 else reading.rows(fits[reading.line] == 1)
            self.pieces.append(_Piece(self.log, chosen, at[chosen.line]))
        for line in np.flatnonzero(fits > 1).tolist():
            detail = "it fits more than one of the declared formats"
            self.faults.add(int(at[line]), -1, Reason.AMBIGUOUS, detail)
        for line in np.flatnonzero(fits == 0).tolist():
            fault = _nearest(line, readings)
            self.faults.by_line[int(at[line])] = fault
            if fault[1] is Reason.FIELD_COUNT:
                self.miscounts[len(layouts[0]), self.log.count(lines[line])] += 1

    def _rejects(self, refused: set[int]) -> Rejects:
        rejects = Rejects()
        for at in sorted(self.faults.by_line.keys() - refused):
            _, reason, detail = self.faults.by_line[at]
            rejects.add(at, reason, detail)
        return rejects

    def _joined(self) -> tuple[pa.Table, np.ndarray]:
        pieces = [piece for piece in self.pieces if len(piece.at)] or self.pieces[:1]
        if not pieces:
            empty = _Piece(self.log, Reading((), [], np.empty(0, np.int64), Faults()), _NONE)
            return empty.table(self.batch.time_ms), empty.at
        tables = [piece.table(self.batch.time_ms) for piece in pieces]
        if len(tables) == 1:
            return tables[0], pieces[0].at
        table = pa.concat_tables(tables, promote_options="default")
        at = np.concatenate([piece.at for piece in pieces])
        order = np.argsort(at, kind="stable")
        return table.unify_dictionaries().combine_chunks().take(pa.array(order)), at[order]


_NONE = np.empty(0, np.int64)


def bounded(headers: dict[int, str]) -> dict[int, str]:
    """The headers up to a number of different formats: each costs a look at the whole batch.

    Nor one with a very long name: `extra` would repeat it in each row. What is left out stays a
    line, and is refused as one.
    """
    headers = {at: header for at, header in headers.items() if not LONG_NAME.search(header)}
    first = list(dict.fromkeys(headers.values()))
    if len(first) <= MOST_HEADERS:
        return headers
    known = set(first[:MOST_HEADERS])
    return {at: header for at, header in headers.items() if header in known}


def _nearest(line: int, readings: Sequence[Reading]) -> tuple[int, Reason, str]:
    """Of the faults of a line under several formats, that of the one with as many fields."""
    faults = [reading.faults.by_line[line] for reading in readings]
    return next((fault for fault in faults if fault[1] is not Reason.FIELD_COUNT), faults[0])
