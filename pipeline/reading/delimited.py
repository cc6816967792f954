"""Strict reading of delimited lines into typed columns; every line is a row or a fault.

pyarrow's CSV reader does the work and is lenient where we must not be: it takes hex numbers, trims
tabs, ends a row at a lone CR, drops empty lines. So lines are screened before (`screen`), and what
it makes of them is checked (`pipeline/reading/checks.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.decode import Lines
from pipeline.errors import Reason
from pipeline.reading.checks import check, checked_as, read_as, wanted
from pipeline.schema import Field

SHOWN = 100
# What no screened line holds: it stands between fields that may hold spaces (quoted.py).
SEPARATOR = b"\x1f"
TAB, SPACE, DELETE, BOM = 9, 32, 127, b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How lines are delimited; with quotes, a field may stand in them (`quoted.split`)."""

    delimiter: bytes = b" "
    quotes: bool = False


SPACES = Dialect()


@dataclass(slots=True)
class Faults:
    """Lines that cannot be read: index -> (place of the column or -1, reason, detail)."""

    by_line: dict[int, tuple[int, Reason, str]] = field(default_factory=dict)

    def add(self, line: int, place: int, reason: Reason, detail: str) -> None:
        """Note a fault; of several on one line the first column decides."""
        known = self.by_line.get(line)
        if known is None or place < known[0]:
            self.by_line[line] = (place, reason, detail)

    def mask(self, count: int) -> np.ndarray:
        """Boolean mask over `count` lines: true where one is at fault."""
        mask = np.zeros(count, bool)
        mask[list(self.by_line)] = True
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Typed columns of the readable lines, and the faults of the others.

    fields   of the columns; those of the format, and what some lines have beyond them
    columns  one a field; text is dictionary-encoded
    line     int64 index of each row's line, ascending
    extra    what no field has, a map a row; None: the columns without a name are that
    """

    fields: tuple[Field, ...]
    columns: list[pa.Array]
    line: np.ndarray
    faults: Faults
    extra: pa.Array | None = None

    def rows(self, chosen: np.ndarray) -> "Reading":
        """Those rows for which the boolean mask is true."""
        mask = pa.array(chosen)
        columns = [column.filter(mask) for column in self.columns]
        extra = None if self.extra is None else self.extra.filter(mask)
        return Reading(self.fields, columns, self.line[chosen], self.faults, extra)

    def of(self, lines: np.ndarray) -> "Reading":
        """The same reading where its lines are those of these indexes, ascending."""
        faults = Faults({int(lines[at]): each for at, each in self.faults.by_line.items()})
        return Reading(self.fields, self.columns, lines[self.line], faults, self.extra)

    def without_faults(self) -> "Reading":
        """The rows whose lines have no fault."""
        if not self.faults.by_line:
            return self
        bad = np.isin(self.line, list(self.faults.by_line))
        return self.rows(~bad) if bad.any() else self


def screen(lines: Lines, tabs: bool = False) -> tuple[Faults, np.ndarray]:
    """Faults of lines that hold what no text line holds, and the indexes of blank lines.

    tabs  they may hold tabs

    0.02 us a line where all is well: one look at the bytes as numbers.
    """
    data = np.frombuffer(lines.data, np.uint8)
    faults = Faults()
    highest = data.max() if len(data) else 0
    low = data < SPACE
    if tabs:
        low &= data != TAB
    if np.count_nonzero(low) > len(lines) or highest >= DELETE:
        controls = np.flatnonzero(low | (data == DELETE))
        inside = np.setdiff1d(controls, lines.ends, assume_unique=True)
        for line in np.unique(np.searchsorted(lines.ends, inside)):
            faults.add(int(line), -1, Reason.CONTROL_CHAR, shown(lines[int(line)]))
    if highest > DELETE:
        high = np.searchsorted(lines.ends, np.flatnonzero(data > DELETE))
        for line in np.unique(high):
            _check_text(faults, int(line), lines[int(line)])
    first = lines.first_bytes if len(lines) else np.empty(0, np.uint8)
    maybe = np.flatnonzero((lines.lengths == 0) | (first == SPACE))
    blank = [at for at in maybe if not lines[int(at)].strip(b" ")]
    return faults, np.array(blank, np.int64)


def read(
    lines: Lines, fields: Sequence[Field], latest_ms: np.ndarray, dialect: Dialect = SPACES
) -> Reading:
    """Read screened lines as one column a field.

    latest_ms: int64 a line, the last time that its columns of time may show.
    """
    fields = tuple(fields)
    faults = Faults()
    if len(lines) == 0:
        nothing = [pa.array([], checked_as(each)) for each in fields]
        return Reading(fields, nothing, np.empty(0, np.int64), faults)
    table, line = _read_csv(lines, fields, dialect, faults)
    columns = []
    for place, declared in enumerate(fields):
        column = table.column(place).combine_chunks()
        column = _unquoted(column) if dialect.quotes else column
        checked = check(column, declared, line, latest_ms)
        columns.append(checked.values)
        for row, reason in checked.bad:
            at = int(line[row])
            faults.add(at, place, reason, _detail(lines[at], place, declared, dialect))
    return Reading(fields, columns, line, faults).without_faults()


def read_spaced(lines: Lines, fields: Sequence[Field], latest_ms: np.ndarray) -> Reading:
    """The same where runs of spaces are one border: an AWS example of a flow log has two.

    The reader takes each space for a border, so such a line has another number of fields, or an
    empty one, and is at fault: those few are read again.
    """
    first = read(lines, fields, latest_ms)
    doubtful = sorted(at for at in first.faults.by_line if _has_runs(lines[at]))
    if not doubtful:
        return first
    single = Lines.of_bytes([b" ".join(lines[at].split()) for at in doubtful])
    second = read(single, fields, latest_ms[doubtful])
    for at in doubtful:
        del first.faults.by_line[at]
    for at, fault in second.faults.by_line.items():
        first.faults.by_line[doubtful[at]] = fault
    return joined([first, second], [np.arange(len(lines)), np.array(doubtful)], first.faults)


def joined(readings: Sequence[Reading], of: Sequence[np.ndarray], faults: Faults) -> Reading:
    """Readings of different lines of one batch as one, in the order of the lines.

    of      int64 index in the batch of each line that a reading was given
    faults  of all of them
    """
    longest = max((reading.fields for reading in readings), key=len)
    line = np.concatenate([at[r.line] for r, at in zip(readings, of, strict=True)])
    order = pa.array(np.argsort(line, kind="stable"))
    columns = []
    for place, declared in enumerate(longest):
        parts = [_column(reading, place, declared) for reading in readings]
        whole = pa.chunked_array(parts).unify_dictionaries().combine_chunks()
        columns.append(whole.take(order))
    beyond = [reading.extra for reading in readings if reading.extra is not None]
    extra = pa.concat_arrays(beyond).take(order) if beyond else None
    return Reading(longest, columns, line[order.to_numpy()], faults, extra)


def _column(reading: Reading, place: int, declared: Field) -> pa.Array:
    if place < len(reading.columns):
        return reading.columns[place]
    return pa.nulls(len(reading.line), checked_as(declared))


def _check_text(faults: Faults, at: int, line: bytes) -> None:
    if line.startswith(BOM):
        faults.add(at, -1, Reason.BYTE_ORDER_MARK, "a byte order mark inside the text")
    else:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            faults.add(at, -1, Reason.ENCODING, f"not UTF-8 at byte {error.start} of the line")


def _has_runs(line: bytes) -> bool:
    return b"  " in line or line.startswith(b" ") or line.endswith(b" ")


def _read_csv(
    lines: Lines, fields: Sequence[Field], dialect: Dialect, faults: Faults
) -> tuple[pa.Table, np.ndarray]:
    def odd(row: csv.InvalidRow) -> str:
        at = row.number - 1
        faults.add(
            at,
            -1,
            Reason.FIELD_COUNT,
            f"{_fields(row.actual_columns)} where the format has {row.expected_columns}",
        )
        return "skip"

    types = [read_as(declared) for declared in fields]
    if not _has_hex(lines.data) and not _has_padding(lines.data, dialect):
        try:
            return _parse(lines, types, dialect, odd, faults)
        except pa.ArrowInvalid:
            faults.by_line.clear()
    loose = [pa.string() if each == pa.int64() else each for each in types]
    return _parse(lines, loose, dialect, odd, faults)


def _has_hex(data: bytes) -> bool:
    """Whether some bytes look like a hexadecimal number; 0.1 us a line at most."""
    if b"x" not in data and b"X" not in data:
        return False
    number = np.frombuffer(data, np.uint8)
    return bool((number[np.flatnonzero(number | 32 == ord("x")) - 1] == ord("0")).any())


def _has_padding(data: bytes, dialect: Dialect) -> bool:
    """Whether a space is at the end of a field: of a number the reader takes it away."""
    if dialect.delimiter == b" ":
        return False
    ends = (dialect.delimiter, b"\n")
    return data.startswith(b" ") or any(b" " + end in data or end + b" " in data for end in ends)


def _parse(
    lines: Lines,
    types: Sequence[pa.DataType],
    dialect: Dialect,
    odd: Callable[[csv.InvalidRow], str],
    faults: Faults,
) -> tuple[pa.Table, np.ndarray]:
    # The reader swallows one byte order mark at the very start; a squeezed line may begin with one.
    data = BOM + lines.data if lines.data.startswith(BOM) else lines.data
    names = [str(place) for place in range(len(types))]
    table = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(
            column_names=names, use_threads=False, block_size=len(data) + 1
        ),
        parse_options=csv.ParseOptions(
            delimiter=dialect.delimiter.decode(),
            quote_char=False,
            double_quote=False,
            escape_char=False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=odd,
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=["-", '"-"'] if dialect.quotes else ["-"],
            strings_can_be_null=True,
        ),
    )
    line = np.arange(len(lines))
    return table, line[~faults.mask(len(lines))] if faults.by_line else line


def _unquoted(column: pa.Array) -> pa.Array:
    """Text without the quotes around it; of a dictionary each different text once."""
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _unquoted(column.dictionary))
    if column.type != pa.string():
        return column
    quoted = pc.starts_with(column, '"')
    if not pc.any(quoted).as_py():
        return column
    # As bytes: what is not quoted may begin or end with a letter of several.
    raw = column.cast(pa.binary())
    return pc.if_else(quoted, pc.binary_slice(raw, 1, -1), raw).cast(pa.string())


def _detail(line: bytes, place: int, declared: Field, dialect: Dialect) -> str:
    tokens = line.split(dialect.delimiter)
    value = tokens[place] if place < len(tokens) else b""
    if dialect.quotes:
        value = value.removeprefix(b'"').removesuffix(b'"')
    return f"{declared.log_name or declared.name}: {shown(value)} is not {wanted(declared)}"


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def shown(value: bytes) -> str:
    """A value as errors show it: quoted, and not too long."""
    text = value.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
