"""JSON objects in lines as columns, one row each: declared members, and the scalars beyond them.

pyarrow's reader takes all lines at once, 2.6 us for one of 400 bytes, where each object has the
members and types that are known; for one that has not it fails them all. So lines that fail are
halved, down to `FEW`, and those are decoded one by one, 13 us each, which tells what to know.
Both ways say the same, for what the reader takes and JSON or we do not goes the second way.

A member of an object within another is named by all keys that lead to it: a long key around many
members would make gigabytes of a megabyte. So the names of one line are `MOST_NAMES` times as long
as the line at most; members beyond that are left out, and `…` counts them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from pipeline.decode import Lines
from pipeline.errors import Reason
from pipeline.reading.delimited import Faults
from pipeline.reading.extra import maps_of
from pipeline.reading.json_shapes import DEEPEST, TEXT, Shape

FEW, SAMPLE, MOST_CELLS = 256, 16, 4_000_000
MOST_NAMES, LEFT_OUT = 4, "…"
OPENING, CLOSING = ord("{"), ord("}")
Row = dict[str, Any]
Keys = tuple[str, ...]


class _Fraction(str):
    """A number with a fraction or an exponent, as it is written."""


_decoder = msgspec.json.Decoder(Row, float_hook=_Fraction)


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Some of the lines.

    table  a column for each member at the top: text, whole numbers, booleans, structs or lists
    line   int64 index of each row's line, ascending
    extra  scalars of the members that nobody has declared, a map a row
    """

    table: pa.Table
    line: np.ndarray
    extra: pa.Array


def read(lines: Lines, declared: pa.StructType, faults: Faults) -> Iterator[Objects]:
    """All lines, in parts.

    declared  members that are read, their leaves as text
    faults    to which the lines are added that hold no object
    """
    shape = Shape(declared)
    shape.see(_sampled(lines))
    waiting = [(0, len(lines))] if len(lines) else []
    while waiting:
        start, stop = waiting.pop()
        # A member of one line alone is a column, and paid for in each row.
        small = len(shape.schema) * (stop - start) <= MOST_CELLS or stop - start <= FEW
        part = _part(lines, start, stop)
        table = _at_once(part, shape.schema) if small else None
        extra = _beyond(table, declared, part.lengths) if table is not None else None
        if table is not None and extra is not None:
            yield Objects(table, np.arange(start, stop), extra)
        elif stop - start > FEW:
            middle = (start + stop) // 2
            waiting += [(middle, stop), (start, middle)]
        else:
            rows, at = _decoded(lines, range(start, stop), faults)
            # What these have and the lines before had not is known from here on.
            shape.see(rows)
            yield _one_by_one(rows, at, declared, lines.lengths[at])


def _part(lines: Lines, start: int, stop: int) -> Lines:
    if stop - start == len(lines):
        return lines
    first = int(lines.ends[start - 1]) + 1 if start else 0
    ends = lines.ends[start:stop]
    return Lines(lines.data[first : int(ends[-1]) + 1], ends - first)


def _sampled(lines: Lines) -> list[Row]:
    few = np.unique(np.linspace(0, len(lines) - 1, SAMPLE, dtype=np.int64)) if len(lines) else ()
    return _decoded(lines, [int(at) for at in few], Faults())[0]


