"""One SQLite file holds the stream, its checkpoint, the lake's catalogue and the ledger.

They change together in one transaction, so that after a crash a record is either still to be
processed, or its rows, its rejects and its ledger entry are all known.

Sources: sqlite.org "Write-Ahead Logging", "PRAGMA synchronous".
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path

from pipeline.errors import DeliveryError, HomeError, NotConfigured
from pipeline.store.reading import Stamp, can_make_files, reading_of, stamp_of
from pipeline.store.remains import NAME, check_log, lost, remains

VERSION = 6
BUSY_S = 30.0
DAMAGES = 20
RESTORE = "if it is damaged, put it back from a copy"
# What another attempt may not meet again.
PASSING = (
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
)

SCHEMA = """
create table record (
  seq integer primary key autoincrement, shard integer not null, source text not null,
  arrival_ms integer not null, identity text, first_ordinal integer not null,
  formats text not null, header text not null, log_group text not null, time_ms integer,
  opened integer not null,
  refused text not null, codec text not null, size integer not null, payload blob not null,
  plain integer not null default 0, replaces integer);
create index record_by_shard on record (shard, seq);
create table checkpoint (shard integer primary key, seq integer not null);
create table generation (first integer primary key, shards integer not null);
-- until the settings say another number
insert into generation values (0, 4);
create table input (
  source text not null, digest text not null, length integer not null, lines integer not null,
  complete_length integer not null, complete_digest text not null, name text not null,
  formats text not null, arrival_ms integer not null, done_bytes integer not null,
  done_lines integer not null, header text not null default '', time_ms integer,
  plain integer not null default 0, head text not null default '',
  continues text not null default '', covers integer not null default 0,
  start_bytes integer not null default 0, shard_key text not null default '',
  replaces integer, tail_seq integer,
  primary key (source, digest));
create index input_by_head on input (source, head);
create index input_by_complete on input (source, complete_digest);
create index input_by_continued on input (source, continues);
create table input_record (
  seq integer primary key, source text not null, digest text not null);
create index input_record_by_input on input_record (source, digest);
create table request (
  source text not null, key text not null, digest blob not null, shard integer not null,
  seq integer not null, arrival_ms integer not null, primary key (source, key));
create index request_by_arrival on request (arrival_ms);
create table lake_file (
  path text primary key, zone text not null, tbl text not null, arrival_hour text not null,
  rows integer not null, bytes integer not null, digest text not null,
  first_ms integer not null, last_ms integer not null,
  shard integer not null, first_seq integer not null, last_seq integer not null,
  folded integer, retired_ms integer);
create index lake_file_by_table on lake_file (tbl, zone, last_ms);
create index lake_file_by_flush on lake_file (tbl, shard, first_seq);
create index lake_file_live on lake_file (tbl) where folded is null and retired_ms is null;
create index lake_file_retired on lake_file (retired_ms) where retired_ms is not null;
create table ledger (
  seq integer primary key, shard integer not null, source text not null, tbl text not null,
  arrival_ms integer not null, events_in integer not null, rows integer not null,
  rejected integer not null, dropped text not null, reasons text not null,
  bytes_in integer not null, object text, flush integer not null,
  attempt integer not null default 0, identities integer not null default 0);
create index ledger_by_arrival on ledger (arrival_ms);
create table quarantine_object (
  key text primary key, seq integer not null, digest text not null, bytes integer not null,
  rejects integer not null, resolved blob not null default x'',
  attempts integer not null default 1,
  -- how often lines of it were erased; how many it has lost by that; how many of these were rejects
  -- still; whether nothing is left
  erasures integer not null default 0, removed integer not null default 0,
  erased integer not null default 0, gone integer not null default 0);
-- what a quarantine object is about to become: its file and log.db cannot change at once
create table erasing (
  key text primary key, digest text not null, bytes integer not null,
  removed integer not null, erased integer not null, gone integer not null);
-- rows that were erased, by hour of arrival: of landing files by flush, as the ledger promised
-- them; `counted`: those that the ledger counts as rows
create table erased (
  tbl text not null, zone text not null, arrival_hour text not null, shard integer not null,
  flush integer not null, rows integer not null, counted integer not null,
  primary key (tbl, zone, arrival_hour, shard, flush));
-- identities that were erased (pairs of int64), while the log may still bring them
create table tombstone (
  erasure text not null, tbl text not null, last_seq integer not null, until_ms integer not null,
  identities blob not null);
create index quarantine_by_seq on quarantine_object (seq);
create table retracted (
  tbl text not null, event_ms integer not null, record_id integer not null,
  seq integer not null, primary key (tbl, event_ms, record_id));
create index retracted_by_seq on retracted (seq);
create table running (one integer primary key check (one = 1));
create table trial (
  shard integer primary key, seq integer not null, records integer not null,
  width integer not null, until integer not null, attempts integer not null,
  ends integer not null);
