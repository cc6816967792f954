"""JSON objects in log lines: the scalars at their top level, as text.

Numbers keep the text that they have in the JSON; null, arrays and nested objects are left out. Of a
key that comes twice the last one stands.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from pipeline.decode import Lines

_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=str)


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The scalars of JSON objects, one behind the other, and the events of the Lambda service.

    row     int64 row of each scalar, ascending
    keys    dictionary-encoded
    codes   code of each key
    values  text
    events  (row, type, record) of each object that has a record in it
    """

    row: np.ndarray
    keys: pa.Array
    codes: dict[str, int]
    values: pa.Array
    events: list[tuple[int, str, dict[str, Any]]]

    def of(self, key: str) -> tuple[np.ndarray, pa.Array]:
        """The rows that have this key, and their values."""
        at = np.flatnonzero(self.keys.indices.to_numpy() == self.codes.get(key, -1))
        return self.row[at], self.values.take(pa.array(at))

    def maps(self, count: int) -> pa.Array:
        """One map a row, null where it would be empty."""
        sizes = np.bincount(self.row, minlength=count)
        offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
        starts = pa.array(offsets, mask=np.append(sizes == 0, False))
        return pa.MapArray.from_arrays(starts, self.keys.cast(pa.string()), self.values)


def read(lines: Lines, rows: np.ndarray) -> Objects:
    """Decode the JSON objects of these rows; what is none has no scalars."""
    sizes: list[int] = []
    keys: list[str] = []
    values: list[Any] = []
    events = []
    ends = lines.ends[rows].tolist()
    for row, start, end in zip(rows.tolist(), lines.starts[rows].tolist(), ends, strict=True):
        found = _decoded(lines.data[lines.data.index(b"{", start) : end])
        sizes.append(len(found))
        keys += found
        values += found.values()
        record = found.get("record")
        if type(record) is dict:
            events.append((row, str(found.get("type")), record))
    for at in [at for at, value in enumerate(values) if type(value) is not str]:
        # True is an int, too, and true in JSON.
        values[at] = str(values[at]).lower() if isinstance(values[at], int) else None
    texts = pa.array(values, pa.string())
    there = texts.is_valid()
    coded = pa.array(keys, pa.string()).filter(there).dictionary_encode()
    codes = {key: code for code, key in enumerate(coded.dictionary.to_pylist())}
    row_of = np.repeat(rows, sizes)[there.to_numpy(zero_copy_only=False)]
    return Objects(row_of, coded, codes, texts.filter(there), events)


def _decoded(text: bytes) -> dict[str, Any]:
    # A Python object a row, 4.9 us with eleven keys: pyarrow's JSON reader takes 1.5, but fails all
    # rows for one bad one, or for a key that is a number here and text there.
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
