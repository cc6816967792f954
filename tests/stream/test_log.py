"""The durable log: what was appended comes back in order, until it is consumed and old."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DeliveryError
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log, Stored, advance, prune
from pipeline.stream.shards import shard_of
from pipeline.triggers import Record

RECORD = Incoming("vpc-flow", "a", b"payload", 1_000)
SHARD = 3  # of the key "a"
ROOMY = Limits()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path, writer=True)
    yield opened
    opened.close()


def payloads(log: Log, records: int = 100, max_bytes: int = 1 << 20) -> list[bytes]:
    limits = Limits(batch_bytes=max_bytes)
    return [stored.record.payload for stored in log.load(log.heads(SHARD, records, limits))]


def waiting(log: Log, shard: int = SHARD, limits: Limits = ROOMY) -> list[Stored]:
    return log.load(log.heads(shard, 100, limits))


def consume(store: Store, seq: int) -> None:
    with store.transaction() as connection:
        advance(connection, SHARD, seq)


def kept(store: Store) -> list[int]:
    return [row["seq"] for row in store.rows("select seq from record order by seq")]


def test_records_of_a_shard_come_back_in_order(store: Store) -> None:
    log = Log(store)
    assert log.append([replace(RECORD, payload=text) for text in (b"1", b"2")]) == [1, 2]
    assert log.append([replace(RECORD, payload=b"3")]) == [3]
    assert payloads(log) == [b"1", b"2", b"3"]


def test_a_record_comes_back_as_it_was_appended(store: Store) -> None:
    whole: dict[str, Any] = {
        "identity": "content/0f1e",
        "first_ordinal": 9,
        "formats": ("srcaddr end", "end srcaddr"),
        "log_group": "/a/b",
        "time_ms": 5,
        "opened": True,
        "refused": "gzip_truncated: gzip breaks off at byte 7",
    }
    Log(store).append([Incoming("tgw-flow", "a", b"x", 1_000, **whole)])
    (stored,) = waiting(Log(store))
    assert (stored.seq, stored.source) == (1, "tgw-flow")
    assert stored.record == Record(b"x", "1", 1_000, shard=SHARD, **whole)


def test_lines_without_an_identity_are_known_by_their_place_in_the_stream(store: Store) -> None:
    Log(store).append([RECORD, RECORD])
    found = waiting(Log(store))
    assert [each.record.identity for each in found] == [
        "stream/embedded/3/1",
        "stream/embedded/3/2",
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x" * 4095,
        b"x" * 4096,
        bytes(range(256)) * 64,
        gzip.compress(b"line\n" * 10_000, mtime=0),
        gzip.compress(bytes(range(256)) * 64, compresslevel=0, mtime=0),
    ],
    ids=["empty", "small", "large", "binary", "gzip", "large gzip"],
)
def test_a_payload_comes_back_byte_for_byte(store: Store, payload: bytes) -> None:
    Log(store).append([replace(RECORD, payload=payload)])
    assert payloads(Log(store)) == [payload]


def test_long_text_is_stored_packed_and_gzip_as_it_came(store: Store) -> None:
    text = b"a line like the one before it\n" * 10_000
    gzipped = gzip.compress(bytes(range(256)) * 64, compresslevel=0, mtime=0)
    Log(store).append([replace(RECORD, payload=each) for each in (text, b"short", gzipped)])
    rows = store.rows("select codec, size, length(payload) as stored from record order by seq")
    assert [(row["codec"], row["size"]) for row in rows] == [
        ("zstd", len(text)),
        ("raw", 5),
        ("raw", len(gzipped)),
    ]
    assert rows[0]["stored"] < len(text) / 100


def test_a_read_takes_so_many_records_and_bytes_but_at_least_one(store: Store) -> None:
    log = Log(store)
    log.append([replace(RECORD, payload=bytes([n]) * 10) for n in range(4)])
    assert len(payloads(log, records=3)) == 3
    assert len(payloads(log, max_bytes=30)) == 3
    assert len(payloads(log, max_bytes=29)) == 2
    assert len(payloads(log, max_bytes=1)) == 1


def test_a_read_takes_no_more_than_one_record_may_be_however_small_it_is_stored(
    store: Store,
) -> None:
    log = Log(store)
    log.append([replace(RECORD, payload=b"x" * 10_000) for _ in range(4)])
    assert log.waiting_bytes(SHARD) < 1_000
    assert len(waiting(log, limits=Limits(record_bytes=30_000))) == 3
    assert len(waiting(log, limits=Limits(record_bytes=29_999))) == 2
    assert len(waiting(log, limits=Limits(record_bytes=1))) == 1
    consume(store, 4)
    every = range(1 << 40)
    for most, found in ((30_000, 3), (1, 1)):
        limits = Limits(record_bytes=most)
        assert len(log.heads_again(SHARD, 0, every, None, limits)) == found


def test_what_is_consumed_does_not_come_again(store: Store) -> None:
    log = Log(store)
    log.append([replace(RECORD, payload=text) for text in (b"1", b"2", b"3")])
    assert (log.checkpoint(SHARD), log.backlog()) == (0, 3)
    consume(store, 2)
    assert (log.checkpoint(SHARD), log.backlog()) == (2, 1)
    assert payloads(log) == [b"3"]
    consume(store, 3)
    assert (payloads(log), log.backlog()) == ([], 0)


def test_a_shard_knows_nothing_of_the_others(store: Store) -> None:
    log = Log(store)
    log.append([replace(RECORD, key=str(n), payload=str(n).encode()) for n in range(40)])
    by_shard = [
        {int(stored.record.payload) for stored in waiting(log, shard)} for shard in log.shards
    ]
    assert [len(each) for each in by_shard] == [12, 8, 11, 9]
    assert set().union(*by_shard) == set(range(40))
    consume(store, 40)
    assert log.backlog() == 31


def test_equal_keys_meet_in_one_shard_for_ever() -> None:
    assert [shard_of(key, range(4)) for key in ("a", "b", "", "\udcff")] == [3, 1, 0, 2]


def test_several_records_are_appended_all_or_none(store: Store) -> None:
    nameless: Any = replace(RECORD, source=None)  # type: ignore[arg-type]
    with pytest.raises(DeliveryError, match=r"log.db cannot be written: NOT NULL constraint"):
        Log(store).append([RECORD, nameless])
    assert kept(store) == []


@pytest.mark.fault("F13")
def test_only_what_is_consumed_and_old_is_pruned(store: Store) -> None:
    Log(store).append([replace(RECORD, arrival_ms=ms) for ms in (1_000, 1_999, 2_000, 1_000)])
    consume(store, 3)
    with store.transaction() as connection:
        assert prune(connection, 2_000, 100) == 2
    assert kept(store) == [3, 4]


def test_pruning_goes_in_slices(store: Store) -> None:
    Log(store).append([RECORD] * 5)
    consume(store, 5)
    for expected in (2, 2, 1, 0):
        with store.transaction() as connection:
            assert prune(connection, 2_000, 2) == expected


def test_sequence_numbers_are_never_given_twice(store: Store) -> None:
    log = Log(store)
    log.append([RECORD, RECORD])
    consume(store, 2)
    with store.transaction() as connection:
        prune(connection, 2_000, 100)
    assert log.append([RECORD]) == [3]
    assert payloads(log) == [b"payload"]