"""


class Edge(StrEnum):
    """Where a transaction passes from one state of the disk to another."""

    BEGIN = "begin"
    COMMIT = "commit"
    COMMITTED = "committed"


def _pass(edge: Edge) -> None:
    """Nobody watches."""


class Store:
    """An open log.db; `writer` makes the file and its schema where they are missing.

    watch  called at the edges of every transaction, inside which what it raises counts: the place
           for a simulation to fail or to die at
    """

    def __init__(self, home: Path, writer: bool, watch: Callable[[Edge], None] = _pass) -> None:
        self.path = home / NAME
        self.writer = writer
        self.watch = watch
        self._stamp: Stamp | None = None
        try:
            self.connection = self._open()
        except (sqlite3.Error, OSError) as error:
            raise HomeError(
                f"the home cannot be opened: {error}",
                f"at {self.path}",
                "check the folder, its permissions and free space, or choose another with --home",
            ) from error

    def _open(self) -> sqlite3.Connection:
        check_log(self.path.parent)
        connection = sqlite3.connect(self._uri(), uri=True, timeout=BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        if self.writer:
            connection.execute("pragma journal_mode = wal")
            # Power loss must not take what was accepted; from 100 records a transaction on FULL
            # costs nothing that can be measured.
            connection.execute("pragma synchronous = full")
        else:
            connection.execute("pragma query_only = on")
        self._check_version(connection)
        return connection

    def _uri(self) -> str:
        if self.writer:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return f"{self.path.absolute().as_uri()}?mode=rwc"
        reading = reading_of(self.path, can_make_files(self.path.parent))
        if reading.still:
            self._stamp = stamp_of(self.path)
        return reading.uri

    def _check_version(self, connection: sqlite3.Connection) -> None:
        found = self._version(connection)
        if found == 0 and not connection.execute("select 1 from sqlite_master").fetchone():
            self._begin(connection)
        elif found != VERSION:
            raise HomeError(
                f"the home has version {found}, this Tailrace reads version {VERSION}",
                f"at {self.path}",
                "use the Tailrace that made it, or another --home",
            )

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("pragma user_version").fetchone()[0])

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the schema of a file that holds nothing yet."""
        left = remains(self.path.parent)
        if left and self._version(connection) == 0:
            raise lost(self.path, "empty", left)
        if self.writer:
            script = f"begin; {SCHEMA} pragma user_version = {VERSION}; commit;"
            connection.executescript(script)
        elif self._version(connection) == 0:
            raise NotConfigured(
                f"nothing to read in {self.path.parent}",
                "the home is just being made, or its first writer was broken off",
                "try it again in a moment, or write to it: tailrace ingest vpc-flow FILE",
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it happens, or nothing.

        Raises DeliveryError when it cannot be written (a full or read-only disk).
        """
        try:
            self.watch(Edge.BEGIN)
            self.connection.execute("begin immediate")
            try:
                yield self.connection
                self.watch(Edge.COMMIT)
            except BaseException:
                # On a full disk SQLite has rolled back by itself.
                if self.connection.in_transaction:
                    self.connection.execute("rollback")
                raise
            self.connection.execute("commit")
            self.watch(Edge.COMMITTED)
        except sqlite3.Error as error:
            raise DeliveryError(
                f"log.db cannot be written: {error}",
                f"at {self.path}",
                RESTORE
                if _code(error) == sqlite3.SQLITE_CORRUPT
                else "free some space or mend the permissions; nothing was lost, run it again",
            ) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Inside, all that is read is of one moment, whatever another process writes."""
        self.connection.execute("begin")
        try:
            yield
        finally:
            # At some errors SQLite has rolled back by itself.
            if self.connection.in_transaction:
                self.connection.execute("rollback")

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a reading statement.

        Raises HomeError when the file is damaged, DeliveryError when it cannot be read now.
        """
        try:
            with closing(self.connection.execute(sql, values)) as cursor:
                found = cursor.fetchall()
        except sqlite3.DatabaseError as error:
            self._check_still()
            if _code(error) not in PASSING:
                raise self.unreadable(str(error)) from error
            raise DeliveryError(
                f"log.db cannot be read: {error}",
                f"at {self.path}",
                "look after the disk and the memory, then run it again",
            ) from error
        self._check_still()
        return found

    def unreadable(self, why: str) -> HomeError:
        """The error of a log.db that does not hold what was written."""
        return HomeError(
            f"log.db cannot be read: {why}",
            f"at {self.path}",
            RESTORE,
        )

    def _check_still(self) -> None:
        """What was read of a file that was not to change is worth nothing when it did."""
        if self._stamp is not None and self._stamp != stamp_of(self.path):
            raise HomeError(
                "the home was written while it was read as one that cannot be",
                f"at {self.path}",
                "run it again",
            )

    def damages(self) -> list[str]:
        """What SQLite finds wrong in the file, at most so much; nothing when it is whole."""
        found: list[str] = []
        try:
            for row in self.connection.execute(f"pragma integrity_check({DAMAGES})"):
                found += str(row[0]).splitlines()
        except sqlite3.DatabaseError as error:
            # It breaks off at some damages; what else there is may be readable all the same.
            found.append(str(error))
        return [line for line in found if line != "ok" and not line.startswith("***")][:DAMAGES]

    def close(self) -> None:
        """Close the file; a writer folds the write-ahead log back in."""
        self.connection.close()


def _code(error: sqlite3.Error) -> int:
    """Its primary result code (sqlite.org, "Result and Error Codes")."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def exists(home: Path) -> bool:
    """Whether this folder holds a log.db."""
    return os.path.isfile(home / NAME)
