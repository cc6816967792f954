"""One day of a table folded: what its files hold, each event once, in order, and proved."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.deliver.files import DISK, Disk, remove
from pipeline.deliver.lake_file import LakeFile
from pipeline.lake import curated, views
from pipeline.lake.catalogue import as_landed
from pipeline.lake.curated import SIZES, Sizes
from pipeline.lake.footer import Folded
from pipeline.schema import DAY_MS, Table

if TYPE_CHECKING:
    import duckdb

# Of all identities at once: how many, and a sum over them that no other set is likely to have.
_PROOF = "count(*), bit_xor(hash(epoch_ms(event_time), record_id))"


def days_of(
    connection: "duckdb.DuckDBPyConnection", lake: Path, table: Table, files: Sequence[LakeFile]
) -> dict[str, dict[LakeFile, int]]:
    """Rows by day and file."""
    found: dict[str, dict[LakeFile, int]] = defaultdict(dict)
    ordered = views.in_order(files)
    rows = connection.execute(
        f"select {views.DAY} as dt, file_index, count(*) from {views.scan(lake, table, ordered)}"  # noqa: S608 - own names
        " group by all"
    ).fetchall()
    for day, index, count in rows:
        found[day][ordered[index]] = count
    return dict(found)


@dataclass(slots=True)
class Folding:
    """The curated files of a day (`old`) and the landing files that touch it, with their rows."""

    connection: "duckdb.DuckDBPyConnection"
    lake: Path
    table: Table
    day: str
    old: Sequence[LakeFile]
    landing: dict[LakeFile, int]
    sizes: Sizes = SIZES
    rows_in: int = 0
    disk: Disk = DISK

    def write(self, version: int, history: Sequence[Folded], erased: int = 0) -> list[LakeFile]:
        """Write a new version; the files as the catalogue will know them.

        history  what was folded into the day before
        erased   how many events of these are no more
        Raises ValueError when the files do not hold the identities that went in, each once;
        DeliveryError when the disk does not take them.
        """
        wanted = self._identities()
        folded = self._folded(history)
        number = curated.Version(self.table, self.day, version, folded, self.sizes, erased)
        written = curated.write(self.lake, number, self._events(), self.disk)
        source = views.scan(self.lake, self.table, written)
        found = self._one(f"select {_PROOF} from {source}")  # noqa: S608 - own names
        if found != wanted or found[0] != sum(each.fresh for each in folded) - erased:
            for file in written:
                remove(self.lake / file.path, self.disk)
            raise ValueError(f"{wanted[0]} events went in, {found[0]} came out")
        return written

    def _source(self, columns: str, first_ms: int | None = None, end_ms: int | None = None) -> str:
        """Rows of the day from one time up to, not including, another."""
        first = self._first_ms if first_ms is None else first_ms
        end = self._first_ms + DAY_MS if end_ms is None else end_ms
        files = (
            file
            for file in (*self.old, *self.landing)
            if file.last_ms >= first and file.first_ms < end
        )
        return (
            f"select {columns}, file_index from {views.scan(self.lake, self.table, files)}"  # noqa: S608 - own names
            f" where {_between(first, end)}"
        )

    @property
    def _first_ms(self) -> int:
        return curated.first_ms_of(self.day)

    def _identities(self) -> tuple[int, int]:
        """Notes each identity: how often it is there, and which file had it first."""
        self.connection.execute(
            "create or replace temp table identity as"  # noqa: S608 - own names
            " select event_time, record_id, count(*) as copies,"
            # What curated has was there before, whenever it arrived.
            f" case when min(file_index) < {len(self.old)} then -1"
            " else arg_min(file_index, ingest_time) end as first"
            f" from ({self._source('event_time, record_id, ingest_time')}) group by all"
        )
        self.rows_in = self._one("select coalesce(sum(copies), 0)::bigint, 0 from identity")[0]
        said = sum(file.rows for file in self.old) + sum(self.landing.values())
        if self.rows_in != said:
            raise ValueError(
                f"{self.rows_in} rows of {said} lie between the times it is said to have"
            )
        return self._one(f"select {_PROOF} from identity")  # noqa: S608

    def _one(self, sql: str) -> tuple[int, int]:
        # All of a result has to be fetched before the next: it is one row.
        found: tuple[int, int] = self.connection.execute(sql).fetchall()[0]
        return found

    def _folded(self, history: Sequence[Folded]) -> tuple[Folded, ...]:
        """The landing files of the day: one that was written again replaces its older entry."""
        ordered = views.in_order([*self.old, *self.landing])
        rows = self.connection.execute(
            "select first, count(*) from identity where first >= 0 group by first"
        ).fetchall()
        fresh = {ordered[index].path: count for index, count in rows}
        entries = {each.file.path: each for each in history}
        for file, count in self.landing.items():
            before = entries[file.path].fresh if file.path in entries else 0
            new = before + fresh.get(file.path, 0)
            entries[file.path] = Folded(as_landed(file), count, new)
        return tuple(entries[path] for path in sorted(entries))

    def _events(self) -> Iterator[pa.RecordBatch]:
        """Each event once, in order."""
        count = self._one("select count(*), 0 from identity")[0]
        slices = -(-count // self.sizes.at_once)
        shares = [number / slices for number in range(1, slices)]
        cuts: list[tuple[int]] = []
        if shares:
            cuts = self.connection.execute(
                f"select unnest(quantile_disc(epoch_ms(event_time), {shares})) from identity"  # noqa: S608
            ).fetchall()
        times = sorted({time for (time,) in cuts})
        for first_ms, end_ms in pairwise([self._first_ms, *times, self._first_ms + DAY_MS]):
            yield from self._slice(first_ms, end_ms)

    def _slice(self, first_ms: int, end_ms: int) -> Iterator[pa.RecordBatch]:
        columns = views.names(self.table)
        few = (
            "(select event_time, record_id from identity"  # noqa: S608 - own names
            f" where copies > 1 and {_between(first_ms, end_ms)})"
        )
        source = self._source(columns, first_ms, end_ms)
        rows = f"select {columns} from ({source})"  # noqa: S608 - own names
        if self._one(f"select count(*), 0 from {few}")[0]:  # noqa: S608 - own names
            # Only what is there several times is looked at by its whole rows.
            rows += (
                f" anti join {few} using (event_time, record_id) union all"  # noqa: S608
                f" select {columns} from (select {columns}, row_number() over ("
                f"partition by event_time, record_id order by {views.newest_first(self.table)})"
                f" as copy from ({source})"
                f" semi join {few} using (event_time, record_id)) where copy = 1"
            )
        sql = f"select * from ({rows}) order by event_time, record_id"  # noqa: S608
        yield from self.connection.sql(sql).to_arrow_reader(self.sizes.group)


def _between(first_ms: int, end_ms: int) -> str:
    return f"event_time >= {views.time_of(first_ms)} and event_time < {views.time_of(end_ms)}"
