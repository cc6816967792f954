"""JSON values of a column, as text in Arrow arrays; no Python object a value.

Source: RFC 8259; times as ISO 8601 with milliseconds and Z, as Firehose's OpenX SerDe reads them.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ESCAPES = {code: b"\\u%04x" % code for code in range(32)}
ESCAPES |= {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
# By octet, how many bytes longer its escape is.
GROWTH = np.array([len(ESCAPES[code]) - 1 if code in ESCAPES else 0 for code in range(256)])
# Not pa.scalar: it would load pandas, where that is installed.
NULL = pa.nulls(1, pa.string())[0]


def json_values(column: pa.Array) -> tuple[pa.Array, str]:
    """The values of a column as JSON, and what encloses each: a quotation mark, or nothing.

    column  any type that a table may declare, not dictionary-encoded
    Null where the column is null, and where JSON has no such number (NaN, infinite).
    """
    kind = column.type
    if pa.types.is_string(kind):
        return escaped(column), '"'
    if pa.types.is_timestamp(kind):
        return _times(column), '"'
    if pa.types.is_map(kind):
        return _objects(column), ""
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    return column.cast(pa.string()), ""


def escaped(text: pa.Array) -> pa.Array:
    """Text with what JSON does not take as it is escaped; the marks around it are not there.

    All values at once: as one piece of text, whose ends move by what was put in before them.
    """
    first, last = _ends(text)
    content = text.buffers()[2]
    if first == last or content is None:
        return text
    octets = np.frombuffer(content, np.uint8)[first:last]
    special = _special(octets)
    if not special:
        return text
    hits = np.flatnonzero(_any_of(octets, special))
    grown = np.cumsum(GROWTH[octets[hits]])
    offsets = _offsets(text).astype(np.int64) - first
    moved = np.concatenate([[0], grown])[np.searchsorted(hits, offsets)]
    whole = octets.tobytes()
    for code in special:
        whole = whole.replace(b"%c" % code, ESCAPES[code])
    ends = pa.py_buffer((offsets + moved).astype(np.int32))
    made = pa.StringArray.from_buffers(len(text), ends, pa.py_buffer(whole))
    return pc.if_else(text.is_valid(), made, NULL) if text.null_count else made


def text_bytes(text: pa.Array) -> int:
    """How many bytes the values of a text array have together."""
    first, last = _ends(text)
    return last - first


def _special(octets: np.ndarray) -> list[int]:
    """What of it must be escaped; the backslash first, because escapes begin with one."""
    found = [code for code in (92, 34) if (octets == code).any()]
    if octets.min() < 32:
        found += np.unique(octets[octets < 32]).tolist()
    return found


def _any_of(octets: np.ndarray, codes: Sequence[int]) -> np.ndarray:
    # Comparisons are a tenth of what a look-up costs, be it isin or a table of 256.
    mask: np.ndarray = octets == codes[0]
    for code in codes[1:]:
        mask |= octets == code
    return mask


def _ends(text: pa.Array) -> tuple[int, int]:
    if not len(text):
        return 0, 0
    offsets = _offsets(text)
    return int(offsets[0]), int(offsets[-1])


def _offsets(text: pa.Array) -> np.ndarray:
    every = np.frombuffer(text.buffers()[1], np.int32)
    return every[text.offset : text.offset + len(text) + 1]


def _times(column: pa.Array) -> pa.Array:
    text = pc.replace_substring(column.cast(pa.string()), " ", "T")
    return pc.binary_join_element_wise(text, "Z", "")


def _objects(column: pa.MapArray) -> pa.Array:
    """Objects of text by text; a value that is null stays, as null."""
    offsets = column.offsets.to_numpy()
    first, size = int(offsets[0]), int(offsets[-1] - offsets[0])
    keys, values = (escaped(part.slice(first, size)) for part in (column.keys, column.items))
    quoted = pc.fill_null(pc.binary_join_element_wise('"', values, '"', ""), "null")
    members = pc.binary_join_element_wise('"', keys, '":', quoted, "")
    lists = pa.ListArray.from_arrays(pa.array(offsets - first), members)
    text = pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")
    return pc.if_else(column.is_valid(), text, NULL)
