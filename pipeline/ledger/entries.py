"""Entries of the ledger: one a record, written with the checkpoint that passes it."""

import sqlite3
from collections.abc import Sequence

import msgspec

from pipeline.batch import Outcome
from pipeline.deliver.quarantine import Kept


def add(
    connection: sqlite3.Connection, source: str, table: str, outcomes: Sequence[Outcome]
) -> None:
    """Note what became of records of one source."""
    connection.executemany(
        "insert into ledger (seq, shard, source, tbl, arrival_ms, events_in, rows, rejected,"
        " dropped, reasons, bytes_in, object, flush)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                int(outcome.record.position),
                outcome.record.shard,
                source,
                table,
                outcome.record.arrival_ms,
                outcome.events_in,
                outcome.rows,
                outcome.rejected,
                msgspec.json.encode(dict(outcome.dropped)).decode(),
                msgspec.json.encode(dict(outcome.reasons)).decode(),
                len(outcome.record.payload),
                outcome.object,
                int(outcome.flush),
            )
            for outcome in outcomes
        ],
    )


def add_objects(connection: sqlite3.Connection, kept: Sequence[Kept]) -> None:
    """Note quarantine objects; one that a retry wrote again is noted once."""
    connection.executemany(
        "insert or replace into quarantine_object (key, seq, digest, bytes, rejects)"
        " values (?, ?, ?, ?, ?)",
        [(each.key, each.seq, each.digest, each.bytes, each.rejects) for each in kept],
    )
