"""Rows of the fault matrix that belong to no room alone: calendars, clocks, crowds, long runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.home import Machine, audit_of, readable, writing
from pipeline.queries import Window, run
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS
from tests.homes import call, clean_environ, flow, numbers
from tests.homes import run as run_command
from tests.processed import context
from tests.queries.homes import bring, lines_at, moment

DAY_S = 86_400
# The last second of a year and the first of the next; the hour that clocks skip in Berlin, and the
# one that they show twice; a leap day.
MOMENTS = (
    *("2025-12-31T23:59:59", "2026-01-01T00:00:00", "2026-03-29T01:30:00"),
    *("2026-10-25T00:30:00", "2026-10-25T01:30:00", "2024-02-29T12:00:00"),
)
BY_DAY = "select dt, count(*) as events from vpc_flow group by dt order by dt"
LONG_RUN = """
import os, sys
from pathlib import Path
from pipeline.home import writing
from pipeline.stream.log import Incoming
from tests.homes import flow
from tests.processed import context

PAGE = os.sysconf("SC_PAGE_SIZE")

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

with writing(Path(sys.argv[1]), context()) as opened:
    for number in range(600):
        payload = b"".join(flow(number) for _ in range(200)) + b"bad\\n"
        opened.log.append([Incoming("vpc-flow", str(number), payload, 1_795_615_200_250)])
        opened.worker.drain()
        if number == 200:
            before = resident()
    print(resident() - before)
"""


@pytest.mark.fault("F23")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
def test_a_day_is_that_of_utc_wherever_the_machine_stands(tmp_path: Path, zone: str) -> None:
    lines = b"".join(flow(at, int(moment(each).timestamp())) for at, each in enumerate(MOMENTS))
    with writing(tmp_path, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", lines, ARRIVAL_MS)])
        opened.worker.drain()
    words = ("query", "--sql", BY_DAY, "--output", "json", "--home", str(tmp_path))
    found = json.loads(run_command(*words, TZ=zone).out)
    days = sorted(each[:10] for each in MOMENTS)
    assert found["rows"] == [[day, days.count(day)] for day in dict.fromkeys(days)]


@pytest.mark.fault("F23")
@pytest.mark.parametrize("off_s", [-DAY_S, DAY_S])
def test_a_clock_that_is_a_day_off_loses_and_doubles_nothing(tmp_path: Path, off_s: int) -> None:
    off = Machine(clock=lambda: ARRIVAL_MS / 1000 + off_s)
    for machine, number in ((Machine(), 1), (off, 2), (Machine(), 3), (off, 4)):
        with writing(tmp_path, context(), machine=machine) as opened:
            opened.worker.drain()
            opened.log.append([Incoming("vpc-flow", str(number), flow(number), ARRIVAL_MS)])
    with writing(tmp_path, context(), machine=off) as opened:
        opened.worker.drain()
    assert numbers(tmp_path) == [1, 2, 3, 4]
    with readable(tmp_path) as beside:
        assert audit_of(beside).balanced


HOUR = Window(moment("2026-11-25T14:00"), moment("2026-11-25T15:00"))


@pytest.mark.fault("F32")
def test_a_crowd_at_one_key_and_ties_have_one_order(tmp_path: Path) -> None:
    crowd = "1 eni-a 10.0.0.1 10.9.9.9 1 443 6 1 100 14:00:01 ACCEPT OK egress\n" * 90
    ties = "".join(
        f"1 eni-a 10.0.0.{at} 10.9.9.9 1 443 6 1 100 14:00:02 ACCEPT OK egress\n"
        for at in (9, 3, 7, 5, 2)
    )
    bring(tmp_path, lines_at(crowd + ties), arrival="2026-11-25T14:30:00")
    for again in range(3):
        answer = run("top_talkers", home=tmp_path, window=HOUR, now=HOUR.to_time)
        keys = [row[0] for row in answer.rows()]
        assert keys == ["10.0.0.1", *(f"10.0.0.{at}" for at in (2, 3, 5, 7, 9))], again
        assert answer.rows()[0][-1] == pytest.approx(90 / 95)


@pytest.mark.fault("F32")
def test_an_hour_without_anything_is_empty_and_no_error(tmp_path: Path) -> None:
    nothing = "1 eni-a 10.0.0.1 10.9.9.9 1 443 6 0 0 14:00:01 ACCEPT OK egress\n"
    bring(tmp_path, lines_at(nothing), arrival="2026-11-25T14:30:00")
    (row,) = run("top_talkers", home=tmp_path, window=HOUR, now=HOUR.to_time).rows()
    assert row[-1] is None  # a share of nothing
    ran = call(
        "query", "top_talkers", "--from", "2020-01-01", "--to", "2020-01-02", "--home", tmp_path
    )
    assert ran.code == 0


@pytest.mark.slow
@pytest.mark.fault("F35")
def test_memory_stays_as_it_is_over_many_batches(tmp_path: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell the memory of a process")
    done = subprocess.run(
        [sys.executable, "-c", LONG_RUN, tmp_path],
        capture_output=True,
        env=clean_environ() | {"PYTHONPATH": str(Path(__file__).parents[1])},
        check=True,
        timeout=120,
    )
    assert int(done.stdout) < 16 << 20
