"""Which shards a stream has, and how their number changes.

A shard keeps its name and its records for ever: another number of shards closes those that are
open and opens a new generation of them. What the older generations still hold is consumed first,
so that the records of one key keep their order (Amazon Kinesis Data Streams Developer Guide,
"Resharding a stream": a parent shard is processed before its children).
"""

import sqlite3
from hashlib import blake2b

from pipeline.store import Store

_OPEN = "select first, shards from generation order by first desc limit 1"


def open_shards(connection: sqlite3.Connection) -> range:
    """The shards that records are appended to."""
    found = connection.execute(_OPEN).fetchone()
    return _range(found)


def shard_of(key: str, shards: range) -> int:
    """Shard of a partition key: its hash, so that equal keys meet in one shard."""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return shards[int.from_bytes(digest, "big") % len(shards)]


def generations(store: Store) -> list[range]:
    """The shards of all generations that may hold records, the oldest first."""
    return [_range(row) for row in store.rows("select * from generation order by first")]


def reshard(store: Store, count: int) -> None:
    """From here on records are appended to so many shards; generations without any are forgotten.

    Raises DeliveryError when it cannot be written.
    """
    before = generations(store)[-1]
    if len(before) == count:
        return
    with store.transaction() as connection:
        connection.execute("insert into generation values (?, ?)", (before.stop, count))
        connection.execute(
            "delete from generation where first < ? and not exists (select 1 from record"
            " where shard >= first and shard < first + shards)",
            (before.stop,),
        )


def _range(row: sqlite3.Row) -> range:
    return range(row["first"], row["first"] + row["shards"])
