"""Which files the lake has: the catalogue in log.db, not a listing of the folder.

A landing file that was folded into curated ones keeps its entry, so that the audit can set it
against the ledger; any other file that was replaced keeps it until its file is deleted.
"""

import dataclasses
import sqlite3
from collections.abc import Iterable

from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile
from pipeline.store import Store

_COLUMNS = (
    "path, zone, tbl, arrival_hour, rows, bytes, digest, first_ms, last_ms,"
    " shard, first_seq, last_seq, folded, retired_ms"
)
LIVE = "folded is null and retired_ms is null"


def add(connection: sqlite3.Connection, files: Iterable[LakeFile]) -> None:
    """Note new files, in the transaction that moves the checkpoint behind their records.

    A path that is known already was written again: its name follows from its first record.
    """
    connection.executemany(
        f"insert or replace into lake_file ({_COLUMNS})"  # noqa: S608 - own names
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [dataclasses.astuple(file) for file in files],
    )


def files_of(
    store: Store, table: str, from_ms: int | None = None, to_ms: int | None = None
) -> list[LakeFile]:
    """Files to read of a table that can hold events from one time up to, not including, another.

    Curated files, and the landing files that are not folded in.
    """
    rows = store.rows(
        f"select {_COLUMNS} from lake_file where tbl = ? and {LIVE}"  # noqa: S608 - own names
        " and (? is null or last_ms >= ?) and (? is null or first_ms < ?) order by path",
        *(table, from_ms, from_ms, to_ms, to_ms),
    )
    return [LakeFile(*row) for row in rows]


def knows(store: Store, path: str) -> bool:
    """Whether a file is in the catalogue."""
    return bool(store.rows("select 1 from lake_file where path = ?", path))


def retracted(
    store: Store, table: str, from_ms: int | None = None, to_ms: int | None = None
) -> list[tuple[int, int]]:
    """Identities (event time in epoch milliseconds, record id) of a table that were taken back."""
    rows = store.rows(
        "select event_ms, record_id from retracted where tbl = ?"
        " and (? is null or event_ms >= ?) and (? is null or event_ms < ?) order by 1, 2",
        *(table, from_ms, from_ms, to_ms, to_ms),
    )
    return [(row[0], row[1]) for row in rows]


def all_files(store: Store) -> list[LakeFile]:
    """Every file of the catalogue, also those folded in and those replaced."""
    rows = store.rows(f"select {_COLUMNS} from lake_file order by path")  # noqa: S608
    return [LakeFile(*row) for row in rows]


def held(store: Store) -> tuple[int, int]:
    """How many files there are to read, and how many rows they hold."""
    count, rows = store.rows(
        f"select count(*), coalesce(sum(rows), 0) from lake_file where {LIVE}"  # noqa: S608
    )[0]
    return int(count), int(rows)


def newest_event_ms(store: Store, table: str) -> int | None:
    """Time of the newest event of a table; None for no events."""
    found = store.rows(f"select max(last_ms) from lake_file where tbl = ? and {LIVE}", table)  # noqa: S608
    newest: int | None = found[0][0]
    return newest


def newest_version(store: Store, table: str) -> int:
    """The newest version of any curated file of a table; 0 for none."""
    rows = store.rows(
        "select max(first_seq) from lake_file where tbl = ? and zone = ?", table, CURATED
    )
    return int(rows[0][0] or 0)


def swap(
    connection: sqlite3.Connection,
    written: Iterable[LakeFile],
    replaced: Iterable[LakeFile],
    folded: Iterable[LakeFile],
    retired_ms: int,
) -> None:
    """Put new curated files in the place of others and of the landing files folded in.

    All that changes is what a query that begins from now on reads. A landing file that was written
    again meanwhile stays what it is.
    """
    new = list(written)
    add(connection, new)
    connection.executemany(
        "update lake_file set retired_ms = ? where path = ?",
        [(retired_ms, file.path) for file in replaced],
    )
    version = max((file.first_seq for file in new), default=0)
    connection.executemany(
        "update lake_file set folded = ?, retired_ms = ? where path = ? and digest = ?",
        [(version, retired_ms, file.path, file.digest) for file in folded],
    )


def replace(
    connection: sqlite3.Connection,
    old: LakeFile,
    new: Iterable[LakeFile],
    retired_ms: int,
) -> None:
    """Put files with fewer rows, or none, in the place of a landing file."""
    add(connection, new)
    connection.execute("update lake_file set retired_ms = ? where path = ?", (retired_ms, old.path))


def retired(store: Store) -> list[LakeFile]:
    """Files that were replaced and are still to be deleted."""
    rows = store.rows(f"select {_COLUMNS} from lake_file where retired_ms is not null")  # noqa: S608
    return [LakeFile(*row) for row in rows]


def forget(connection: sqlite3.Connection, files: Iterable[LakeFile]) -> None:
    """Note that the files of some retired entries are deleted."""
    for file in files:
        if file.zone == LANDING and file.folded is not None:
            gone = "update lake_file set retired_ms = null where path = ? and retired_ms = ?"
        else:
            gone = "delete from lake_file where path = ? and retired_ms = ?"
        connection.execute(gone, (file.path, file.retired_ms))


def set_anew(connection: sqlite3.Connection, files: Iterable[LakeFile]) -> None:
    """Replace the whole catalogue."""
    connection.execute("delete from lake_file")
    add(connection, files)


def day_of(file: LakeFile) -> str:
    """Event date of a curated file."""
    return file.path.partition("/dt=")[2][:10]


def superseded(file: LakeFile) -> bool:
    """Whether a landing file has another in its place, without rows that were erased."""
    return file.zone == LANDING and file.folded is None and file.retired_ms is not None


def as_landed(file: LakeFile) -> LakeFile:
    """A landing file as it was noted first."""
    return dataclasses.replace(file, folded=None, retired_ms=None)
