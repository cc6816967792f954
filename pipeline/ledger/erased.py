"""What was erased, as the ledger has to know it: how many rows, and which must not come back.

The ledger's own entries stay as they are: they say what became of a record then. What was erased of
it is noted beside, by hour of arrival; so the sums hold with one more word, `erased`.

While the log still holds records that came before an erasure, a replay of them, or the same events
sent again, would bring the rows back. Until then their identities are kept, which say nothing of
the subject; what is written to the lake leaves them out. New events are not concerned.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.deliver.erased import Erased, LeftOut
from pipeline.deliver.lake_file import LANDING, NO_FLUSH
from pipeline.lake.tables import all_tables
from pipeline.ledger.findings import hour_number
from pipeline.schema import BATCH, REJECT
from pipeline.store import Store


@dataclass(frozen=True, slots=True)
class Gone:
    """Rows that were erased, of one table and hour of arrival.

    flush    first sequence number of their flush; 0 in curated files, which hold those of many
    counted  how many of them the ledger counts as rows
    """

    table: str
    zone: str
    arrival_hour: str
    shard: int
    flush: int
    rows: int
    counted: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Identities (event times in epoch milliseconds, record ids) of a table that were erased.

    last_seq  newest record of the log that may hold them
    until_ms  how long they are kept at least
    """

    erasure: str
    table: str
    last_seq: int
    until_ms: int
    identities: np.ndarray


@dataclass(frozen=True, slots=True)
class HourErased:
    """How many rows of a source that arrived in an hour (from the epoch) were erased."""

    source: str
    hour: int
    rows: int


def add(connection: sqlite3.Connection, gone: Iterable[Gone]) -> None:
    """Note rows that were erased, in the transaction that takes them away."""
    connection.executemany(
        "insert into erased values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
        " rows = rows + excluded.rows, counted = counted + excluded.counted",
        [
            (e.table, e.zone, e.arrival_hour, e.shard, e.flush, e.rows, e.counted)
            for e in gone
            if e.zone != LANDING or e.flush != NO_FLUSH
        ],
    )


def add_left_out(connection: sqlite3.Connection, left_out: Iterable[LeftOut]) -> None:
    """Note rows that were erased before and came again, in the transaction that passes them."""
    add(connection, [Gone(e.table, LANDING, *e.place, e.rows, e.rows) for e in left_out])


def bury(connection: sqlite3.Connection, tombstones: Iterable[Tombstone]) -> None:
    """Keep the identities that must not come back."""
    connection.executemany(
        "insert into tombstone values (?, ?, ?, ?, ?)",
        [
            (
                e.erasure,
                e.table,
                e.last_seq,
                e.until_ms,
                np.ascontiguousarray(e.identities).tobytes(),
            )
            for e in tombstones
        ],
    )


def known(store: Store) -> Erased:
    """The identities that must not come back."""
    found: dict[str, list[np.ndarray]] = {}
    for table, identities in store.rows("select tbl, identities from tombstone"):
        pairs = np.frombuffer(identities, np.int64).reshape(-1, 2)
        found.setdefault(table, []).append(pairs)
    return Erased({table: np.concatenate(pairs) for table, pairs in found.items()})


def forget(connection: sqlite3.Connection, now_ms: int) -> None:
    """Let go of identities that nothing in the log can bring back any more."""
    connection.execute(
        "delete from tombstone where until_ms < ?"
        " and not exists (select 1 from record where seq <= last_seq)",
        (now_ms,),
    )


def by_hour(store: Store) -> Iterator[HourErased]:
    """What was erased of the sources' tables."""
    tables = [name for name in all_tables() if name not in (BATCH.name, REJECT.name)]
    for table, hour, rows in store.rows(
        "select tbl, arrival_hour, sum(counted) from erased where typeof(counted) = 'integer'"
        " group by 1, 2"
    ):
        try:
            at = hour_number(hour)
        except (TypeError, ValueError):
            continue
        if table in tables:
            yield HourErased(table.replace("_", "-"), at, rows)
