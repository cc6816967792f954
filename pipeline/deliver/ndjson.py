"""Rows as newline-delimited JSON, made in columns: no Python object a row.

One line a row, each with its newline; a column that is null is left out. Times are ISO 8601 text,
maps are objects. Encoded piece by piece, so that memory stays flat however many rows there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.deliver.fragments import Column, Part, columns_of, one_array
from pipeline.deliver.json_text import text_bytes

# Rows whose columns are looked at together, and the JSON that is made of them at once, about.
BLOCK_ROWS = 1 << 16
PIECE_BYTES = 4 << 20
# What a value costs beside its text: marks, digits of a number, date and time.
VALUE_BYTES = 20
# Up to this length the values of a dictionary count with their mean.
SHORT_BYTES = 256
COMMA, BLANK = ord(","), ord(" ")


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """JSON lines in one buffer: line n is `content[offsets[n]:offsets[n + 1]]`."""

    content: memoryview
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def part(self, first: int, last: int) -> "Lines":
        """Lines from `first` on, before `last`; nothing is copied."""
        return Lines(self.content, self.offsets[first : last + 1])

    def joined(self) -> bytes:
        """All of them, copied."""
        return bytes(self.content[self.offsets[0] : self.offsets[-1]])

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each line."""
        return np.diff(self.offsets)


def json_lines(rows: pa.Table, most_bytes: int = PIECE_BYTES) -> Iterator[tuple[pa.Table, Lines]]:
    """Rows piece by piece, and their lines: of up to twice `most_bytes`, or of one row."""
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows.slice(start, BLOCK_ROWS)
        columns = columns_of(block)
        for first, count in _pieces(block, 0, len(block), most_bytes):
            yield block.slice(first, count), _lines(columns, first, count)


def encoded(rows: pa.Table) -> bytes:
    """All lines at once; for a few rows."""
    return b"".join(lines.joined() for _, lines in json_lines(rows))


def _pieces(rows: pa.Table, first: int, count: int, most: int) -> Iterator[tuple[int, int]]:
    weight = _weight(rows.slice(first, count))
    # Up to twice of it, else a piece a little over it would be cut in two again and again.
    if weight <= 2 * most or count == 1:
        yield first, count
        return
    step = max(count // -(-weight // most), 1)
    for place in range(first, first + count, step):
        yield from _pieces(rows, place, min(step, first + count - place), most)


def _lines(columns: Sequence[Column], first: int, count: int) -> Lines:
    parts = [part for column in columns for part in column.parts(first, count)]
    parts = _together(["{", *parts, "}\n"])
    if not any(isinstance(part, pa.Array) for part in parts):
        # Of texts alone the join would make one line.
        parts.append(pa.nulls(count, pa.string()))
    text = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
    offsets = np.frombuffer(text.buffers()[1], np.int32)[: count + 1].astype(np.int64)
    content = np.frombuffer(text.buffers()[2], np.uint8)
    if not content.flags.writeable:
        content = content.copy()
    # Each fragment begins with a comma, the first of a line as well.
    second = offsets[:-1] + 1
    content[second[content[second] == COMMA]] = BLANK
    return Lines(content.data, offsets)


def _together(parts: Sequence[Part]) -> list[Part]:
    """The same with texts that all lines share joined where they meet."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _weight(rows: pa.Table) -> int:
    """About how many bytes of JSON some rows become; escapes are not foreseen."""
    return sum(
        _text_of(one_array(column)) + (VALUE_BYTES + len(name)) * (len(rows) - column.null_count)
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if column.null_count < len(rows)
    )


def _text_of(array: pa.Array) -> int:
    kind = array.type
    if pa.types.is_string(kind):
        return text_bytes(array)
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return _text_of_coded(array)
    if pa.types.is_map(kind):
        offsets = array.offsets
        first, last = int(offsets[0].as_py()), int(offsets[-1].as_py())
        size = last - first
        parts = (array.keys.slice(first, size), array.items.slice(first, size))
        # Marks, colon and comma of each member.
        return sum(map(text_bytes, parts)) + 6 * size
    return 0


def _text_of_coded(array: pa.DictionaryArray) -> int:
    lengths = pc.binary_length(array.dictionary)
    if (pc.max(lengths).as_py() or 0) <= SHORT_BYTES:
        mean: float = pc.mean(lengths).as_py() or 0
        return round(mean * len(array))
    total: int = pc.sum(lengths.take(array.indices).cast(pa.int64())).as_py() or 0
    return total
