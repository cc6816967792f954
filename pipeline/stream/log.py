"""The durable log: records in shards, in order, until they are consumed and grow old.

One row a record; the sequence number is the row's own number, so it rises along every shard.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
import pyarrow as pa

from pipeline.errors import DeliveryError
from pipeline.store import Store
from pipeline.triggers import Record

SHARDS = 4
STREAM = "embedded"
# Log text shrinks to a tenth at 0.1 us a line; smaller records are not worth it, and what is gzip
# already stays as it came.
PACK_FROM_BYTES = 4 << 10
GZIP_MAGIC = b"\x1f\x8b"
RAW, ZSTD = "raw", "zstd"
_codec = pa.Codec("zstd", 1)
_formats = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record about to be appended; `identity` None: its lines are known by their position.

    key            partition key: records of one key keep their order
    replaces       sequence number of the record of one key whose only line this one continues
    everything else as in `triggers.Record`
    """

    source: str
    key: str
    payload: bytes
    arrival_ms: int
    identity: str | None = None
    first_ordinal: int = 0
    formats: tuple[str, ...] = ()
    header: str = ""
    log_group: str = ""
    time_ms: int | None = None
    opened: bool = False
    refused: str = ""
    plain: bool = False
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of the log, the source it is meant for, and the record whose line it reads anew."""

    seq: int
    source: str
    record: Record
    replaces: int | None = None


def shard_of(key: str) -> int:
    """Shard of a partition key: its hash, so that equal keys meet in one shard."""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % SHARDS


class Log:
    """The stream over an open store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, records: Sequence[Incoming]) -> list[int]:
        """Append records in one transaction; they are durable when it returns.

        Returns their sequence numbers. Raises DeliveryError when the log cannot be written.
        """
        with self._store.transaction() as connection:
            return [append(connection, record) for record in records]

    def read(self, shard: int, records: int, max_bytes: int) -> list[Stored]:
        """The next records behind the checkpoint: at least one, at most so many, in order.

        Raises HomeError when log.db does not hold what was written.
        """
        found: list[Stored] = []
        size = 0
        waiting = self._store.each(
            "select *, coalesce(length(payload), 0) as stored from record"
            " where shard = ? and seq > ? order by seq limit ?",
            *(shard, self.checkpoint(shard), records),
        )
        with closing(waiting):
            for row in waiting:
                size += row["stored"]
                if found and size > max_bytes:
                    break
                found.append(self._stored(row))
        return found

    def read_again(
        self, shard: int, behind: int, arrived: range, source: str | None, records: int
    ) -> list[Stored]:
        """Consumed records behind a sequence number that arrived in a range of epoch ms.

        Raises HomeError as `read` does.
        """
        rows = self._store.rows(
            "select * from record where shard = ? and seq > ? and seq <= ? and arrival_ms >= ?"
            " and arrival_ms < ? and (? is null or source = ?) order by seq limit ?",
            *(shard, behind, self.checkpoint(shard), arrived.start, arrived.stop),
            *(source, source, records),
        )
        return [self._stored(row) for row in rows]

    def _stored(self, row: sqlite3.Row) -> Stored:
        try:
            return _stored(row)
        except (OSError, OverflowError, TypeError, ValueError, msgspec.DecodeError) as error:
            # SQLite finds pages broken by their form, and one of nothing but payload has none.
            why = f"record {row['seq']} is not what was written: {error}"
            raise self._store.unreadable(why) from error

    def count_again(self, arrived: range, source: str | None) -> int:
        """How many records `read_again` would give, over all shards."""
        found = self._store.rows(
            "select count(*) from record r join checkpoint c on c.shard = r.shard"
            " where r.seq <= c.seq and r.arrival_ms >= ? and r.arrival_ms < ?"
            " and (? is null or r.source = ?)",
            *(arrived.start, arrived.stop, source, source),
        )
        return int(found[0][0])

    def checkpoint(self, shard: int) -> int:
        """Sequence number up to which a shard is consumed; 0 for nothing."""
        rows = self._store.rows("select seq from checkpoint where shard = ?", shard)
        return int(rows[0]["seq"]) if rows else 0

    def backlog(self) -> int:
        """Records that wait."""
        # Shard by shard: consumed records, of which there are many more, are not looked at.
        return sum(self._waiting(shard, "count(*)", -1) for shard in range(SHARDS))

    def waiting_bytes(self, shard: int, records: int = -1) -> int:
        """Stored size of the records of a shard that wait; of the first of them, -1: of all."""
        return self._waiting(shard, "coalesce(sum(length(payload)), 0)", records)

    def _waiting(self, shard: int, what: str, records: int) -> int:
        found = self._store.rows(
            f"select {what} from (select payload from record where shard = ?"  # noqa: S608 - own words
            " and seq > coalesce((select seq from checkpoint where shard = ?), 0)"
            " order by seq limit ?)",
            *(shard, shard, records),
        )
        return int(found[0][0])

    def oldest_ms(self) -> int | None:
        """Arrival of the record that has waited longest; None when none waits."""
        firsts = [
            self._store.rows(
                "select arrival_ms from record where shard = ? and seq > ? order by seq limit 1",
                *(shard, self.checkpoint(shard)),
            )
            for shard in range(SHARDS)
        ]
        return min((int(first[0]["arrival_ms"]) for first in firsts if first), default=None)


