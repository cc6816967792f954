"""Which rows are a subject's, over columns of Arrow: the same ones as by `predicate`.

Arrow and DuckDB look for a pattern with the same library (RE2). A text is looked through by itself
here and joined to those beside it there: the newline between two of them ends a word, as the end of
a text does.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.erase.predicate import columns_of
from pipeline.erase.subject import Subject
from pipeline.schema import Table


def looked_at(table: Table, subject: Subject) -> list[str]:
    """Names of the columns that tell whose a row is."""
    whole, within = columns_of(table, subject)
    return [field.name for field in (*whole, *within)]


def mask(table: Table, subject: Subject, rows: pa.RecordBatch) -> np.ndarray:
    """True for each row that is the subject's.

    rows  with any of the table's columns: one that a file does not have holds nothing
    """
    whole, within = columns_of(table, subject)
    patterns = {field.name: subject.within for field in within}
    patterns |= {field.name: subject.whole for field in whole}
    found = np.zeros(len(rows), bool)
    for name in rows.schema.names:
        if name in patterns:
            found |= _holds(rows.column(name), patterns[name])
    return found


def _holds(column: pa.Array, pattern: str) -> np.ndarray:
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    if pa.types.is_map(column.type):
        return _in_maps(column, pattern)
    if pa.types.is_dictionary(column.type):
        # A text that repeats is looked through once.
        hits = pa.array(_holds(column.dictionary, pattern))
        return _bools(pc.take(hits, column.indices))
    return _bools(pc.match_substring_regex(column, pattern))


def _in_maps(column: pa.MapArray, pattern: str) -> np.ndarray:
    """Maps of which a key or a value holds it."""
    offsets = column.offsets.to_numpy()
    hits = _holds(column.keys, pattern) | _holds(column.items, pattern)
    at = np.flatnonzero(hits[offsets[0] : offsets[-1]]) + offsets[0]
    found = np.zeros(len(column), bool)
    # The last map that begins there or before: those without entries begin where the next one does.
    found[np.searchsorted(offsets, at, side="right") - 1] = True
    found &= _bools(pc.is_valid(column))
    return found


def _bools(found: pa.Array) -> np.ndarray:
    answer: np.ndarray = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return answer
