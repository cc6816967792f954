"""Counters of a home: `ranking.db`, where counts and places change in one transaction.

It is a cache of what the stream holds, and of what it held of late: where it is lost, the counters
begin anew with what is still there.

Sources: sqlite.org "Write-Ahead Logging", "UPSERT".
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.counters.board import Counted
from pipeline.counters.ports import Delta
from pipeline.errors import DeliveryError, HomeError
from pipeline.store import Edge

NAME = "ranking.db"
VERSION = 1
BUSY_S = 30.0
SCHEMA = f"""
begin;
create table place (shard integer primary key, place text not null) without rowid;
create table count (
  ranking text not null, minute integer not null, key text not null, kind integer not null,
  count integer not null, primary key (ranking, minute, key, kind)) without rowid;
create table seen (minute integer not null, shard integer not null, ids blob not null);
create index seen_by_minute on seen (shard, minute);
create table title (key text primary key, title text not null, minute integer not null)
  without rowid;
pragma user_version = {VERSION};
commit;
"""
_COUNT = """
insert into count values (?, ?, ?, ?, ?)
on conflict do update set count = count + excluded.count
"""
COUNTS = """
select minute, key, kind, count from count where ranking = ? and minute >= ? order by minute
"""
_TITLE = """
insert into title values (?, ?, ?)
on conflict do update set title = excluded.title, minute = excluded.minute
"""


def _pass(edge: Edge) -> None:
    """Nobody watches."""


class CountersFile:
    """The counters of a home, written by one process.

    watch  called at the edges of every transaction, as a Store's
    """

    def __init__(self, home: Path, watch: Callable[[Edge], None] = _pass) -> None:
        """Raises HomeError when it cannot be opened."""
        self.path = home / NAME
        self.watch = watch
        try:
            self.connection = self._open()
        except sqlite3.Error as error:
            raise HomeError(
                f"the counters cannot be opened: {error}",
                f"at {self.path}",
                "delete it: what is counted begins anew with what the log holds",
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        # After a power cut it may stand where it stood before: the log brings the rest once more.
        connection.execute("pragma synchronous = normal")
        found = connection.execute("pragma user_version").fetchone()[0]
        if found not in (0, VERSION):
            raise sqlite3.DatabaseError(f"it has version {found}, this Tailrace reads {VERSION}")
        if not found:
            connection.executescript(SCHEMA)
        return connection

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def place(self, shard: int) -> str:
        """Up to where a shard is counted; "" for nothing."""
        with self._told("read"):
            found = self._rows("select place from place where shard = ?", shard)
        return found[0][0] if found else ""

    def seen(self, shard: int, since: int) -> Iterator[np.ndarray]:
        """int64 identities that were seen in a minute of arrival or later."""
        with self._told("read"):
            rows = self._rows("select ids from seen where shard = ? and minute >= ?", shard, since)
        return (np.frombuffer(ids, np.int64) for (ids,) in rows)

    def add(self, delta: Delta) -> bool:
        """Add all of it at once, or nothing where the shard is counted up to elsewhere: false."""
        counts = [
            (ranking, of.minute, key, kind, count)
            for ranking, some in delta.counts.items()
            for of in some
            for key, kind, count in zip(of.keys, of.kinds.tolist(), of.counts.tolist(), strict=True)
        ]
        with self._told("written"), self._transaction() as connection:
            found = self._rows("select place from place where shard = ?", delta.shard)
            if (found[0][0] if found else "") != delta.behind:
                return False
            connection.execute("insert or replace into place values (?, ?)", _placed(delta))
            connection.executemany(_COUNT, counts)
            if len(delta.seen):
                ids = delta.seen.astype(np.int64).tobytes()
                values = (delta.minute, delta.shard, ids)
                connection.execute("insert into seen values (?, ?, ?)", values)
            titles = ((key, title, delta.minute) for key, title in delta.titles.items())
            connection.executemany(_TITLE, titles)
        return True

    def counts(self, ranking: str, since: int) -> Iterator[Counted]:
        """Counts of a ranking from a minute on, minute by minute."""
        with self._told("read"):
            rows = self._rows(COUNTS, ranking, since)
        yield from by_minute(rows)

    def titles(self) -> Mapping[str, str]:
        """Titles of pages."""
        with self._told("read"):
            return dict(self._rows("select key, title from title"))

    def forget(self, before: int) -> None:
        """Forget what is of minutes before one."""
        with self._told("written"), self._transaction() as connection:
            for table in ("count", "seen", "title"):
                connection.execute(f"delete from {table} where minute < ?", (before,))  # noqa: S608 - own names

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self.connection.execute(sql, values)) as cursor:
            return cursor.fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.watch(Edge.BEGIN)
        self.connection.execute("begin immediate")
        try:
            yield self.connection
            self.watch(Edge.COMMIT)
            self.connection.execute("commit")
            self.watch(Edge.COMMITTED)
        finally:
            # A full disk has ended it by itself.
            if self.connection.in_transaction:
                self.connection.execute("rollback")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            fix = "free some space or mend the permissions; it is counted again from the log"
            what = f"the counters cannot be {what}: {error}"
            raise DeliveryError(what, f"at {self.path}", fix) from error


def by_minute(rows: Iterable[tuple[Any, ...]]) -> Iterator[Counted]:
    """What COUNTS has found."""
    for minute, some in groupby(rows, lambda row: row[0]):
        _, keys, kinds, counts = zip(*some, strict=True)
        yield Counted(minute, keys, np.array(kinds, np.int64), np.array(counts, np.int64))


def _placed(delta: Delta) -> tuple[int, str]:
    return delta.shard, delta.place
