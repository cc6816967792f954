"""The column `extra`: what a line has beyond the columns of its table, a map a row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import EXTRA


def maps_of(found: Sequence[tuple[str, pa.Array]], count: int) -> pa.Array:
    """Columns of text under their names, as one map a row; null where a row has none of them."""
    if not found or count == 0:
        return pa.nulls(count, EXTRA.type.arrow)
    texts = [text for _, text in found]
    there = np.column_stack([text.is_valid().to_numpy(zero_copy_only=False) for text in texts])
    row, place = np.nonzero(there)
    keys = pa.array([name for name, _ in found]).take(pa.array(place))
    values = pa.concat_arrays(texts).take(pa.array(row + place * count))
    ends = np.cumsum(there.sum(axis=1))
    starts = pa.array(np.concatenate(([0], ends)), pa.int32())
    empty = pa.array(np.append(~there.any(axis=1), False))
    offsets = pc.if_else(empty, pa.scalar(None, pa.int32()), starts)
    return pa.MapArray.from_arrays(offsets, keys, values)


def without(maps: pa.Array, nulls: Sequence[str]) -> pa.Array:
    """The maps without the texts that stand for nothing; null where none is left."""
    if not nulls or maps.null_count == len(maps):
        return maps
    kept = pc.invert(pc.is_in(maps.items, pa.array(nulls, pa.string())))
    if pc.all(kept).as_py():
        return maps
    entries = np.flatnonzero(kept.to_numpy(zero_copy_only=False))
    row = np.searchsorted(maps.offsets.to_numpy(), entries, "right") - 1
    sizes = np.bincount(row, minlength=len(maps))
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    offsets = pa.array(starts, mask=np.append(sizes == 0, False))
    return pa.MapArray.from_arrays(offsets, maps.keys.filter(kept), maps.items.filter(kept))
