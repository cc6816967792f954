"""Entries of the ledger: one a record, written with the checkpoint that passes it."""

import sqlite3
from collections.abc import Sequence

import msgspec

from pipeline.batch import Outcome
from pipeline.deliver.quarantine import Kept
from pipeline.schema import BATCH, REJECT


def add(
    connection: sqlite3.Connection, source: str, table: str, outcomes: Sequence[Outcome]
) -> None:
    """Note what became of records of one source.

    A record that comes again (the checkpoint was set back) gets the same entry again; what later
    attempts have made of it stands, and their files follow it to its new flush.
    """
    _follow(connection, table, outcomes)
    connection.executemany(
        "insert into ledger (seq, shard, source, tbl, arrival_ms, events_in, rows, rejected,"
        " dropped, reasons, bytes_in, object, flush, identities)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (seq) do update set shard = excluded.shard, source = excluded.source,"
        " tbl = excluded.tbl, arrival_ms = excluded.arrival_ms, events_in = excluded.events_in,"
        " rows = excluded.rows, rejected = excluded.rejected, dropped = excluded.dropped,"
        " reasons = excluded.reasons, bytes_in = excluded.bytes_in, object = excluded.object,"
        " flush = excluded.flush, identities = excluded.identities where attempt = 0",
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
                outcome.identities,
            )
            for outcome in outcomes
        ],
    )


def _follow(connection: sqlite3.Connection, table: str, outcomes: Sequence[Outcome]) -> None:
    flushes = {int(outcome.record.position): int(outcome.flush) for outcome in outcomes}
    retried = connection.execute(
        "select seq, shard, flush from ledger where seq between ? and ? and attempt > 0",
        (min(flushes, default=0), max(flushes, default=0)),
    ).fetchall()
    for seq, shard, flush in retried:
        if seq in flushes:
            connection.execute(
                "update lake_file set first_seq = ? where tbl in (?, ?, ?) and shard = ?"
                " and first_seq = ? and path like ?",
                (
                    flushes[seq],
                    *(table, REJECT.name, BATCH.name, shard, flush),
                    f"%/{shard:02d}-{seq:012d}-r%",
                ),
            )
            connection.execute("update ledger set flush = ? where seq = ?", (flushes[seq], seq))


def add_objects(connection: sqlite3.Connection, kept: Sequence[Kept]) -> None:
    """Note quarantine objects; one that was written again is noted once, with what is resolved."""
    connection.executemany(
        "insert into quarantine_object (key, seq, digest, bytes, rejects) values (?, ?, ?, ?, ?)"
        " on conflict (key) do update set digest = excluded.digest, bytes = excluded.bytes,"
        " rejects = iif(resolved = x'', excluded.rejects, rejects)",
        [(each.key, each.seq, each.digest, each.bytes, each.rejects) for each in kept],
    )
