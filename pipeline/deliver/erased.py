"""Events that were erased and must not come back, and those that tried to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that were not written: of a table, and of one hour of arrival, shard and flush."""

    table: str
    place: tuple[str, int, int]
    rows: int


@dataclass(frozen=True, slots=True)
class Erased:
    """Identities by table: pairs of event time (epoch milliseconds) and record id."""

    identities: Mapping[str, np.ndarray] = field(default_factory=dict)

    def left(self, table: str, rows: pa.Table) -> pa.Table:
        """The rows that were not erased."""
        gone = self.identities.get(table)
        if gone is None:
            return rows
        ids = rows["record_id"].combine_chunks().to_numpy()
        mask = np.isin(ids, gone[:, 1])
        if not mask.any():
            return rows
        times = rows["event_time"].combine_chunks().cast(pa.int64()).to_numpy()
        pairs = set(map(tuple, gone[np.isin(gone[:, 1], ids[mask])].tolist()))
        at = np.flatnonzero(mask)
        known = [pair in pairs for pair in zip(times[at].tolist(), ids[at].tolist(), strict=True)]
        mask[at] = known
        return rows.filter(pa.array(~mask))
