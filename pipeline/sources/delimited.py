"""Strict reading of space-separated lines into typed columns; every line is a row or a fault.

pyarrow's CSV reader does the work and is lenient where we must not be: it takes hex numbers, trims
tabs, ends a row at a lone CR, drops empty lines. So lines are screened before (`screen`), numbers
are read as int64 first and, only when that fails, as text whose odd values alone see Python; text
is checked on its unique values.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.decode import Lines
from pipeline.enrich.addresses import packed
from pipeline.errors import Reason
from pipeline.schema import DAY_MS, Domain, Field, OneOf, Range, Type

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NUMBER = re.compile(r"-?[0-9]+\Z")
MOST = Range(-(10**18) + 1, 10**18 - 1)
FIRST_MS = DAY_MS
# A larger Unix time is meant in milliseconds: these reached 10^11 in 1973, seconds do in 5138.
LAST_SECOND = 10**11 - 1
SHOWN = 100
SPACE, DELETE, BOM = 32, 127, b"\xef\xbb\xbf"


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

    columns  one a field, in the format's order; text is dictionary-encoded
    line     int64 index of each row's line, ascending
    """

    columns: list[pa.Array]
    line: np.ndarray
    faults: Faults


def screen(lines: Lines) -> tuple[Faults, np.ndarray]:
    """Faults of lines that hold what no text line holds, and the indexes of blank lines.

    0.02 us a line where all is well: one look at the bytes as numbers.
    """
    data = np.frombuffer(lines.data, np.uint8)
    faults = Faults()
    highest = data.max() if len(data) else 0
    if np.count_nonzero(data < SPACE) > len(lines) or highest >= DELETE:
        controls = np.flatnonzero((data < SPACE) | (data == DELETE))
        inside = np.setdiff1d(controls, lines.ends, assume_unique=True)
        for line in np.unique(np.searchsorted(lines.ends, inside)):
            faults.add(int(line), -1, Reason.CONTROL_CHAR, _shown(lines[int(line)]))
    if highest > DELETE:
        high = np.searchsorted(lines.ends, np.flatnonzero(data > DELETE))
        for line in np.unique(high):
            _check_text(faults, int(line), lines[int(line)])
    first = lines.first_bytes if len(lines) else np.empty(0, np.uint8)
    maybe = np.flatnonzero((lines.lengths == 0) | (first == SPACE))
    blank = [at for at in maybe if not lines[int(at)].strip(b" ")]
    return faults, np.array(blank, np.int64)


def read(lines: Lines, fields: Sequence[Field], latest_ms: np.ndarray) -> Reading:
    """Read screened lines as one column a field.

    latest_ms: int64 a line, the last time that its EPOCH columns may show.
    """
    first = _read_once(lines, fields, latest_ms)
    doubtful = [at for at in first.faults.by_line if _has_runs(lines[at])]
    if not doubtful:
        return first
    return _with_second_try(first, lines, fields, latest_ms, sorted(doubtful))


def _check_text(faults: Faults, at: int, line: bytes) -> None:
    if line.startswith(BOM):
        faults.add(at, -1, Reason.BYTE_ORDER_MARK, "a byte order mark inside the text")
    else:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            faults.add(at, -1, Reason.ENCODING, f"not UTF-8 at byte {error.start} of the line")


def _has_runs(line: bytes) -> bool:
    # Fields are separated by runs of spaces (an AWS example has two); the reader takes each space
    # for a border, so such a line has another number of fields, or an empty one: always a fault.
    return b"  " in line or line.startswith(b" ") or line.endswith(b" ")


def _with_second_try(
    first: Reading,
    lines: Lines,
    fields: Sequence[Field],
    latest_ms: np.ndarray,
    doubtful: list[int],
) -> Reading:
    single = Lines.of_bytes([b" ".join(lines[at].split()) for at in doubtful])
    second = _read_once(single, fields, latest_ms[doubtful])
    for at in doubtful:
        del first.faults.by_line[at]
    for at, fault in second.faults.by_line.items():
        first.faults.by_line[doubtful[at]] = fault
    line = np.concatenate([first.line, np.array(doubtful, np.int64)[second.line]])
    order = np.argsort(line, kind="stable")
    columns = [
        pa.chunked_array([a, b]).unify_dictionaries().combine_chunks().take(pa.array(order))
        for a, b in zip(first.columns, second.columns, strict=True)
    ]
    return Reading(columns, line[order], first.faults)


