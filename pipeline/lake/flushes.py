"""What the ledger says of flushes: which rows were promised to which landing file."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.deliver.lake_file import LANDING
from pipeline.schema import BATCH, REJECT
from pipeline.store import Store

UNLIMITED = 1 << 62

_FLUSHES = """
select tbl, shard, flush, strftime('%Y-%m-%dT%H', arrival_ms / 1000, 'unixepoch') as hour,
  sum(rows + exists (select 1 from retracted t where t.seq = l.seq)) as rows,
  count(object) as objects, max(seq) as last
from ledger l group by tbl, shard, flush, hour
"""
# They lie in no file, and were promised all the same.
_ERASED = f"""
select tbl, shard, flush, arrival_hour, rows from erased where zone = '{LANDING}'
"""  # noqa: S608 - own names


@dataclass
class Flushes:
    """All flushes of a ledger, read once.

    An attempt that died may have left files with other records than the one that was noted: their
    rows lie in the files of other flushes, too. They are told apart by how many rows are promised.
    """

    store: Store
    _of: dict[tuple[int, int, str], Any] = field(default_factory=dict)
    _last: dict[tuple[int, int], int] = field(default_factory=dict)
    _taken: dict[tuple[str, int, int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.store.rows(_FLUSHES):
            shard, flush = int(row["shard"]), int(row["flush"])
            self._of[shard, flush, row["hour"]] = row
            self._last[shard, flush] = max(row["last"], self._last.get((shard, flush), 0))
        for table, shard, flush, hour, rows in self.store.rows(_ERASED):
            self._taken[table, shard, flush, hour] = rows

    def last(self, shard: int, flush: int) -> int | None:
        """Last sequence number of a flush; None: nobody noted it."""
        return self._last.get((shard, flush))

    def take(self, table: str, shard: int, flush: int, hour: str, rows: int) -> bool:
        """Count the rows of one more landing file; false: more than the flush has there.

        Of the tables that later attempts add to it is only known whether it has some.
        """
        row = self._of.get((shard, flush, hour))
        promised = 0
        if row is not None and table == BATCH.name:
            promised = UNLIMITED
        elif row is not None and table == REJECT.name:
            promised = UNLIMITED if row["objects"] else 0
        elif row is not None and table == row["tbl"]:
            promised = row["rows"]
        place = table, shard, flush, hour
        taken = self._taken.get(place, 0) + rows
        if taken > promised:
            return False
        self._taken[place] = taken
        return True
