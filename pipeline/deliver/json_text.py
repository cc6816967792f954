"""JSON values of a column, as text in Arrow arrays; no Python object a value.

Source: RFC 8259; times as ISO 8601 with milliseconds and Z, as Firehose's OpenX SerDe reads them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NEEDS_ESCAPE = '["\\\\\\x00-\\x1f]'
SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}


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
    """Text with what JSON does not take as it is escaped; the marks around it are not there."""
    if not pc.any(pc.match_substring_regex(text, NEEDS_ESCAPE)).as_py():
        return text
    controls = _controls(text)
    text = pc.replace_substring(text, "\\", "\\\\")
    text = pc.replace_substring(text, '"', '\\"')
    for code in controls:
        text = pc.replace_substring(text, chr(code), SHORT.get(code, f"\\u{code:04x}"))
    return text


def text_bytes(text: pa.Array) -> int:
    """How many bytes the values of a text array have together."""
    first, last = _ends(text)
    return last - first


def _controls(text: pa.Array) -> list[int]:
    """Control characters that occur in it."""
    first, last = _ends(text)
    content = text.buffers()[2]
    if content is None:
        return []
    octets = np.frombuffer(content, np.uint8)[first:last]
    found: list[int] = np.unique(octets[octets < 32]).tolist()
    return found


def _ends(text: pa.Array) -> tuple[int, int]:
    if not len(text):
        return 0, 0
    offsets = np.frombuffer(text.buffers()[1], np.int32)
    return int(offsets[text.offset]), int(offsets[text.offset + len(text)])


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
    return pc.if_else(column.is_valid(), text, pa.scalar(None, pa.string()))
