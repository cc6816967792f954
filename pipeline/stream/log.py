"""The durable log: records in shards, in order, until they are consumed and grow old.

One row a record; the sequence number is the row's own number, so it rises along every shard.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from pipeline.errors import DeliveryError
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.shards import generations, open_shards, shard_of
from pipeline.triggers import Record

STREAM = "embedded"
# Log text shrinks to a tenth at 0.1 us a line; smaller records are not worth it, and what is gzip
# already stays as it came.
PACK_FROM_BYTES = 4 << 10
LOADED_AT_ONCE = 500
GZIP_MAGIC = b"\x1f\x8b"
RAW, ZSTD = "raw", "zstd"
_codec = pa.Codec("zstd", 1)
_HEAD = "seq, shard, source, arrival_ms, size, coalesce(length(payload), 0) as stored, replaces"
Done = TypeVar("Done")
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


@dataclass(frozen=True, slots=True)
class Head:
    """A record of the log before its payload is read; `size` in bytes, as it came."""

    seq: int
    shard: int
    source: str
    arrival_ms: int
    size: int
    stored: int
    replaces: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the stream."""

    shard: int
    sequence: int


class Log:
    """The stream over an open store; how its shards are numbered does not change meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generations = generations(store)

    @property
    def shards(self) -> list[int]:
        """All shards that may hold records, the oldest first."""
        return [shard for generation in self._generations for shard in generation]

    def ready(self) -> range:
        """The shards that are consumed now: none before those it came after are empty."""
        return self.first(self._waits)

    def first(self, waits: Callable[[int], bool]) -> range:
        """The oldest shards any of which waits; those before them get no records any more."""
        while len(self._generations) > 1 and not any(map(waits, self._generations[0])):
            del self._generations[0]
        return self._generations[0]

    def append(self, records: Sequence[Incoming]) -> list[int]:
        """Append records in one transaction; they are durable when it returns.

        Returns their sequence numbers. Raises DeliveryError when the log cannot be written.
        """
        with self._store.transaction() as connection:
            return [append(connection, record).sequence for record in records]

    def heads(self, shard: int, records: int, limits: Limits) -> list[Head]:
        """The next records behind the checkpoint, as many as are taken in hand at once, in order.

        At least one, at most so many, as far as they are `limits.batch_bytes` as stored and
        `limits.record_bytes` as they came.
        """
        rows = self._store.rows(
            f"select {_HEAD} from record where shard = ? and seq > ? order by seq limit ?",  # noqa: S608 - own words
            *(shard, self.checkpoint(shard), records),
        )
        return self._read(lambda: _at_once(rows, limits))

    def heads_again(
        self, shard: int, behind: int, arrived: range, source: str | None, limits: Limits
    ) -> list[Head]:
        """Consumed records behind a sequence number that arrived in a range of epoch ms."""
        rows = self._store.rows(
            f"select {_HEAD} from record where shard = ? and seq > ? and seq <= ?"  # noqa: S608 - own words
            " and arrival_ms >= ? and arrival_ms < ? and (? is null or source = ?)"
            " order by seq limit ?",
            *(shard, behind, self.checkpoint(shard), arrived.start, arrived.stop),
            *(source, source, limits.batch_records),
        )
        return self._read(lambda: _at_once(rows, limits))

    def heads_behind(self, shard: int, behind: int, since_ms: int, limits: Limits) -> list[Head]:
        """Records behind a sequence number, consumed or not, that arrived at a time or later."""
        rows = self._store.rows(
            f"select {_HEAD} from record where shard = ? and seq > ? and arrival_ms >= ?"  # noqa: S608 - own words
            " order by seq limit ?",
            *(shard, behind, since_ms, limits.batch_records),
        )
        return self._read(lambda: _at_once(rows, limits))

    def load(self, heads: Sequence[Head]) -> list[Stored]:
        """The records themselves.

        Raises OSError or ValueError when one is not what was written.
        """
        found: list[Stored] = []
        for at in range(0, len(heads), LOADED_AT_ONCE):
            seqs = [head.seq for head in heads[at : at + LOADED_AT_ONCE]]
            marks = ", ".join("?" * len(seqs))
            sql = f"select * from record where seq in ({marks}) order by seq"  # noqa: S608
            found += [_stored(dict(row)) for row in self._store.rows(sql, *seqs)]
        return found

    def as_it_lies(self, head: Head) -> Stored:
        """A record with its payload as stored: for one that cannot be loaded.

        Raises HomeError when not even that can be read.
        """
        (row,) = self._store.rows("select * from record where seq = ?", head.seq)
        return self._read(lambda: _stored({**dict(row), "codec": RAW}))

    def _read(self, read: Callable[[], Done]) -> Done:
        # SQLite finds pages broken by their form, and one of nothing but payload has none.
        try:
            return read()
        except (OverflowError, TypeError, ValueError) as error:
            why = f"a record is not what was written: {error}"
            raise self._store.unreadable(why) from error

    def count_again(self, arrived: range, source: str | None) -> int:
        """How many records `heads_again` would give, over all shards."""
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

    def newest(self) -> int:
        """Sequence number that was given last, to whatever shard; 0 for none."""
        rows = self._store.rows("select seq from sqlite_sequence where name = 'record'")
        return int(rows[0]["seq"]) if rows else 0

    def backlog(self) -> int:
        """Records that wait."""
        # Shard by shard: consumed records, of which there are many more, are not looked at.
        return sum(self._waiting(shard, "count(*)", -1) for shard in self.shards)

    def waiting_bytes(self, shard: int, records: int = -1) -> int:
        """Stored size of the records of a shard that wait; of the first of them, -1: of all."""
        return self._waiting(shard, "coalesce(sum(stored), 0)", records)

    def _waits(self, shard: int) -> bool:
        return bool(self._waiting(shard, "count(*)", 1))

    def _waiting(self, shard: int, what: str, records: int) -> int:
        found = self._store.rows(
            # The length is asked of the table: outside, SQLite would read every payload.
            f"select {what} from (select length(payload) as stored from record where shard = ?"  # noqa: S608 - own words
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
            for shard in self.shards
        ]
        return min((int(first[0]["arrival_ms"]) for first in firsts if first), default=None)


def append(connection: sqlite3.Connection, record: Incoming) -> Place:
    """Append one record inside a transaction."""
    shard = shard_of(record.key, open_shards(connection))
    packed, codec = _pack(record.payload)
    cursor = connection.execute(
        "insert into record (shard, source, arrival_ms, identity, first_ordinal, formats,"
        " header, log_group, time_ms, opened, refused, codec, size, payload, plain, replaces)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            shard,
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
    return Place(shard, cursor.lastrowid)


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


def _at_once(rows: Sequence[sqlite3.Row], limits: Limits) -> list[Head]:
    found: list[Head] = []
    stored = size = 0
    for row in rows:
        head = Head(*row)
        stored += head.stored
        size += max(head.size, head.stored)
        if found and (stored > limits.batch_bytes or size > limits.record_bytes):
            break
        found.append(head)
    return found


def _stored(row: Mapping[str, Any]) -> Stored:
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
