"""Lines of access logs whose fields have an order, in quotes where they hold spaces.

Such logs grow: a line of an older file has fewer fields, and one of tomorrow's has more. What is
beyond the known fields lands in `extra`, under its place.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.decode import Lines, LogBatch
from pipeline.errors import Reason
from pipeline.reading import formatted
from pipeline.reading.delimited import (
    SEPARATOR,
    SPACES,
    Dialect,
    Faults,
    Reading,
    joined,
    read,
    screen,
)
from pipeline.reading.parsed import Formats, Parsed
from pipeline.reading.quoted import Quoting, count_quoted, fields_of, split
from pipeline.schema import Field, Type

QUOTED = Dialect(SEPARATOR, quotes=True)
PLAIN = Quoting()
MOST_UNKNOWN = 32

Columns = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class AccessLog:
    """An access log whose fields have one order.

    fields    of a line, in their order; each read as its domain says
    required  how many of them the oldest lines have
    finish    columns of the table from those of the fields
    times     columns that tell the time of the event, the best first
    quoting   how; None: no field holds a space, and a quote is a letter
    prepare   lines that are easier to read
    quoted    how many fields may be in quotes, where clients write quotes that look like ends
    """

    fields: tuple[Field, ...]
    required: int
    finish: Callable[[Columns], Columns]
    times: tuple[str, ...] = ("time",)
    quoting: Quoting | None = PLAIN
    prepare: Callable[[Lines], Lines] = lambda lines: lines
    quoted: int | None = None

    @property
    def default(self) -> tuple[str, ...]:
        """There is one format."""
        return ("",)

    def layout(self, format_text: str) -> tuple[Field, ...]:
        """The fields of a line."""
        return self.fields

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch."""
        return formatted.parse(self, batch, Formats())

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no line holds, and the indexes of blank lines."""
        return screen(lines)

    def headers(self, lines: Lines) -> Mapping[int, str]:
        """There are none."""
        return {}

    def read(self, lines: Lines, fields: tuple[Field, ...], latest_ms: np.ndarray) -> Reading:
        """One column a field, by as many of them as each line has."""
        if self.quoting is None:
            return read_appended(lines, fields, self.required, latest_ms, SPACES)
        text, wrong = split(self.prepare(lines), self.quoting)
        if self.quoted is not None:
            for line in np.flatnonzero(count_quoted(text) > self.quoted).tolist():
                wrong.add(line, -1, Reason.QUOTE, "a quote inside of a field looks like its end")
        good = ~wrong.mask(len(text))
        reading = read_appended(text.select(good), fields, self.required, latest_ms[good], QUOTED)
        reading = reading.of(np.flatnonzero(good))
        reading.faults.by_line.update(wrong.by_line)
        return reading

    def count(self, line: bytes) -> int:
        """How many fields a line has."""
        quoted = fields_of(line, self.quoting) if self.quoting else None
        return len(quoted or line.split(b" "))

    def columns(self, reading: Reading) -> Columns:
        """Columns of the table, by name."""
        return self.finish(formatted.named(reading))


def read_appended(
    lines: Lines,
    fields: tuple[Field, ...],
    required: int,
    latest_ms: np.ndarray,
    dialect: Dialect,
) -> Reading:
    """Read lines that may have fewer fields than the newest, or more; the first one is tried first.

    required: how many every line has
    """
    allowed = range(required, len(fields) + MOST_UNKNOWN + 1)
    usual = lines[0].count(dialect.delimiter) + 1 if len(lines) else len(fields)
    usual = usual if usual in allowed else len(fields)
    first = read(lines, of_count(fields, usual), latest_ms, dialect)
    by_count: dict[int, list[int]] = defaultdict(list)
    for line, (_, reason, _) in first.faults.by_line.items():
        if reason is Reason.FIELD_COUNT:
            by_count[lines[line].count(dialect.delimiter) + 1].append(line)
    readings, places = [first], [np.arange(len(lines))]
    for count, mine in by_count.items():
        if count not in allowed:
            continue
        at = np.array(sorted(mine))
        few = Lines.of_bytes([lines[int(line)] for line in at])
        reading = read(few, of_count(fields, count), latest_ms[at], dialect)
        for line in mine:
            del first.faults.by_line[line]
        for line, fault in reading.faults.by_line.items():
            first.faults.by_line[int(at[line])] = fault
        readings.append(reading)
        places.append(at)
    return first if len(readings) == 1 else joined(readings, places, first.faults)


def of_count(fields: tuple[Field, ...], count: int) -> tuple[Field, ...]:
    """The first fields, and beyond them such without a name, called after their place."""
    unknown = (
        Field("", Type.VARCHAR, "A field nobody has declared.", log_name=f"field_{place + 1}")
        for place in range(len(fields), count)
    )
    return (*fields[:count], *unknown)