def _at_once(lines: Lines, schema: pa.Schema) -> pa.Table | None:
    """All of these lines, when each is an object of this shape."""
    # A line that begins and ends like an object ends one: only so is none that spans two lines
    # hidden by two in another.
    data = np.frombuffer(lines.data, np.uint8)
    whole = (lines.first_bytes == OPENING).all() and (data[lines.ends - 1] == CLOSING).all()
    if not whole:
        return None
    try:
        table = json.read_json(
            pa.BufferReader(lines.data),
            json.ReadOptions(use_threads=False, block_size=len(lines.data) + 1),
            json.ParseOptions(
                explicit_schema=schema,
                newlines_in_values=False,
                unexpected_field_behavior="error",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table.combine_chunks() if len(table) == len(lines) else None


def _beyond(table: pa.Table, declared: pa.StructType, lengths: np.ndarray) -> pa.Array | None:
    """The extra of lines of these lengths; None where one has to leave members out."""
    columns = [(name, table.column(name).combine_chunks()) for name in table.column_names]
    leaves = list(_leaves(columns, declared, ()))
    if _names_too_long(leaves, lengths):
        return None
    found: dict[str, pa.Array] = {}
    for keys, text in leaves:
        name = ".".join(keys)
        found[name] = pc.coalesce(found[name], text) if name in found else text
    return maps_of(list(found.items()), len(table))


def _names_too_long(leaves: Sequence[tuple[Keys, pa.Array]], lengths: np.ndarray) -> bool:
    sizes = [sum(map(_size, keys)) for keys, _ in leaves]
    most = MOST_NAMES * lengths
    if sum(sizes) <= most.min(initial=0):
        return False
    for size, (_, text) in zip(sizes, leaves, strict=True):
        most -= size * text.is_valid().to_numpy(zero_copy_only=False)
    return bool((most < 0).any())


def _leaves(
    columns: Sequence[tuple[str, pa.Array]], declared: pa.DataType | None, path: Keys
) -> Iterator[tuple[Keys, pa.Array]]:
    """Columns of scalars that nobody has declared, by the keys that lead to them."""
    known = {each.name: each.type for each in declared or ()}
    for name, column in columns:
        if pa.types.is_struct(column.type):
            inside = [(each.name, pc.struct_field(column, each.name)) for each in column.type]
            yield from _leaves(inside, known.get(name), (*path, name))
        elif name not in known and not pa.types.is_list(column.type):
            yield (*path, name), column.cast(TEXT)


def _decoded(lines: Lines, wanted: Sequence[int], faults: Faults) -> tuple[list[Row], list[int]]:
    """The objects in some lines, and where they are."""
    rows: list[Row] = []
    at: list[int] = []
    for place in wanted:
        try:
            rows.append(_decoder.decode(lines[place]))
            at.append(place)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            faults.add(place, -1, Reason.JSON, f"it is no JSON object: {error}")
        except RecursionError:
            faults.add(place, -1, Reason.JSON, "it is no JSON object: it is nested too deep")
    return rows, at


def _one_by_one(
    rows: Sequence[Row], at: Sequence[int], declared: pa.StructType, lengths: np.ndarray
) -> Objects:
    found = pa.array([_fitting(row, declared) for row in rows], declared)
    most = (MOST_NAMES * lengths).tolist()
    beyond = [_extra(row, declared, most) for row, most in zip(rows, most, strict=True)]
    extra = pa.array([list(each.items()) or None for each in beyond], pa.map_(TEXT, TEXT))
    return Objects(pa.Table.from_struct_array(found), np.array(at, np.int64), extra)


def _fitting(value: Any, declared: pa.DataType) -> Any:
    """What of a value is as it is declared."""
    if pa.types.is_struct(declared):
        if type(value) is not dict:
            return None
        return {each.name: _fitting(value.get(each.name), each.type) for each in declared}
    if pa.types.is_list(declared):
        inner = declared.value_type
        return [_fitting(each, inner) for each in value] if type(value) is list else None
    return _text(value)


def _extra(row: Row, declared: pa.DataType, left: int) -> dict[str, str]:
    """Its scalars that nobody has declared by their names, which have `left` bytes together."""
    found: dict[str, str] = {}
    out = 0
    for keys, size, text in _texts(row, declared, (), 0):
        if size > left:
            out += 1
        else:
            left -= size
            found.setdefault(".".join(keys), text)
    return found | {LEFT_OUT: str(out)} if out else found


def _texts(
    members: Row, declared: pa.DataType | None, path: Keys, size: int
) -> Iterator[tuple[Keys, int, str]]:
    """The scalars that nobody has declared: the keys that lead to them, DEEPEST at most, and size.

    The keys are not yet put together: that is what could be gigabytes.
    """
    known = {each.name: each.type for each in declared or ()}
    for key, value in members.items():
        kind, here, length = known.get(key), (*path, key), size + _size(key)
        if type(value) is dict:
            if len(here) <= DEEPEST and (kind is None or pa.types.is_struct(kind)):
                yield from _texts(value, kind, here, length)
        elif kind is None and (text := _text(value)) is not None:
            yield here, length, text


def _size(key: str) -> int:
    # With the dot behind it.
    return len(key.encode()) + 1


def _text(value: Any) -> str | None:
    """A scalar as the text that it has in JSON."""
    if type(value) is _Fraction:
        return str(value)
    if isinstance(value, int):
        return str(value).lower()
    return value if type(value) is str else None
