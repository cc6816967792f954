"""An answer of a ranking stands until something more is counted."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import Request

from pipeline.beacon import Seen, lines_of
from pipeline.counters.answer import Asked, asked
from pipeline.counters.board import Counted
from pipeline.counters.file import NAME, CountersFile
from pipeline.counters.ports import Delta
from pipeline.errors import BackPressure, DeliveryError
from pipeline.home import Machine, writing
from pipeline.store import identity_of
from pipeline.stream.intake import Posted
from pipeline.stream.log import Incoming
from pipeline.web import ranking
from pipeline.web.counting import KEPT, KEPT_BYTES, Counting, Told
from pipeline.web.health import health
from pipeline.web.ranking import MOST_WAITING
from pipeline.web.reader import RANKINGS_AT_ONCE
from pipeline.web.server import running
from pipeline.web.state import ServerState
from pipeline.web.telling import CALM_S
from tests.counters.test_counters import of
from tests.homes import flow
from tests.processed import context
from tests.web.serving import PATIENCE_S, serving, until

NOW_S = 1_795_608_000.0


def test_an_answer_is_made_once_until_something_more_is_counted(tmp_path: Path) -> None:
    times = [NOW_S]
    lines = lines_of([{"path": "/a"}], Seen(int(NOW_S * 1000), "192.0.2.1", ""), b"k" * 32)
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: times[-1])) as state,
    ):
        usual, short = asked({}), asked({"k": "1"})
        until(lambda: state.counting().state == "running")
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
        until(lambda: state.counting().state == "running")
        first = state.ranking(asked({}))
        for number in range(KEPT):
            state.ranking(asked({"prefix": f"/{number}"}))
        assert state.ranking(asked({})) is not first


HUGE = "999999999999999999"


def ranked(state: ServerState, by: str) -> dict[str, int]:
    try:
        told = json.loads(state.ranking(asked({"by": by})).text)
    except DeliveryError:
        return {}
    return {each["key"]: each["count"] for each in told["items"]}


def test_bytes_beyond_all_numbers_stop_neither_counting_nor_the_next_start(tmp_path: Path) -> None:
    ended_s = int(NOW_S) - 30

    def post(state: ServerState, first: int) -> None:
        flows = [
            f"2 123456789010 eni-1 10.0.0.1 10.0.0.2 {first + port} 443 6 10 {HUGE}"
            f" {ended_s - 30} {ended_s} ACCEPT OK"
            for port in range(9)
        ]
        body = "\n".join(flows).encode()
        incoming = Incoming("vpc-flow", "vpc-flow", body, int(NOW_S * 1000))
        state.intake.submit(Posted(incoming)).result(20)

    machine = Machine(clock=lambda: NOW_S)
    for first in (0, 100, 200):
        with writing(tmp_path, context()), running(tmp_path, context(), machine) as state:
            post(state, first)
            until(lambda: ranked(state, "talker") == {"10.0.0.1": 2**53 - 1})
            post(state, first + 50)
            until(lambda: not state.intake.problem and state.counting().state == "running")


def _damage(home: Path, statement: str) -> None:
    with closing(CountersFile(home)) as counters:
        counters.add(Delta(0, "", "0", {"page": [of(int(NOW_S) // 60, a=1)]}))
        counters.connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    ["update count set count = 1e300", "drop table count", "pragma user_version = 9"],
)
def test_counters_that_cannot_be_read_begin_anew_and_it_is_said(
    tmp_path: Path, statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(tmp_path, statement)
    lines = lines_of([{"path": "/a"}], Seen(int(NOW_S * 1000), "192.0.2.1", ""), b"k" * 32)
    with (
        writing(tmp_path, context()),
        running(tmp_path, context(), Machine(clock=lambda: NOW_S)) as state,
    ):
        asyncio.run(state.views.take(lines))
        until(lambda: ranked(state, "page") == {"/a": 1})
    assert "rankings begin anew: " in capsys.readouterr().err


def test_counters_that_cannot_be_kept_are_told_once_and_records_land_meanwhile(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with serving(home) as served, served.client() as client:
        until(lambda: served.get("/v1/ranking").status_code == 200)
        with closing(sqlite3.connect(home / NAME, isolation_level=None)) as edit:
            edit.execute(
                "create trigger full before insert on place"
                " begin select raise(abort, 'database or disk is full'); end"
            )
            assert client.post("/v1/views", json={"path": "/x"}).status_code == 204
            until(lambda: served.get("/v1/health").status_code == 503)
            told = served.get("/v1/health").json()
            assert (told["status"], told["counting"]["state"]) == ("holding", "holding")
            assert "rankings stand still" in told["problem"]
            assert told["counting"]["holding_since"].endswith("Z")
            assert served.post(flow(1)).status_code == 202
            served.landed()
            edit.execute("drop trigger full")
        until(lambda: served.get("/v1/health").status_code == 200)
        until(lambda: served.get("/v1/ranking").json()["total"] == 1)
        until(lambda: "counting again" in served.said(), CALM_S + 30)
        assert served.said().count("counting holds: ") == 1


def test_a_server_takes_views_while_what_was_counted_is_still_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        assert served.end() == 0
    with closing(sqlite3.connect(home / NAME, isolation_level=None)) as other:
        # Who begins to count has to wait for this.
        other.execute("begin immediate")
        with serving(home) as served, served.client() as client:
            assert client.post("/v1/views", json={"path": "/x"}).status_code == 204
            refused = served.get("/v1/ranking")
            assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            assert refused.json()["error"]["what"] == "what was counted before is being read"
            told = served.get("/v1/health").json()
            assert (told["status"], told["counting"]["state"]) == ("ok", "reading")
            other.execute("rollback")
            until(lambda: served.get("/v1/ranking").status_code == 200)
            until(lambda: served.get("/v1/ranking").json()["total"] == 1)


def test_a_server_that_is_told_to_end_does_not_read_to_the_end(tmp_path: Path) -> None:
    minute, names = int(NOW_S) // 60, [f"/{number}" for number in range(300_000)]
    with closing(CountersFile(tmp_path)) as counters, writing(tmp_path, context()) as opened:
        counters.follow(identity_of(opened.store), 0)
        many = Counted(minute, names, np.zeros(len(names), np.int64), np.ones(len(names), np.int64))
        for number in range(4):
            delta = Delta(number, "", "0", {"page": [replace(many, minute=minute - number)]})
            assert counters.add(delta)
    counting = Counting(tmp_path, context(), lambda: NOW_S)
    counting.start()
    until(lambda: counting._counters is not None)
    begun = time.process_time()
    assert counting.stop(PATIENCE_S)
    # Read to the end it would take seconds.
    assert (counting._tally, time.process_time() - begun < 2) == (None, True)


class Broken:
    """Counters that a defect is in."""

    whole = True

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("a defect")


def test_a_defect_ends_counting_alone_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(tmp_path, context()), running(tmp_path, context()) as state:
        counting = state.counting.__closure__[0].cell_contents  # type: ignore[attr-defined]
        until(lambda: state.counting().state == "running")
        counting._tally.counters = Broken()
        lines = lines_of([{"path": "/a"}], Seen(int(NOW_S * 1000), "192.0.2.1", ""), b"k" * 32)
        asyncio.run(state.views.take(lines))
        until(lambda: state.counting().state == "stopped")
        assert (state.dead(), state.error()) == ("", None)
        status, told = health(state)
        assert (status, told["status"]) == (503, "stopped")
        assert "rankings stand still: RuntimeError: a defect" in told["problem"]
    assert "error: counting has ended: RuntimeError: a defect" in capsys.readouterr().err


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
