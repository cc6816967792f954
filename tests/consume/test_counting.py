"""Counting beside the worker: at once, each event once, whoever dies."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.consume.counting import CountingWorker
from pipeline.counters.board import MINUTE_MS
from pipeline.counters.file import CountersFile
from pipeline.counters.tally import Tally
from pipeline.home import writing
from pipeline.ledger.erased import known
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log
from tests.carriers import envelope, log_event
from tests.erase.homes import erased
from tests.processed import context


@contextmanager
def counting(home: Path) -> Iterator[CountingWorker]:
    with closing(Store(home, writer=True)) as store, closing(CountersFile(home)) as counters:
        tally = Tally(counters, time.time)
        yield CountingWorker(Log(store), tally, context(), erased=known(store))


def send(home: Path, *views: dict[str, object], shard: str = "a", shards: int = 4) -> None:
    now_ms = int(time.time() * 1000)
    lines = b"\n".join(json.dumps({"ts": now_ms, **view}).encode() for view in views)
    with writing(home, context(Limits(shards=shards))) as opened:
        opened.log.append([Incoming("page-view", shard, lines, now_ms)])


def pages(worker: CountingWorker) -> dict[str, int]:
    end = int(time.time() * 1000) // MINUTE_MS + 1
    return {each.key: each.count for each in worker.tally.boards["page"].top(end, 5, 9).items}


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_what_comes_in_is_counted_before_it_lands(tmp_path: Path) -> None:
    send(tmp_path, {"path": "/a"}, {"path": "/a"}, {"path": "b"}, {"path": "/c"})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {"/a": 2, "/c": 1}
    assert not (tmp_path / "lake").exists() or not list((tmp_path / "lake").rglob("*.parquet"))


def test_an_event_that_is_sent_again_counts_once_and_after_a_new_start_too(tmp_path: Path) -> None:
    view = {"path": "/a", "event_id": event_id(1)}
    send(tmp_path, view, view)
    with counting(tmp_path) as worker:
        worker.drain()
    send(tmp_path, view, {**view, "event_id": event_id(2)})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {"/a": 2}
        assert not any(worker.step(shard) for shard in worker.log.shards)


def test_of_a_view_that_comes_again_in_a_new_shard_the_first_counts(tmp_path: Path) -> None:
    again = event_id(1)
    for path in ("/a", "/b", "/first"):
        send(tmp_path, {"path": path, "event_id": again if path == "/first" else event_id(2)})
    send(tmp_path, {"path": "/again", "event_id": again}, shards=7)
    with counting(tmp_path) as worker:
        worker.context = replace(worker.context, limits=Limits(batch_records=1))
        assert len(worker.log.shards) > len(worker.due()) != 7
        worker.drain()
        assert pages(worker) == {"/a": 1, "/first": 1}
        assert len(worker.due()) == 7


def test_records_of_what_is_not_ranked_are_passed(tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    with writing(tmp_path, context()) as opened:
        opened.log.append([Incoming("app-log", "a", b"INFO x\n", now_ms)])
    send(tmp_path, {"path": "/a"})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {"/a": 1}


def test_what_was_erased_is_not_counted_when_counting_begins_anew(tmp_path: Path) -> None:
    kept, gone = "/a", "/users/203.0.113.9"
    send(tmp_path, {"path": kept, "event_id": event_id(1)}, {"path": gone, "event_id": event_id(2)})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {kept: 1, gone: 1}
    assert erased(tmp_path, "203.0.113.9").row_count == 1
    assert not list(tmp_path.glob("ranking.db*"))
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {kept: 1}


def flow_line(port: int) -> str:
    ended_s = int(time.time()) - 60
    return (
        f"2 123456789010 eni-1 10.0.0.1 10.0.0.2 {port} 443 6 10 100"
        f" {ended_s - 60} {ended_s} ACCEPT OK"
    )


def append(home: Path, *payloads: bytes, identity: str | None = None) -> None:
    now_ms = int(time.time() * 1000)
    some = [
        Incoming("vpc-flow", f"key {number}", payload, now_ms, identity)
        for number, payload in enumerate(payloads)
    ]
    with writing(home, context()) as opened:
        opened.log.append(some)


def talkers(worker: CountingWorker) -> dict[str, int]:
    end = int(time.time() * 1000) // MINUTE_MS + 1
    return {each.key: each.count for each in worker.tally.boards["talker"].top(end, 9, 9).items}


def remembered(worker: CountingWorker) -> int:
    return sum(len(ids) for _, ids in worker.tally.counters.seen(0, 0))


def test_an_event_of_cloudwatch_that_is_delivered_again_counts_once(tmp_path: Path) -> None:
    one, two = (log_event(flow_line(port), port) for port in (1, 2))
    append(tmp_path, envelope([one]), envelope([one, two]))
    with counting(tmp_path) as worker:
        worker.drain()
    append(tmp_path, envelope([two]))
    with counting(tmp_path) as worker:
        worker.drain()
        assert (talkers(worker), remembered(worker)) == ({"10.0.0.1": 200}, 2)


def test_lines_that_are_known_by_their_place_are_not_remembered(tmp_path: Path) -> None:
    body = "\n".join(map(flow_line, range(100))).encode()
    append(tmp_path, body, body)
    append(tmp_path, body, identity="request/0123456789abcdef0123456789abcdef")
    with counting(tmp_path) as worker:
        worker.drain()
        assert (talkers(worker), remembered(worker)) == ({"10.0.0.1": 30_000}, 0)


@pytest.mark.parametrize("identity", ["content/0123", "request/vpc-flow/a key"])
def test_lines_of_a_file_or_under_a_key_that_come_again_count_once(
    tmp_path: Path, identity: str
) -> None:
    for _ in range(2):
        append(tmp_path, flow_line(1).encode(), identity=identity)
    with counting(tmp_path) as worker:
        worker.drain()
        assert (talkers(worker), remembered(worker)) == ({"10.0.0.1": 100}, 1)
