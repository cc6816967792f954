"""Columns of lists of objects as columns of text, one value a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def objects(*keys: str) -> pa.DataType:
    """A list of objects that have text under these keys."""
    return pa.list_(pa.struct([(key, pa.string()) for key in keys]))


def member(found: pa.Array, *path: str) -> pa.Array:
    """The text under a path of keys in each object."""
    return pc.struct_field(found, list(path)).cast(pa.string())


def joined(lists: pa.Array, keys: Sequence[str], between: str) -> pa.Array:
    """Of each list the texts under the first of some keys that an object has; null for none."""
    inside, row = pc.list_flatten(lists), pc.list_parent_indices(lists)
    texts = pc.coalesce(*(member(inside, key) for key in keys))
    there = texts.is_valid()
    sizes = np.bincount(row.filter(there).to_numpy(), minlength=len(lists))
    offsets = pa.array(np.concatenate(([0], np.cumsum(sizes))), pa.int32())
    found = pa.ListArray.from_arrays(offsets, texts.filter(there))
    return pc.if_else(pa.array(sizes > 0), pc.binary_join(found, between), None)


def first(lists: pa.Array, texts: pa.Array) -> pa.Array:
    """Of each list the first text that is not null; `texts`: one an object of all the lists."""
    row = pc.list_parent_indices(lists).filter(texts.is_valid()).to_numpy()
    rows, at = np.unique(row, return_index=True)
    place = np.full(len(lists), -1)
    place[rows] = at
    return texts.drop_null().take(pa.array(place, mask=place < 0))
