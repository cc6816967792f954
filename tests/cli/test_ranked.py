"""tailrace audit --ranking: the live ranking beside the table, after a real run."""

import json
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

from tests.homes import Ran, call
from tests.web.serving import Served, serving, until


def view(path: str, late_s: int = 0) -> dict[str, object]:
    return {
        "path": path,
        "ts": int((time.time() - late_s) * 1000),
        "event_id": str(uuid4()),
        "referrer": "https://example.org/",
    }


def sent(server: Served) -> None:
    again = view("/a", late_s=300)
    views = [again, view("/a", late_s=60), view("/b"), view("/style.css"), view("/b", 1_000), again]
    with server.client() as client:
        assert client.post("/v1/views", json=views).status_code == 204
    until(lambda: server.get("/v1/ranking").json()["total"] == 4)
    server.landed()


def ranked(home: Path, *words: str) -> Ran:
    return call("audit", "--ranking", "--home", home, *words)


def test_after_a_run_they_agree_and_a_planted_difference_is_named(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        sent(server)
        ran = ranked(tmp_path)
        assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("✓ 4 views in the ranking, ")
    assert "; 1 view came too late for it: the table holds the same\n" in ran.out
    with sqlite3.connect(tmp_path / "ranking.db") as ranking:
        ranking.execute("update count set count = count + 1 where key = '/b'")
    ran = ranked(tmp_path)
    assert ran.code == 1
    assert [
        line.split()[-3:] for line in ran.out.splitlines() if line.lstrip().startswith("/b")
    ] == [["1", "2", "+1"]]
    found = json.loads(ranked(tmp_path, "--json").out)
    assert (found["agrees"], found["counted"], found["late"]) == (False, 5, 1)
    assert found["differences"][-1] == {"where": "/b", "table": 1, "counted": 2}


def test_what_nobody_has_counted_is_said(tmp_path: Path) -> None:
    lines = tmp_path / "views.jsonl"
    lines.write_text(json.dumps(view("/a")))
    home = tmp_path / "home"
    assert call("ingest", "page-view", lines, "--home", home).code == 0
    ran = ranked(home)
    assert (ran.code, ran.err.splitlines()[0]) == (3, "error: nothing is counted yet")
    with serving(home) as server:
        until(lambda: server.get("/v1/ranking").json()["total"] == 1)
    lines.write_text(json.dumps(view("/b")))
    assert call("ingest", "page-view", lines, "--home", home).code == 0
    ran = ranked(home)
    assert (ran.code, ran.err.splitlines()) == (
        0,
        ["note: something waits to be landed or counted: only minutes that are over are compared"],
    )
    assert ran.out.startswith("✓ 0 views in the ranking")