def _read_once(lines: Lines, fields: Sequence[Field], latest_ms: np.ndarray) -> Reading:
    faults = Faults()
    if len(lines) == 0:
        return Reading(
            [pa.array([], _arrow_type(f)) for f in fields], np.empty(0, np.int64), faults
        )
    table, line = _read_csv(lines, fields, faults)
    columns = []
    for place, declared in enumerate(fields):
        column = table.column(place).combine_chunks()
        checked = _CHECKS[declared.type](column, declared, line, latest_ms)
        columns.append(checked.values)
        for row, reason in checked.bad:
            at = int(line[row])
            faults.add(at, place, reason, _detail(lines[at], place, declared))
    if not faults.by_line:
        return Reading(columns, line, faults)
    alive = ~faults.mask(len(lines))[line]
    mask = pa.array(alive)
    return Reading([column.filter(mask) for column in columns], line[alive], faults)


def _read_csv(lines: Lines, fields: Sequence[Field], faults: Faults) -> tuple[pa.Table, np.ndarray]:
    def odd(row: csv.InvalidRow) -> str:
        at = row.number - 1
        faults.add(
            at,
            -1,
            Reason.FIELD_COUNT,
            f"{_fields(row.actual_columns)} where the format has {row.expected_columns}",
        )
        return "skip"

    strict = {
        str(place): pa.int64() if f.type is not Type.VARCHAR else _DICTIONARY
        for place, f in enumerate(fields)
    }
    # One-byte searches cost nothing; a two-byte one 0.1 us a line.
    hexed = b"x" in lines.data or b"X" in lines.data
    if not (hexed and (b"0x" in lines.data or b"0X" in lines.data)):
        try:
            return _parse(lines, strict, odd, faults)
        except pa.ArrowInvalid:
            faults.by_line.clear()
    loose = {name: pa.string() if t == pa.int64() else t for name, t in strict.items()}
    return _parse(lines, loose, odd, faults)


def _parse(
    lines: Lines,
    types: dict[str, pa.DataType],
    odd: Callable[[csv.InvalidRow], str],
    faults: Faults,
) -> tuple[pa.Table, np.ndarray]:
    # The reader swallows one byte order mark at the very start; a squeezed line may begin with one.
    data = BOM + lines.data if lines.data.startswith(BOM) else lines.data
    table = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(
            column_names=list(types), use_threads=False, block_size=len(data) + 1
        ),
        parse_options=csv.ParseOptions(
            delimiter=" ",
            quote_char=False,
            double_quote=False,
            escape_char=False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=odd,
        ),
        convert_options=csv.ConvertOptions(
            column_types=types, null_values=["-"], strings_can_be_null=True
        ),
    )
    line = np.arange(len(lines))
    return table, line[~faults.mask(len(lines))] if faults.by_line else line


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    values: pa.Array
    bad: Sequence[tuple[int, Reason]] = ()


def _check_text_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> _Checked:
    wrong = _wrong_texts(column.dictionary, declared)
    bad: list[tuple[int, Reason]] = []
    if wrong:
        indices = column.indices.fill_null(-1).to_numpy()
        rows = np.flatnonzero(np.isin(indices, list(wrong)))
        bad = [(int(row), wrong[int(indices[row])]) for row in rows]
    if declared.domain is Domain.PERCENT:
        uniques = column.dictionary.to_pylist()
        decoded = pa.array([_percent_decoded(text) for text in uniques], pa.string())
        column = decoded.take(column.indices).dictionary_encode()
    return _Checked(column, bad)


def _wrong_texts(values: pa.Array, declared: Field) -> dict[int, Reason]:
    """Codes of the unique values that the field does not allow."""
    domain = declared.domain
    if domain is Domain.ADDRESS:
        packs = packed(values)
        if None not in packs:
            return {}
        return {code: Reason.ADDRESS for code, pack in enumerate(packs) if pack is None}
    uniques: list[str] = values.to_pylist()
    if isinstance(domain, OneOf):
        words = domain.words
        return {code: Reason.VALUE for code, text in enumerate(uniques) if text not in words}
    return {uniques.index(""): Reason.VALUE} if "" in uniques else {}


def _check_number_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> _Checked:
    bad: list[tuple[int, Reason]] = []
    if column.type == pa.string():
        column, bad = _numbers_of_text(column)
    allowed = declared.domain if isinstance(declared.domain, Range) else MOST
    bad += _outside(column, allowed)
    if bad:
        ok = np.ones(len(column), bool)
        ok[[row for row, _ in bad]] = False
        column = pc.if_else(pa.array(ok), column, pa.scalar(None, column.type))
    return _Checked(column.cast(declared.type.arrow), bad)


