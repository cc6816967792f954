"""What saved queries say of page views is what the live ranking has counted, in both stores."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.beacon import SOURCE
from pipeline.consume.counting import CountingWorker
from pipeline.counters.file import CountersFile
from pipeline.counters.ports import Counters
from pipeline.counters.tally import Tally
from pipeline.errors import UsageError
from pipeline.home import writing
from pipeline.queries.reconciled import ROWS, Difference, Reconciled, closed, kept, reconciled
from pipeline.queries.runner import run
from pipeline.queries.window import Window
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log
from tests.counters.million import LATE_MS, Stream, stream_of
from tests.counters.stores import KINDS, store_of
from tests.counters.test_counters import delta, of
from tests.processed import context

NOW = datetime(2026, 11, 25, 12, 30, 20, tzinfo=UTC)


def streamed() -> Stream:
    """Without those that do not say when they were: come again, they are rows of their own."""
    views = stream_of(3_000, seed=4).views
    return Stream(views[views["tells_time"]])


def filled(home: Path, stream: Stream, counters: Counters) -> None:
    """A home in which a stream has landed, and counters that have counted it."""
    with writing(home, context()) as opened:
        opened.log.append(
            [
                Incoming(SOURCE, str(each.key), each.lines, each.arrival_ms, each.identity)
                for each in stream.posts()
            ]
        )
        opened.worker.drain()
    now_s = stream.end_ms / 1000
    with closing(Store(home, writer=True)) as store:
        tally = Tally(counters, lambda: now_s, answers=False)
        CountingWorker(Log(store), tally, context(), lambda: now_s).drain()


def compared(home: Path, counters: Counters, window: Window) -> Reconciled:
    def ask(name: str, params: Any, window: Window) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = run(
            name, params=params, window=window, home=home
        ).table.to_pylist()
        return rows

    return reconciled(counters, ask, window)


@pytest.mark.parametrize("kind", KINDS)
def test_they_agree_and_what_is_counted_twice_or_not_is_named(tmp_path: Path, kind: str) -> None:
    stream, store = streamed(), store_of(kind, tmp_path)
    filled(tmp_path, stream, store.open())
    once = stream.views[np.unique(stream.views["event"], return_index=True)[1]]
    late = int((once["arrival_ms"] - once["time_ms"] > LATE_MS).sum())
    now = datetime.fromtimestamp(stream.end_ms / 1000, UTC)
    found = compared(tmp_path, store.open(), kept(now))
    assert found == Reconciled(kept(now), len(once) - late, late, [])
    minute = stream.ends[50]
    more = of(minute, **{"/news/0": 2})
    assert store.open().add(delta("", "1", more, shard=9, minute=minute))
    first, second = compared(tmp_path, store.open(), kept(now)).differences
    assert first.where == f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert (second.where, second.counted - second.table) == ("/news/0", 2)


def test_pages_beyond_those_that_a_query_tells_are_seen_by_minute(tmp_path: Path) -> None:
    pages = [f"/{number}" for number in range(ROWS + 5)]
    counters, minute = CountersFile(tmp_path), int(NOW.timestamp()) // 60
    assert counters.add(delta("", "1", of(minute, **dict.fromkeys(pages, 1))))
    views = {"views": len(pages), "late": 0}
    told: dict[str, list[dict[str, Any]]] = {
        "page_trend": [{"bucket_start": NOW.replace(second=0, tzinfo=None), **views}],
        "top_pages": [{"page": page, "views": 1, "late": 0} for page in pages[:ROWS]],
        "referrers": [{"referrer_host": "", **views}],
    }
    assert reconciled(counters, lambda name, *_: told[name], kept(NOW)).agrees
    told["page_trend"][0]["views"] += 1
    found = reconciled(counters, lambda name, *_: told[name], kept(NOW)).differences
    assert [each.where for each in found] == ["2026-11-25T12:30:00Z", "all referrers"]


def test_only_minutes_are_closed_to_which_nothing_comes_any_more() -> None:
    window = kept(NOW)
    assert (NOW - window.from_time, window.to_time - NOW) == (
        timedelta(minutes=149, seconds=20),
        timedelta(minutes=10, seconds=40),
    )
    assert closed(window, NOW, 1).to_time == datetime(2026, 11, 25, 12, 14, tzinfo=UTC)
    recent = kept(NOW, NOW - timedelta(minutes=16, seconds=30))
    assert recent.from_time == datetime(2026, 11, 25, 12, 13, tzinfo=UTC)
    with pytest.raises(UsageError, match="no minute is closed"):
        closed(recent, NOW, 2)


def test_as_json_it_says_what_differs_and_where() -> None:
    window = Window(NOW, NOW + timedelta(minutes=1))
    found = Reconciled(window, 3, 1, (Difference("/a", 1, 2),))
    assert found.as_json() == {
        "agrees": False,
        "from": "2026-11-25T12:30:20Z",
        "to": "2026-11-25T12:31:20Z",
        "counted": 3,
        "late": 1,
        "differences": [{"where": "/a", "table": 1, "counted": 2}],
    }
