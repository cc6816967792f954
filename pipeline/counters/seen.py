"""Identities of events that may be sent again: which rows of a batch were counted before."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.decode import LogBatch
from pipeline.schema import Table

# An event that is sent again after so many minutes is another one: it would be too late, had it
# a time. They are of arrival, not of counting: that may have stood still between the two.
REMEMBERED = 45
# An array is so many times as long as the next one, at least.
GROWS = 4
RECORD_ID, EVENT_ID = "record_id", "event_id"
# Column beside those of a table: whether the event of a row may come again, in another record.
MAY_RETURN = "may_return"

Rows = tuple[Table, pa.Table]


@dataclass(slots=True)
class Seen:
    """Identities by minute of arrival, each array sorted.

    since  minute from which on they are all here
    """

    since: int = 0
    by_minute: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    # By shard: from which minute on it may bring something again.
    _needed: dict[int, int] = field(default_factory=dict)

    def add(self, minute: int, ids: np.ndarray) -> None:
        """Remember more; arrays grow by their neighbours, so that few have to be looked through."""
        if not len(ids):
            return
        some = self.by_minute[minute]
        ids = np.sort(ids)
        while some and len(some[-1]) <= GROWS * len(ids):
            # A stable sort merges what is in order already.
            ids = np.sort(np.concatenate([some.pop(), ids]), kind="stable")
        some.append(ids)

    def new(self, ids: np.ndarray) -> np.ndarray:
        """Mask of those that were not seen, the first of equal ones."""
        order = np.argsort(ids, kind="stable")
        # Places of what is in order are found faster.
        ids = ids[order]
        new = np.ones(len(ids), bool)
        new[1:] = ids[1:] != ids[:-1]
        for some in self.by_minute.values():
            for known in some:
                at = np.searchsorted(known, ids)
                new &= known[np.minimum(at, len(known) - 1)] != ids
        mask = np.empty(len(ids), bool)
        mask[order] = new
        return mask

    def need(self, shard: int, since: int) -> None:
        """Forget what no shard may bring again; this one, what is of a minute or later."""
        self._needed[shard] = since
        self.since = max(self.since, min(self._needed.values()))
        for minute in [each for each in self.by_minute if each < self.since]:
            del self.by_minute[minute]

    def relax(self) -> None:
        """Wait no more for shards that have brought nothing for long."""
        self._needed.clear()


def marked(rows: pa.Table, batch: LogBatch, line: np.ndarray) -> pa.Table:
    """Rows of a batch with the column MAY_RETURN; `line` is the place of each in the batch.

    An event may come again that has an id of its own, or whose record has one that is not of its
    place alone. To remember all others would only cost: 8 bytes a row.
    """
    lasting = np.array([not record.is_unique for record in batch.records], bool)
    named = np.array([segment.ids is not None for segment in batch.segments], bool)
    mask = lasting[batch.record[line]] | named[batch.segment_of[line]]
    if EVENT_ID in rows.column_names:
        mask |= rows[EVENT_ID].is_valid().to_numpy()
    return rows.append_column(MAY_RETURN, pa.array(mask))


def fresh(
    seen: Seen, rows: Sequence[Rows], counts: Callable[[Table, pa.Table], np.ndarray]
) -> tuple[list[Rows], np.ndarray]:
    """The rows of events that were not counted, and the identities to remember.

    counts  mask of the rows that any ranking counts: of others it does not matter
    """
    found: list[Rows] = []
    ids = np.empty(0, np.int64)
    for table, some in rows:
        at = np.flatnonzero(_may_return(some) & counts(table, some))
        mine = some[RECORD_ID].combine_chunks().to_numpy()[at]
        new = seen.new(mine)
        if len(ids):
            new &= ~np.isin(mine, ids)
        left = np.ones(len(some), bool)
        left[at] = new
        found.append((table, some if new.all() else some.filter(pa.array(left))))
        ids = np.concatenate([ids, mine[new]])
    return found, ids


def _may_return(rows: pa.Table) -> np.ndarray:
    if MAY_RETURN not in rows.column_names:
        return np.ones(len(rows), bool)
    mask: np.ndarray = rows[MAY_RETURN].combine_chunks().to_numpy(zero_copy_only=False)
    return mask
