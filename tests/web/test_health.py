"""GET /v1/health, and what is taken while nothing lands."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.home import Machine, writing
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.intake import Intake, Posted, Retention
from pipeline.stream.log import Incoming, Log
from pipeline.web.consumer import refusal_of
from pipeline.web.health import health
from pipeline.web.server import running
from pipeline.web.state import CompactionState, ServerState, WorkerState
from pipeline.web.telling import CALM_S, Turns
from tests.homes import flow, numbers
from tests.processed import context
from tests.web.clients import audited
from tests.web.serving import PATIENCE_S, serving, until


def test_a_server_in_health_says_who_and_how(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as served:
        empty = served.get("/v1/health").json()
        served.post(flow(1))
        served.landed()
        response = served.get("/v1/health")
        pid = served.process.pid
    assert response.status_code == 200
    told = response.json()
    assert (told["status"], told["version"], told["pid"]) == ("ok", __version__, pid)
    assert told["worker"]["state"] == "running"
    assert told["backlog"] == {"records": 0, "oldest_age_s": None}
    assert empty["worker"]["last_landed"] is None
    assert told["worker"]["last_landed"].endswith("Z")


@pytest.mark.fault("F25")
def test_a_failing_sink_is_told_and_what_is_taken_meanwhile_lands_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        (home / "lake").write_text("in the way")
        assert served.post(flow(1)).status_code == 202
        until(lambda: served.get("/v1/health").status_code == 503)
        assert served.post(flow(2)).status_code == 202
        told = served.get("/v1/health").json()
        assert told["status"] == told["worker"]["state"] == "holding"
        assert told["worker"]["holding_since"].endswith("Z")
        assert "cannot be written" in told["worker"]["problem"]
        assert told["backlog"]["records"] == 2
        assert told["backlog"]["oldest_age_s"] >= 0
        (home / "lake").unlink()
        until(lambda: served.get("/v1/health").status_code == 200)
        served.landed()
        until(lambda: "landing again" in served.said())
        assert served.end() == 0
        (_, holding, again, ended) = served.said().splitlines()
        assert holding.startswith("holding: ")
        assert "cannot be written" in holding
        assert (again, ended) == ("landing again", "ended: 2 rows, 0 refused")
    assert numbers(home) == [1, 2]


def test_turns_are_told_once_however_much_fails_meanwhile() -> None:
    told: list[str] = []
    now = [0.0]
    turns = Turns(told.append, lambda: now[0])
    for problem in ("", "full", "full", "", "full", "", "full", ""):
        turns.look(problem)
        now[0] += 1
    assert told == ["holding: full"]
    now[0] += CALM_S
    turns.look("")
    turns.look("")
    assert told == ["holding: full", "landing again"]
    turns.look("full again")
    assert told[2:] == ["holding: full again"]


@pytest.mark.fault("F2")
def test_what_comes_is_refused_when_nothing_has_landed_for_hours() -> None:
    limits, since_ms = Limits(age_hours=6), 1_000_000
    state = WorkerState("holding", since_ms, "the disk is full")
    assert refusal_of(state, limits, since_ms + 6 * 3_600_000 - 1) is None
    assert refusal_of(WorkerState("running"), limits, since_ms + 6 * 3_600_000) is None
    refusal = refusal_of(state, limits, since_ms + 6 * 3_600_000)
    assert refusal is not None
    assert (refusal.what, refusal.where) == (
        "nothing has landed for 6 hours",
        "the disk is full",
    )


@pytest.mark.fault("F2")
def test_a_full_log_is_answered_with_when_to_try_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, TAILRACE_LIMITS_RETENTION_BYTES="1000") as served:
        (home / "lake").write_text("in the way")
        sent = 0
        while (response := served.post(flow(sent + 1))).status_code == 202:
            sent += 1
            assert sent < 10_000
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["error"]["what"] == "the log is full"
        (home / "lake").unlink()
        until(lambda: served.post(flow(sent + 1)).status_code == 202)
        served.landed()
    assert numbers(home) == list(range(1, sent + 2))


@pytest.mark.fault("F25")
def test_a_log_that_cannot_be_written_is_answered_with_503(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        assert served.post(flow(1)).status_code == 202
        served.landed()
        edit = sqlite3.connect(home / "log.db", isolation_level=None)
        edit.execute("alter table request rename to hidden")
        response = served.post(flow(2), Idempotency_Key="a")
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert "cannot be written" in response.json()["error"]["what"]
        edit.execute("alter table hidden rename to request")
        edit.close()
        assert served.post(flow(2), Idempotency_Key="a").status_code == 202
        served.landed()
    assert numbers(home) == [1, 2]


@pytest.mark.fault("F25")
def test_a_log_that_takes_nothing_is_told_until_it_takes_again_by_itself(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        assert served.post(flow(1)).status_code == 202
        served.landed()
        with closing(sqlite3.connect(home / "log.db", isolation_level=None)) as edit:
            edit.execute(
                "create trigger full before insert on record"
                " begin select raise(abort, 'database or disk is full'); end"
            )
            assert served.post(flow(2)).status_code == 503
            response = served.get("/v1/health")
            told = response.json()
            assert (response.status_code, told["status"]) == (503, "holding")
            assert "database or disk is full" in told["problem"]
            assert told["intake"]["problem"] == told["problem"]
            assert told["intake"]["failing_since"].endswith("Z")
            assert told["worker"]["state"] == "running"
            edit.execute("drop trigger full")
        until(lambda: served.get("/v1/health").status_code == 200)
        told = served.get("/v1/health").json()
        assert told["intake"] == {"failing_since": None, "problem": ""}
        assert (told["status"], told["problem"]) == ("ok", "")
        assert told["backlog"]["records"] == 0
        assert served.post(flow(2)).status_code == 202
        served.landed()
        assert audited(home)
    assert numbers(home) == [1, 2]


NOW_S = 1_795_615_200.0
LIMITS = Limits(flush_seconds=1)


@dataclass
class Standing:
    """The state of a server whose worker says that it runs; `age_s`: of the only record."""

    home: Path
    age_s: float
    started_s: float = NOW_S - 3_600
    landed_s: float | None = None
    tick: float = 0.0

    def state(self) -> ServerState:
        with closing(Store(self.home, writer=True)) as store:
            arrival_ms = int((NOW_S - self.age_s) * 1000)
            Log(store).append([Incoming("vpc-flow", "a", flow(1), arrival_ms)])
        landed_ms = None if self.landed_s is None else int(self.landed_s * 1000)
        made = ServerState(
            self.home,
            LIMITS,
            Intake(self.home, Retention(1 << 30, 24)),
            lambda: WorkerState("running", landed_ms=landed_ms),
            CompactionState,
            clock=lambda: NOW_S,
            ticks=lambda: self.tick,
        )
        made.started_ms = int(self.started_s * 1000)
        return made


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        ({"age_s": 20.0}, ""),
        ({"age_s": 20.6}, "the record that has waited longest has not landed for 21 s"),
        ({"age_s": 600.0, "landed_s": NOW_S - 1}, ""),
        ({"age_s": 600.0, "landed_s": NOW_S - 60}, "has not landed for 60 s"),
        ({"age_s": 600.0, "started_s": NOW_S - 5}, ""),
    ],
)
def test_landing_that_stands_still_is_told_whatever_the_worker_says(
    tmp_path: Path, standing: dict[str, float], said: str
) -> None:
    status, told = health(Standing(tmp_path, **standing).state())
    assert (status, told["status"]) == ((503, "holding") if said else (200, "ok"))
    assert said in told["problem"]
    assert bool(told["problem"]) == bool(said)


def test_a_record_that_others_overtake_for_long_is_told(tmp_path: Path) -> None:
    overtaken = Standing(tmp_path, age_s=600, landed_s=NOW_S)
    state = overtaken.state()
    assert health(state)[0] == 200
    overtaken.tick = 20.0
    assert health(state)[0] == 200
    overtaken.tick = 21.0
    status, told = health(state)
    assert (status, told["worker"]["state"]) == (503, "running")
    assert told["problem"] == "the record that has waited longest has not landed for 21 s"


def test_a_server_lands_by_the_clock_that_it_is_given(tmp_path: Path) -> None:
    given, times = context(), [NOW_S]
    with (
        writing(tmp_path, given) as home,
        running(tmp_path, given, Machine(clock=lambda: times[-1])) as state,
    ):
        record = Incoming("vpc-flow", "a", flow(1), int(NOW_S * 1000))
        state.intake.submit(Posted(record)).result(PATIENCE_S)
        times.append(NOW_S + 5)
        until(lambda: state.worker().landed_ms is not None)
        assert state.started_ms == NOW_S * 1000
        assert state.worker().landed_ms in (NOW_S * 1000, (NOW_S + 5) * 1000)
        # What empties the stream is the thread's worker alone.
        assert "worker" not in vars(home)
    assert state.ended
