"""Which files the lake has: the catalogue in log.db, not a listing of the folder."""

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple

from pipeline.deliver.lake import LakeFile
from pipeline.store import Store

_COLUMNS = (
    "path, zone, tbl, arrival_hour, rows, bytes, digest, first_ms, last_ms,"
    " shard, first_seq, last_seq"
)


def add(connection: sqlite3.Connection, files: Iterable[LakeFile]) -> None:
    """Note new files, in the transaction that moves the checkpoint behind their records.

    A path that is known already was written again: its name follows from its first record.
    """
    connection.executemany(
        f"insert or replace into lake_file ({_COLUMNS})"  # noqa: S608 - own names
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [astuple(file) for file in files],
    )


def files_of(
    store: Store, table: str, from_ms: int | None = None, to_ms: int | None = None
) -> list[LakeFile]:
    """Files of a table that can hold events from one time up to, not including, another."""
    rows = store.rows(
        f"select {_COLUMNS} from lake_file where tbl = ? and (? is null or last_ms >= ?)"  # noqa: S608
        " and (? is null or first_ms < ?) order by path",
        *(table, from_ms, from_ms, to_ms, to_ms),
    )
    return [LakeFile(*row) for row in rows]


def all_files(store: Store) -> list[LakeFile]:
    """Every file of the catalogue."""
    rows = store.rows(f"select {_COLUMNS} from lake_file order by path")  # noqa: S608
    return [LakeFile(*row) for row in rows]
