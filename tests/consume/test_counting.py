"""Counting beside the worker: at once, each event once, whoever dies."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.consume.counting import CountingWorker
from pipeline.counters.board import MINUTE_MS
from pipeline.counters.file import CountersFile
from pipeline.counters.tally import Tally
from pipeline.home import writing
from pipeline.ledger.erased import known
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log
from tests.erase.homes import erased
from tests.processed import context


@contextmanager
def counting(home: Path) -> Iterator[CountingWorker]:
    with closing(Store(home, writer=True)) as store, closing(CountersFile(home)) as counters:
        yield CountingWorker(Log(store), Tally(counters, time.time), context(), known(store))


def send(home: Path, *views: dict[str, object], shard: str = "a") -> None:
    now_ms = int(time.time() * 1000)
    lines = b"\n".join(json.dumps({"ts": now_ms, **view}).encode() for view in views)
    with writing(home, context()) as opened:
        opened.log.append([Incoming("page-view", shard, lines, now_ms)])


def pages(worker: CountingWorker) -> dict[str, int]:
    end = int(time.time() * 1000) // MINUTE_MS + 1
    return {each.key: each.count for each in worker.tally.boards["page"].top(end, 5, 9).items}


def event(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_what_comes_in_is_counted_before_it_lands(tmp_path: Path) -> None:
    send(tmp_path, {"path": "/a"}, {"path": "/a"}, {"path": "b"}, {"path": "/c"})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {"/a": 2, "/c": 1}
    assert not (tmp_path / "lake").exists() or not list((tmp_path / "lake").rglob("*.parquet"))


def test_an_event_that_is_sent_again_counts_once_and_after_a_new_start_too(tmp_path: Path) -> None:
    view = {"path": "/a", "event_id": event(1)}
    send(tmp_path, view, view)
    with counting(tmp_path) as worker:
        worker.drain()
    send(tmp_path, view, {**view, "event_id": event(2)})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {"/a": 2}
        assert not any(worker.step(shard) for shard in worker.log.shards)


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
    send(tmp_path, {"path": kept, "event_id": event(1)}, {"path": gone, "event_id": event(2)})
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {kept: 1, gone: 1}
    assert erased(tmp_path, "203.0.113.9").row_count == 1
    assert not list(tmp_path.glob("ranking.db*"))
    with counting(tmp_path) as worker:
        worker.drain()
        assert pages(worker) == {kept: 1}