def append(connection: sqlite3.Connection, record: Incoming) -> int:
    """Append one record inside a transaction; returns its sequence number."""
    packed, codec = _pack(record.payload)
    cursor = connection.execute(
        "insert into record (shard, source, arrival_ms, identity, first_ordinal, formats,"
        " header, log_group, time_ms, opened, refused, codec, size, payload, plain, replaces)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            shard_of(record.key),
            record.source,
            record.arrival_ms,
            record.identity,
            record.first_ordinal,
            msgspec.json.encode(record.formats).decode(),
            record.header,
            record.log_group,
            record.time_ms,
            record.opened,
            record.refused,
            codec,
            len(record.payload),
            packed,
            record.plain,
            record.replaces,
        ),
    )
    if cursor.lastrowid is None:
        raise DeliveryError("log.db gave a record no sequence number")
    return cursor.lastrowid


def advance(connection: sqlite3.Connection, shard: int, seq: int) -> None:
    """Move the checkpoint of a shard, in the transaction that notes what became of the records."""
    connection.execute("insert or replace into checkpoint (shard, seq) values (?, ?)", (shard, seq))


def prune(connection: sqlite3.Connection, before_ms: int, limit: int) -> int:
    """Delete at most `limit` consumed records that arrived before a time; returns how many."""
    cursor = connection.execute(
        "delete from record where seq in (select r.seq from record r join checkpoint c"
        " on c.shard = r.shard where r.seq <= c.seq and r.arrival_ms < ? limit ?)",
        (before_ms, limit),
    )
    return cursor.rowcount


def _pack(payload: bytes) -> tuple[bytes, str]:
    if len(payload) < PACK_FROM_BYTES or payload.startswith(GZIP_MAGIC):
        return payload, RAW
    return _codec.compress(payload, asbytes=True), ZSTD


def _stored(row: sqlite3.Row) -> Stored:
    payload = row["payload"]
    if row["codec"] == ZSTD:
        payload = _codec.decompress(payload, row["size"], asbytes=True)
    seq, shard = row["seq"], row["shard"]
    record = Record(
        payload,
        position=str(seq),
        arrival_ms=row["arrival_ms"],
        identity=row["identity"] or f"stream/{STREAM}/{shard}/{seq}",
        first_ordinal=row["first_ordinal"],
        formats=_formats.decode(row["formats"]),
        header=row["header"],
        log_group=row["log_group"],
        time_ms=row["time_ms"],
        opened=bool(row["opened"]),
        shard=shard,
        refused=row["refused"],
        plain=bool(row["plain"]),
    )
    return Stored(seq, row["source"], record, row["replaces"])
