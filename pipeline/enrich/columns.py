"""Columns as codes into their unique values: enrichers look at each value once, not at each row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def coded(rows: pa.Table, name: str) -> tuple[pa.Array, np.ndarray]:
    """Unique values of a text column and the int32 code of each row; -1 for null or no column."""
    if name not in rows.column_names:
        return pa.array([], pa.string()), np.full(len(rows), -1, np.int32)
    column = rows[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return column.dictionary, column.indices.fill_null(-1).to_numpy()


def numbers(rows: pa.Table, name: str) -> np.ndarray:
    """int32 values of a number column; -1 for null or no column."""
    if name not in rows.column_names:
        return np.full(len(rows), -1, np.int32)
    values: np.ndarray = rows[name].combine_chunks().fill_null(-1).to_numpy()
    return values


def by_code(labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """int32 label of each row from the label of each unique value; -1 where the code is -1."""
    each: np.ndarray = np.append(labels.astype(np.int32), np.int32(-1))[codes]
    return each


def named(codes: np.ndarray, names: Sequence[str] | pa.Array) -> pa.Array:
    """Dictionary array of the name of each code; null where the code is -1."""
    codes = codes.astype(np.int32, copy=False)
    values = names if isinstance(names, pa.Array) else pa.array(names, pa.string())
    missing = codes < 0
    if missing.all():
        return pa.nulls(len(codes), pa.dictionary(pa.int32(), pa.string()))
    indices = pa.array(codes, mask=missing) if missing.any() else pa.array(codes)
    return pa.DictionaryArray.from_arrays(indices, values)


def with_columns(rows: pa.Table, names: Sequence[str], columns: Sequence[pa.Array]) -> pa.Table:
    """The rows with more columns behind."""
    for name, column in zip(names, columns, strict=True):
        rows = rows.append_column(name, column)
    return rows
