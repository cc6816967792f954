"""What the columns of a log hold, by the type and domain of their field: strict, and never raising.

Text is checked on its unique values. Numbers are read as int64 first and, only when that fails, as
text whose odd values alone see Python.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import NO_TIME
from pipeline.enrich.addresses import packed
from pipeline.errors import Reason
from pipeline.reading import times
from pipeline.reading.times import LAST_SECOND
from pipeline.schema import DAY_MS, Domain, Field, OneOf, Range, Type

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')
DECIMAL = r"^-?[0-9]{1,15}(\.[0-9]{1,18})?$"
ENDPOINT = r"^(?P<address>\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+?):(?P<port>[0-9]{1,5})$"
NUMBER = re.compile(r"-?[0-9]+\Z")
MOST = Range(-(10**18) + 1, 10**18 - 1)
FIRST_MS = DAY_MS
MOST_PORT = 65_535
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Values of a column, null where one is at fault, and the rows that are."""

    values: pa.Array
    bad: Sequence[tuple[int, Reason]] = ()


def _check_text_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> Checked:
    wrong = _wrong_texts(column.dictionary, declared)
    bad: list[tuple[int, Reason]] = []
    if wrong:
        indices = column.indices.fill_null(-1).to_numpy()
        rows = np.flatnonzero(np.isin(indices, list(wrong)))
        bad = [(int(row), wrong[int(indices[row])]) for row in rows]
    decode = _DECODED.get(declared.domain)
    return Checked(_decoded(column, *decode) if decode else column, bad)


def percent_decoded(column: pa.Array) -> pa.Array:
    """Dictionary-encoded text without percent-encoding; what does not decode stays."""
    return _decoded(column, *_DECODED[Domain.PERCENT])


def _decoded(column: pa.Array, mark: str, decode: Callable[[str], str]) -> pa.Array:
    """The column with those of its unique values decoded that have the mark of an escape."""
    values = column.dictionary
    coded = np.flatnonzero(pc.match_substring(values, mark).to_numpy(zero_copy_only=False))
    if len(coded) == 0:
        return column
    at = np.zeros(len(values), bool)
    at[coded] = True
    found = [decode(text) for text in values.take(pa.array(coded)).to_pylist()]
    values = pc.replace_with_mask(values, pa.array(at), pa.array(found, pa.string()))
    return values.take(column.indices).dictionary_encode()


def _wrong_texts(values: pa.Array, declared: Field) -> dict[int, Reason]:
    """Codes of the unique values that the field does not allow."""
    domain = declared.domain
    if domain is Domain.ADDRESS:
        packs = packed(values)
        if None not in packs:
            return {}
        return {code: Reason.ADDRESS for code, pack in enumerate(packs) if pack is None}
    if domain is Domain.ENDPOINT:
        pairs = endpoints(values)
        packs, ports = (
            packed(pc.struct_field(pairs, "address")),
            pc.struct_field(pairs, "port").cast(pa.int32()),
        )
        high = pc.greater(ports, MOST_PORT).fill_null(False).to_pylist()
        return {c: Reason.ADDRESS for c, pack in enumerate(packs) if pack is None or high[c]}
    if isinstance(domain, OneOf):
        known = pc.is_in(values, pa.array(domain.words)).to_numpy(zero_copy_only=False)
        return {int(code): Reason.VALUE for code in np.flatnonzero(~known)}
    empty = -1 if domain in _MAY_BE_EMPTY else pc.index(values, "").as_py()
    return {empty: Reason.VALUE} if empty >= 0 else {}


_MAY_BE_EMPTY = (Domain.ANY, Domain.ESCAPED)


def endpoints(texts: pa.Array) -> pa.StructArray:
    """`address` and `port` of each text, null where it is no such pair.

    An IPv6 address stands without brackets in AWS's logs, with them in others: the last colon is
    the border.
    """
    found = pc.extract_regex(texts, ENDPOINT)
    address = pc.utf8_trim(pc.struct_field(found, "address"), "[]")
    return pc.make_struct(address, pc.struct_field(found, "port"), field_names=["address", "port"])


def _check_number_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> Checked:
    bad: list[tuple[int, Reason]] = []
    if column.type == pa.string():
        column, bad = _numbers_of_text(column)
    allowed = declared.domain if isinstance(declared.domain, Range) else MOST
    bad += _outside(column, allowed)
    if bad:
        ok = np.ones(len(column), bool)
        ok[[row for row, _ in bad]] = False
        column = pc.if_else(pa.array(ok), column, pa.scalar(None, column.type))
    return Checked(column.cast(declared.type.arrow), bad)


def _check_time_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> Checked:
    bad: list[tuple[int, Reason]] = []
    if column.type == pa.string():
        column, bad = _numbers_of_text(column)
    if not bad and _all_seconds(column, latest_ms):
        return Checked(pc.multiply(column, 1000).view(Type.TIMESTAMP.arrow))
    bad += _outside(column, Range(0, MOST.high))
    known = {row for row, _ in bad}
    raw = column.fill_null(0).to_numpy()
    ms = np.where(raw > LAST_SECOND, raw, raw * 1000)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    wrong = valid & ((ms < FIRST_MS) | (ms > latest_ms[line]))
    bad += [(int(row), Reason.TIME_RANGE) for row in np.flatnonzero(wrong) if row not in known]
    return Checked(pa.array(ms, mask=~valid | wrong).view(Type.TIMESTAMP.arrow), bad)


