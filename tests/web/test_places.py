"""No answer tells where on its machine the home lies."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.web.places import shown
from tests.homes import flow, lake_files
from tests.lake.days import bring
from tests.web.serving import Served, serving, until


@contextmanager
def editing(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(home / "log.db", isolation_level=None)) as edit:
        yield edit


def told(served: Served, path: str) -> str:
    return served.get(path).text


@pytest.mark.fault("F25")
def test_a_full_disk_is_told_without_the_path_of_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served, editing(home) as edit:
        edit.execute(
            "create trigger full before insert on record"
            " begin select raise(abort, 'database or disk is full'); end"
        )
        response = served.post(flow(1))
        assert response.status_code == 503
        said = response.json()["error"]
        assert (said["what"], said["where"]) == (
            "log.db cannot be written: database or disk is full",
            "at log.db",
        )
        assert str(tmp_path) not in told(served, "/v1/health")


@pytest.mark.fault("F25")
def test_a_lake_that_cannot_be_written_is_told_without_the_path(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        (home / "lake").write_text("in the way")
        assert served.post(flow(1)).status_code == 202
        until(lambda: served.get("/v1/health").status_code == 503)
        found = served.get("/v1/health").json()
        assert "cannot be written" in found["worker"]["problem"]
        assert str(tmp_path) not in told(served, "/v1/health")
        response = served.get("/v1/queries/top_talkers")
        assert str(tmp_path) not in response.text


@pytest.mark.fault("F25")
def test_a_damaged_file_is_told_without_the_path(tmp_path: Path) -> None:
    home = tmp_path / "home"
    bring(home, 1)
    (landed,) = [path for path in lake_files(home) if "vpc_flow" in path.as_posix()]
    landed.write_bytes(b"PAR1 damaged")
    with serving(home, TAILRACE_LIMITS_COMPACT_SECONDS="1") as served:
        response = served.get("/v1/queries/traffic_by_action?since=30d")
        assert str(tmp_path) not in response.text
        until(lambda: served.get("/v1/health").json()["compaction"]["problem"] != "")
        assert str(tmp_path) not in told(served, "/v1/health")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at /srv/a b/home/log.db", "at log.db"),
        ("in /srv/a b/home", "in the home"),
        ("in /srv/a b/home/, day 2026-11-25", "in the home, day 2026-11-25"),
        ("No space left: '/srv/a b/home/lake/x.parquet'", "No space left: 'lake/x.parquet'"),
        ("[Errno 13] denied: '/etc/nets.csv'", "[Errno 13] denied: 'nets.csv'"),
        (
            "at https://example.com/a/b, 1/2 and and/or",
            "at https://example.com/a/b, 1/2 and and/or",
        ),
        ("in lake/vpc_flow/dt=2026-11-25", "in lake/vpc_flow/dt=2026-11-25"),
    ],
)
def test_paths_are_shown_from_the_home_on(text: str, expected: str) -> None:
    assert shown(text, Path("/srv/a b/home")) == expected
