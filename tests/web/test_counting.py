"""An answer of a ranking stands until something more is counted."""

import asyncio
import json
import threading
from pathlib import Path

import pytest
from fastapi import Request

from pipeline.beacon import Seen, lines_of
from pipeline.counters.answer import Asked, asked
from pipeline.errors import BackPressure
from pipeline.home import Machine, writing
from pipeline.web import ranking
from pipeline.web.counting import KEPT, KEPT_BYTES, Told
from pipeline.web.health import health
from pipeline.web.ranking import MOST_WAITING
from pipeline.web.server import running
from pipeline.web.state import RANKINGS_AT_ONCE
from tests.processed import context
from tests.web.serving import until

NOW_S = 1_795_608_000.0


def test_an_answer_is_made_once_until_something_more_is_counted(tmp_path: Path) -> None:
    times = [NOW_S]
    lines = lines_of([{"path": "/a"}], Seen(int(NOW_S * 1000), "192.0.2.1", ""), b"k" * 32)
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: times[-1])) as state,
    ):
        usual, short = asked({}), asked({"k": "1"})
        first = state.ranking(usual)
        assert state.ranking(asked({})) is first
        assert state.ranking(short) is not first
        asyncio.run(state.views.take(lines))
        until(lambda: state.ranking(usual).etag != first.etag)
        counted = state.ranking(usual)
        assert [each["key"] for each in json.loads(counted.text)["items"]] == ["/a"]
        # Which is when it was given; the tag is not of that.
        times.append(NOW_S + 1)
        later = state.ranking(usual)
        assert (later is counted, later.text == counted.text) == (False, False)
        assert later.etag == counted.etag


def test_only_so_many_answers_are_kept(tmp_path: Path) -> None:
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: NOW_S)) as state,
    ):
        first = state.ranking(asked({}))
        for number in range(KEPT):
            state.ranking(asked({"prefix": f"/{number}"}))
        assert state.ranking(asked({})) is not first


def test_only_so_many_bytes_of_answers_are_kept(tmp_path: Path) -> None:
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: NOW_S)) as state,
    ):
        seen = Seen(int(NOW_S * 1000), "192.0.2.1", "")
        views = [{"path": f"/{number:<2000}"} for number in range(600)]
        asyncio.run(state.views.take(lines_of(views, seen, b"k" * 32)))
        usual = asked({"k": "1000"})
        until(lambda: len(json.loads(state.ranking(usual).text)["items"]) > 500)
        first = state.ranking(usual)
        assert state.ranking(usual) is first
        assert json.loads(first.text)["cut"]
        for number in range(KEPT_BYTES // len(first.text)):
            state.ranking(asked({"k": "1000", "window": f"{number + 11}m"}))
        assert state.ranking(usual) is not first


def test_who_asks_for_rankings_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    go_on = threading.Event()
    request = Request({"type": "http", "query_string": b"", "headers": []})

    def slow(asked: Asked) -> Told:
        assert go_on.wait(60)
        return Told((0, 0), b"{}", '"a"')

    async def ask() -> None:
        most = RANKINGS_AT_ONCE + MOST_WAITING
        some = [asyncio.create_task(ranking.answered(state, request)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(BackPressure, match="too many ask for rankings"):
            await ranking.answered(state, request)
        assert (await asyncio.wait_for(asyncio.to_thread(health, state), 30))[0] == 200
        go_on.set()
        assert {each.status_code for each in await asyncio.gather(*some)} == {200}
        assert (await ranking.answered(state, request)).status_code == 200

    with writing(tmp_path, context()), running(tmp_path, context()) as state:
        state.ranking = slow
        asyncio.run(ask())