def _check_text_time(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> Checked:
    return _timed(column, _TIMES[declared.domain](column), line, latest_ms)


def _timed(column: pa.Array, ms: np.ndarray, line: np.ndarray, latest_ms: np.ndarray) -> Checked:
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    none = valid & (ms == NO_TIME)
    wrong = valid & ~none & ((ms < FIRST_MS) | (ms > latest_ms[line]))
    bad = [(int(row), Reason.TYPE) for row in np.flatnonzero(none)]
    bad += [(int(row), Reason.TIME_RANGE) for row in np.flatnonzero(wrong)]
    return Checked(pa.array(ms, mask=~valid | none | wrong).view(Type.TIMESTAMP.arrow), bad)


def _check_decimal_column(
    column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray
) -> Checked:
    values = column.dictionary
    good = pc.match_substring_regex(values, DECIMAL)
    numbers = pc.if_else(good, values, None).cast(pa.float64())
    wrong = np.flatnonzero(~good.to_numpy(zero_copy_only=False))
    bad: list[tuple[int, Reason]] = []
    if len(wrong):
        indices = column.indices.fill_null(-1).to_numpy()
        bad = [(int(row), Reason.TYPE) for row in np.flatnonzero(np.isin(indices, wrong))]
    return Checked(numbers.take(column.indices), bad)


def _all_seconds(column: pa.Array, latest_ms: np.ndarray) -> bool:
    """Whether nothing is to be looked at one by one: allowed times in seconds, as usual."""
    extent = pc.min_max(column)
    low, high = extent["min"].as_py(), extent["max"].as_py()
    if low is None:
        return False
    most = min(LAST_SECOND, int(latest_ms.min()) // 1000)
    return bool(low * 1000 >= FIRST_MS and high <= most)


def check(column: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray) -> Checked:
    """Typed values of a column as the reader gave it, by its field.

    column     text, dictionary-encoded for VARCHAR; int64 where all of them are whole numbers
    line       int64 line of each row
    latest_ms  int64 a line, the last time that an EPOCH column may show
    """
    if declared.domain in _TIMES:
        return _check_text_time(column, declared, line, latest_ms)
    return _CHECKS[declared.type](column, declared, line, latest_ms)


def read_as(declared: Field) -> pa.DataType:
    """What the reader is to make of a column at first."""
    if declared.domain in _TIMES:
        return pa.string()
    return pa.int64() if declared.type in _WHOLE else DICTIONARY


def checked_as(declared: Field) -> pa.DataType:
    """What its checked values are."""
    return DICTIONARY if declared.type is Type.VARCHAR else declared.type.arrow


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


def _unescaped(text: str) -> str:
    try:
        decoded = ESCAPE.sub(_unescape, text.encode()).decode()
    except UnicodeDecodeError:
        return text
    return text if CONTROL.search(decoded) else decoded


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode()) if match[1] else match[2]


def wanted(declared: Field) -> str:
    """What a value of a field is to be."""
    return {
        Type.VARCHAR: _wanted_text(declared),
        Type.TIMESTAMP: "a time from 1970-01-02 to a day after arrival",
        Type.DOUBLE: "a decimal number",
    }.get(declared.type, _wanted_number(declared))


def _wanted_text(declared: Field) -> str:
    if isinstance(declared.domain, OneOf):
        return "one of " + ", ".join(declared.domain.words)
    if declared.domain is Domain.ENDPOINT:
        return "an address, a colon and a port"
    return "an IPv4 or IPv6 address"


def _wanted_number(declared: Field) -> str:
    if isinstance(declared.domain, Range):
        return f"a whole number from {declared.domain.low} to {declared.domain.high}"
    return "a whole number"


Check = Callable[[pa.Array, Field, np.ndarray, np.ndarray], Checked]
_CHECKS: dict[Type, Check] = {
    Type.VARCHAR: _check_text_column,
    Type.INT32: _check_number_column,
    Type.INT64: _check_number_column,
    Type.TIMESTAMP: _check_time_column,
    Type.DOUBLE: _check_decimal_column,
}
_WHOLE = (Type.INT32, Type.INT64, Type.TIMESTAMP)
_TIMES: Mapping[object, Callable[[pa.Array], np.ndarray]] = {
    Domain.UNIX_TIME: times.unix,
    Domain.ISO_TIME: times.iso,
    Domain.ANY_TIME: times.epoch_or_iso,
    Domain.CLF_TIME: times.clf,
}
_DECODED: Mapping[object, tuple[str, Callable[[str], str]]] = {
    Domain.PERCENT: ("%", _percent_decoded),
    Domain.ESCAPED: ("\\", _unescaped),
}
