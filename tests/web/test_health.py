"""GET /v1/health, and what is taken while nothing lands."""

import sqlite3
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.settings import Limits
from pipeline.web.consumer import refusal_of
from pipeline.web.house import WorkerState
from tests.homes import flow, numbers
from tests.web.serving import serving, until


def test_a_server_in_health_says_who_and_how(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as running:
        empty = running.get("/v1/health").json()
        running.post(flow(1))
        running.landed()
        response = running.get("/v1/health")
        pid = running.process.pid
    assert response.status_code == 200
    health = response.json()
    assert (health["status"], health["version"], health["pid"]) == ("ok", __version__, pid)
    assert health["worker"]["state"] == "running"
    assert health["backlog"] == {"records": 0, "oldest_age_s": None}
    assert empty["worker"]["last_landed"] is None
    assert health["worker"]["last_landed"].endswith("Z")


@pytest.mark.fault("F25")
def test_a_failing_sink_is_told_and_what_is_taken_meanwhile_lands_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        (home / "lake").write_text("in the way")
        assert running.post(flow(1)).status_code == 202
        until(lambda: running.get("/v1/health").status_code == 503)
        assert running.post(flow(2)).status_code == 202
        health = running.get("/v1/health").json()
        assert health["status"] == health["worker"]["state"] == "holding"
        assert health["worker"]["holding_since"].endswith("Z")
        assert "cannot be written" in health["worker"]["problem"]
        assert health["backlog"]["records"] == 2
        assert health["backlog"]["oldest_age_s"] >= 0
        (home / "lake").unlink()
        until(lambda: running.get("/v1/health").status_code == 200)
        running.landed()
    assert numbers(home) == [1, 2]


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
    with serving(home, TAILRACE_LIMITS_RETENTION_BYTES="1000") as running:
        (home / "lake").write_text("in the way")
        sent = 0
        while (response := running.post(flow(sent + 1))).status_code == 202:
            sent += 1
            assert sent < 10_000
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["error"]["what"] == "the log is full"
        (home / "lake").unlink()
        until(lambda: running.post(flow(sent + 1)).status_code == 202)
        running.landed()
    assert numbers(home) == list(range(1, sent + 2))


@pytest.mark.fault("F25")
def test_a_log_that_cannot_be_written_is_answered_with_503(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running:
        assert running.post(flow(1)).status_code == 202
        running.landed()
        edit = sqlite3.connect(home / "log.db", isolation_level=None)
        edit.execute("alter table request rename to hidden")
        response = running.post(flow(2), Idempotency_Key="a")
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert "cannot be written" in response.json()["error"]["what"]
        edit.execute("alter table hidden rename to request")
        edit.close()
        assert running.post(flow(2), Idempotency_Key="a").status_code == 202
        running.landed()
    assert numbers(home) == [1, 2]