def _check_time_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> _Checked:
    bad: list[tuple[int, Reason]] = []
    if column.type == pa.string():
        column, bad = _numbers_of_text(column)
    if not bad and _all_seconds(column, latest_ms):
        return _Checked(pc.multiply(column, 1000).view(Type.TIMESTAMP.arrow))
    bad += _outside(column, Range(0, MOST.high))
    known = {row for row, _ in bad}
    raw = column.fill_null(0).to_numpy()
    ms = np.where(raw > LAST_SECOND, raw, raw * 1000)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    wrong = valid & ((ms < FIRST_MS) | (ms > latest_ms[line]))
    bad += [(int(row), Reason.TIME_RANGE) for row in np.flatnonzero(wrong) if row not in known]
    return _Checked(pa.array(ms, mask=~valid | wrong).view(Type.TIMESTAMP.arrow), bad)


def _all_seconds(column: pa.Array, latest_ms: np.ndarray) -> bool:
    """Whether nothing is to be looked at one by one: allowed times in seconds, as usual."""
    extent = pc.min_max(column)
    low, high = extent["min"].as_py(), extent["max"].as_py()
    most = min(LAST_SECOND, int(latest_ms.min()) // 1000)
    return low is not None and low * 1000 >= FIRST_MS and high <= most


_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_CHECKS: dict[Type, Callable[[pa.Array, Field, np.ndarray, np.ndarray], _Checked]] = {
    Type.VARCHAR: _check_text_column,
    Type.INT32: _check_number_column,
    Type.INT64: _check_number_column,
    Type.TIMESTAMP: _check_time_column,
}


def _arrow_type(declared: Field) -> pa.DataType:
    return _DICTIONARY if declared.type is Type.VARCHAR else declared.type.arrow


def _numbers_of_text(text: pa.Array) -> tuple[pa.Array, list[tuple[int, Reason]]]:
    plain = pc.and_(pc.ascii_is_decimal(text), pc.less_equal(pc.binary_length(text), 18))
    values = pc.cast(pc.if_else(plain, text, None), pa.int64())
    odd = np.flatnonzero(pc.invert(plain).fill_null(False).to_numpy(zero_copy_only=False))
    if len(odd) == 0:
        return values, []
    bad: list[tuple[int, Reason]] = []
    fixes: dict[int, int] = {}
    for row in odd.tolist():
        number = _number(text[row].as_py())
        if isinstance(number, Reason):
            bad.append((row, number))
        else:
            fixes[row] = number
    if fixes:
        mask = np.zeros(len(text), bool)
        mask[list(fixes)] = True
        replacement = pa.array([fixes[row] for row in sorted(fixes)], pa.int64())
        values = pc.replace_with_mask(values, pa.array(mask), replacement)
    return values, bad


def _number(text: str) -> int | Reason:
    if not NUMBER.match(text) or not text.isascii():
        return Reason.TYPE
    digits = text.lstrip("-").lstrip("0")
    if len(digits) > 18:
        return Reason.RANGE
    return -int(digits or "0") if text.startswith("-") else int(digits or "0")


def _outside(column: pa.Array, allowed: Range) -> list[tuple[int, Reason]]:
    extent = pc.min_max(column)
    low, high = extent["min"].as_py(), extent["max"].as_py()
    if low is None or (low >= allowed.low and high <= allowed.high):
        return []
    wrong = pc.or_(pc.less(column, allowed.low), pc.greater(column, allowed.high))
    rows = np.flatnonzero(wrong.fill_null(False).to_numpy(zero_copy_only=False))
    return [(int(row), Reason.RANGE) for row in rows]


def _percent_decoded(text: str) -> str:
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text
    return text if CONTROL.search(decoded) else decoded


def _detail(line: bytes, place: int, declared: Field) -> str:
    tokens = line.split(b" ")
    value = tokens[place] if place < len(tokens) else b""
    wanted = {
        Type.VARCHAR: _wanted_text(declared),
        Type.TIMESTAMP: "a time from 1970-01-02 to a day after arrival",
    }.get(declared.type, _wanted_number(declared))
    return f"{declared.log_name or declared.name}: {_shown(value)} is not {wanted}"


def _wanted_text(declared: Field) -> str:
    if isinstance(declared.domain, OneOf):
        return "one of " + ", ".join(declared.domain.words)
    return "an IPv4 or IPv6 address"


def _wanted_number(declared: Field) -> str:
    if isinstance(declared.domain, Range):
        return f"a whole number from {declared.domain.low} to {declared.domain.high}"
    return "a whole number"


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _shown(value: bytes) -> str:
    text = value.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
