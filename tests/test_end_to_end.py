"""The command from outside: known sums come back, also after kill -9 at any moment."""

import json
import random
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.carriers import gzipped
from tests.homes import COMMAND, clean_environ, files_under, run, written

START = 1_418_515_200  # 2014-12-14T00:00:00Z
DAY = ["--from", "2014-12-14", "--to", "2014-12-15"]
SUMS = (
    "SELECT count(*), sum(bytes), sum(packets), count(DISTINCT srcaddr),"
    " count(CASE WHEN action = 'REJECT' THEN 1 END) FROM vpc_flow"
)


def lines_of(count: int, seed: int) -> list[str]:
    """Version 2 lines of one day; one in a thousand is broken."""
    dice = random.Random(seed)
    lines = []
    for _ in range(count):
        end = START + dice.randrange(86_400)
        source = f"10.{dice.randrange(4)}.{dice.randrange(8)}.{dice.randrange(1, 255)}"
        status = dice.choice(("ACCEPT OK", "ACCEPT OK", "REJECT OK"))
        size = dice.randrange(40, 10**6)
        packets = dice.randrange(1, 1_000) if dice.random() > 0.001 else "many"
        lines.append(
            f"2 123456789010 eni-1235b8ca123456789 {source} 172.31.16.21 {dice.randrange(65536)}"
            f" 443 6 {packets} {size} {end - 60} {end} {status}"
        )
    return lines


def sums_of(lines: list[str]) -> list[int]:
    """What SUMS must answer, counted from the text."""
    good = [words for words in map(str.split, lines) if words[8] != "many"]
    return [
        len(good),
        sum(int(words[9]) for words in good),
        sum(int(words[8]) for words in good),
        len({words[3] for words in good}),
        sum(words[12] == "REJECT" for words in good),
    ]


def answer(home: Path, *words: str) -> list[list[Any]]:
    ran = run("query", *words, "--output", "json", "--home", home)
    assert ran.code == 0, ran.err
    rows: list[list[Any]] = json.loads(ran.out)["rows"]
    return rows


def audited(home: Path) -> tuple[list[int], list[dict[str, Any]]]:
    """Events in, rows and rejected over all hours, and what unbalances."""
    ran = run("audit", "--json", "--home", home)
    found = json.loads(ran.out)
    assert ran.code == (0 if found["balanced"] else 1)
    names = ("events_in", "rows", "rejected")
    sums = [sum(hour[name] for hour in found["hours"]) for name in names]
    return sums, [finding for finding in found["findings"] if finding["unbalances"]]


@pytest.mark.slow
def test_a_file_of_known_sums_gives_these_sums(tmp_path: Path) -> None:
    home, lines = tmp_path / "home", lines_of(5_000, seed=1)
    path = written(tmp_path / "flows.log.gz", gzipped("\n".join(lines).encode()))
    ran = run("ingest", "vpc-flow", path, "--home", home)
    expected = sums_of(lines)
    rejected = 5_000 - expected[0]
    assert rejected > 0
    assert f"rows={expected[0]} rejected={rejected} dropped=0 in " in ran.err
    assert answer(home, "--sql", SUMS) == [expected]
    assert audited(home) == ([5_000, expected[0], rejected], [])
    top = answer(home, "top_talkers", *DAY, "-p", "top=10000")
    talkers: dict[str, int] = {}
    for words in map(str.split, lines):
        if words[12] == "ACCEPT" and words[8] != "many":
            talkers[words[3]] = talkers.get(words[3], 0) + int(words[9])
    assert {row[0]: row[4] for row in top} == talkers
    assert [row[0] for row in top] == sorted(talkers, key=lambda t: (-talkers[t], t))


def done_bytes(home: Path) -> int:
    """How much of the file the stream has taken so far; 0 where nothing can be read yet."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'log.db'}?mode=ro", uri=True)) as connection:
            return int(connection.execute("select sum(done_bytes) from input").fetchone()[0] or 0)
    except sqlite3.Error:
        return 0


def kill_when(process: "subprocess.Popen[bytes]", home: Path, reached: int, then_s: float) -> bool:
    """Kill a process a moment after so much was taken; false when it had ended before."""
    deadline = time.monotonic() + 60
    while done_bytes(home) < reached and not ended(process, 0.02):
        assert time.monotonic() < deadline
    if ended(process, then_s):
        return False
    process.kill()
    process.wait()
    return True


def ended(process: "subprocess.Popen[bytes]", within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.slow
@pytest.mark.fault("F7")
def test_kills_at_any_moment_change_no_sum(tmp_path: Path) -> None:
    home, lines = tmp_path / "home", lines_of(100_000, seed=2)
    text = "\n".join(lines).encode()
    path = written(tmp_path / "flows.log.gz", gzipped(text))
    command = [COMMAND, "ingest", "vpc-flow", path, "--home", home]
    environ = clean_environ() | {"TAILRACE_LIMITS_SLICE_BYTES": "200000"}
    dice = random.Random(3)
    killed = 0
    for number in range(8):
        process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        # Most of the way through the file; the first one before anything was taken.
        killed += kill_when(process, home, number * len(text) // 10, dice.random() / 20)
    assert killed >= 6
    last = run(*command[1:], TAILRACE_LIMITS_SLICE_BYTES="300000")
    assert last.code == 0, last.err
    expected = sums_of(lines)
    assert answer(home, "--sql", SUMS) == [expected]
    assert audited(home) == ([100_000, expected[0], 100_000 - expected[0]], [])
    assert [name for name in files_under(home) if name.endswith(".tmp")] == []
    again = run(*command[1:])
    assert "nothing new" in again.err
    assert answer(home, "--sql", SUMS) == [expected]


@pytest.mark.slow
@pytest.mark.fault("F25")
def test_a_full_disk_ends_with_one_and_the_next_run_completes(tmp_path: Path) -> None:
    home, lines = tmp_path / "home", lines_of(20_000, seed=4)
    path = written(tmp_path / "flows.log", "\n".join(lines).encode())
    command = [COMMAND, "ingest", "vpc-flow", path, "--home", home]
    # No file may grow beyond 200 or 400 kB, by the shell: that is how a full disk looks.
    full = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 400; exec "$@"', "sh", *command],
        capture_output=True,
        env=clean_environ() | {"TAILRACE_LIMITS_SINK_PATIENCE_S": "1"},
        check=False,
    )
    assert full.returncode == 1
    assert full.stderr.startswith(b"error: ")
    assert b"free some space" in full.stderr
    assert run(*command[1:]).code == 0
    expected = sums_of(lines)
    assert answer(home, "--sql", SUMS) == [expected]
    assert audited(home) == ([20_000, expected[0], 20_000 - expected[0]], [])
