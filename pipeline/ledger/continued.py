"""Last lines without an end that their file went on with: the newer line takes their place.

Such a line is a record of its own. When the record that reads it anew lands, what the old one
became is taken back in the same transaction: its row is named in `retracted`, which the views leave
out; its reject is resolved; the ledger counts its event as dropped, `continued`. Landed files stay
as they are, so a line that comes again stays taken back.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from pipeline.batch import Attempt, Outcome, Refusal, batch_rows, reject_rows
from pipeline.decode import LogBatch, decode
from pipeline.deliver.files import DISK, Disk
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LakeFile
from pipeline.errors import Drop, Reason
from pipeline.lake import catalogue
from pipeline.schema import BATCH, REJECT
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.triggers import Record


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What is to be noted of a line that was taken back; its files are written.

    times   event times (epoch milliseconds) of its row in the lake
    object  key of the quarantine object that keeps it; None when it was no reject
    """

    seq: int
    table: str
    record_id: int
    times: tuple[int, ...]
    object: str | None
    attempt: int
    files: list[LakeFile]


def take_back(
    store: Store, lake: Path, seq: int, newer: Record, now_ms: int, disk: Disk = DISK
) -> TakenBack | None:
    """Write what the lake has to know of the line of record `seq`, which `newer` reads anew.

    None when there is nothing to be taken back: it was before, or it is no line that is known by
    its place. Raises DeliveryError when the lake does not take it; nothing has changed then.
    """
    rows = store.rows(
        "select l.*, i.digest from ledger l join input_record i on i.seq = l.seq where l.seq = ?",
        seq,
    )
    if not rows or rows[0]["events_in"] != 1 or f'"{Drop.CONTINUED}"' in rows[0]["dropped"]:
        return None
    entry = rows[0]
    batch = _batch_of(entry, newer)
    record_id = int(batch.record_id[0])
    times = tuple(sorted(_times(store, lake, entry, record_id))) if entry["rows"] else ()
    if entry["rows"] and not times:
        return None
    attempt, key = Attempt(entry["attempt"] + 1), entry["object"]
    replay, flush = f"{attempt.number:02d}", entry["flush"]
    sink = LakeSink(lake, replay=replay, flush=flush, disk=disk)
    if entry["rejected"]:
        detail = "the file went on with it"
        gone = [Refusal(0, line, Reason.VALUE, detail) for line in (0, None)]
        resolved = replace(attempt, resolved=True)
        sink.write(
            REJECT, reject_rows(batch, gone, entry["source"], [key], resolved), batch.records
        )
    dropped = {Drop.CONTINUED: 1}
    outcome = Outcome(batch.records[0], str(flush), 1, 0, 0, dropped, {}, key)
    sink.write(BATCH, batch_rows([outcome], entry["source"], now_ms, attempt), batch.records)
    kept = key if entry["rejected"] else None
    return TakenBack(seq, entry["tbl"], record_id, times, kept, attempt.number, sink.take())


def note(connection: sqlite3.Connection, taken: TakenBack) -> None:
    """Note it, in the transaction that lands the newer line."""
    catalogue.add(connection, taken.files)
    connection.executemany(
        "insert or ignore into retracted (tbl, event_ms, record_id, seq) values (?, ?, ?, ?)",
        [(taken.table, time, taken.record_id, taken.seq) for time in taken.times],
    )
    connection.execute(
        "update ledger set rows = 0, rejected = 0, dropped = ?, reasons = '{}', attempt = ?"
        " where seq = ?",
        (msgspec.json.encode({Drop.CONTINUED: 1}).decode(), taken.attempt, taken.seq),
    )
    connection.execute(
        "update quarantine_object set resolved = ?, erased = 0 where key = ?",
        (np.array([taken.record_id]).tobytes(), taken.object),
    )


def _batch_of(entry: sqlite3.Row, newer: Record) -> LogBatch:
    """The line as it was: the newer record begins with it."""
    record = Record(
        newer.payload[: entry["bytes_in"]],
        str(entry["seq"]),
        entry["arrival_ms"],
        f"content/{entry['digest']}",
        newer.first_ordinal,
        log_group=newer.log_group,
        opened=True,
        shard=entry["shard"],
        plain=True,
    )
    return decode([record], Limits())


def _times(store: Store, lake: Path, entry: sqlite3.Row, record_id: int) -> set[int]:
    """Event times under which the lake holds the row of a record that has one."""
    flush = store.rows(
        "select path, folded, first_ms, last_ms from lake_file"
        " where tbl = ? and shard = ? and first_seq = ? and zone = 'landing'"
        " and (folded is not null or retired_ms is null)",
        *(entry["tbl"], entry["shard"], entry["flush"]),
    )
    paths = [file["path"] for file in flush if file["folded"] is None]
    for file in flush:
        if file["folded"] is not None:
            bounds = file["first_ms"], file["last_ms"] + 1
            found = catalogue.files_of(store, entry["tbl"], *bounds)
            paths += [each.path for each in found]
    return {time for path in dict.fromkeys(paths) for time in _times_in(lake / path, record_id)}


def _times_in(path: Path, record_id: int) -> Iterator[int]:
    # What cannot be read is the audit's to name, and in no answer either.
    try:
        with parquet.ParquetFile(path) as file:
            for rows in file.iter_batches(columns=["event_time", "record_id"]):
                found = np.flatnonzero(rows["record_id"].to_numpy() == record_id)
                yield from rows["event_time"].cast(pa.int64()).to_numpy()[found].tolist()
    except (OSError, pa.ArrowException):
        return
