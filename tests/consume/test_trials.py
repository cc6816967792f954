"""Attempts outlast the process; a record that takes the process with it does not block the home."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.deliver.lake import LakeSink
from pipeline.errors import DeliveryError
from pipeline.home import WritingHome, audit_of, writing
from pipeline.schema import Table
from pipeline.settings import Limits
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.consume.dying import DEADLY
from tests.consume.test_worker import POISON, checked, failed, fragile, send
from tests.homes import ask, clean_environ, flow, numbers, written
from tests.processed import context

ROOT = Path(__file__).parents[2]
FATAL = Limits().fatal_attempts


class Crash(BaseException):
    """The process ends here: nothing of it runs any more, so nothing may catch this."""


class Crashing(LakeSink):
    """Writes what it is given, and then the process ends."""

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        super().write(table, rows, records)
        raise Crash


@contextmanager
def dying(folder: Path) -> Iterator[WritingHome]:
    """A home whose process ends inside."""
    with suppress(Crash), writing(folder, context()) as opened:
        opened.worker.clock = lambda: ARRIVAL_MS / 1000
        yield opened
        raise AssertionError("the process lives")


def die_with_a_batch_in_hand(folder: Path) -> None:
    with dying(folder) as opened:
        opened.worker.sink = Crashing(folder / "lake")
        opened.worker.drain()


def filled(folder: Path, *payloads: bytes) -> None:
    with writing(folder, context()) as opened:
        send(opened, *payloads)


def notes(folder: Path) -> tuple[int, int]:
    """Rows of `trial` and of `running` after a clean end."""
    with writing(folder, context()):
        pass
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        trials, running = (
            connection.execute(f"select count(*) from {name}").fetchone()[0]  # noqa: S608 - own words
            for name in ("trial", "running")
        )
    return trials, running


def kills_until_drained(folder: Path, most: int) -> int:
    """Start the deadly process again until it lives; returns how often it was killed."""
    for killed in range(most):
        ended = subprocess.run(
            [sys.executable, "-m", "tests.consume.dying", folder],
            cwd=ROOT,
            env=clean_environ() | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            timeout=60,
            check=False,
        )
        if ended.returncode == 0:
            return killed
        assert ended.returncode == -signal.SIGKILL
    raise AssertionError(f"still killed after {most} starts")


@pytest.mark.slow
@pytest.mark.fault("F6", "F7")
@pytest.mark.parametrize(
    ("deadly", "of"), [((0,), 1), ((0,), 5), ((2,), 5), ((4,), 5), ((1, 3), 5)]
)
def test_a_record_that_kills_its_process_is_set_aside_and_its_neighbours_land(
    tmp_path: Path, deadly: tuple[int, ...], of: int
) -> None:
    filled(tmp_path, *(flow(DEADLY + n if n in deadly else n) for n in range(of)))
    # One that nobody noted, the halving, and for each record the ends that it is allowed.
    assert kills_until_drained(tmp_path, 20) <= 1 + (3 + FATAL) * len(deadly)
    with writing(tmp_path, context()) as opened:
        assert opened.log.backlog() == 0
        assert checked(opened).hours[0].rejected == len(deadly)
    assert numbers(tmp_path) == [n for n in range(of) if n not in deadly]
    assert [each["reasons"] for each in failed(tmp_path)] == [{"failed": 1}] * len(deadly)
    details = {row[0] for row in ask(tmp_path, "select detail from reject", "reject")}
    assert details == {f"the process ended {FATAL} times while it was processed"}
    assert notes(tmp_path) == (0, 0)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("before", [1, 2])
def test_attempts_outlast_a_restart(tmp_path: Path, before: int) -> None:
    limits = Limits(attempts=3)
    with fragile(tmp_path, limits) as opened:
        send(opened, flow(POISON))
        shard = opened.store.rows("select shard from record")[0]["shard"]
        for _ in range(before):
            opened.worker.step(shard)
        assert opened.log.backlog() == 1
    with fragile(tmp_path, limits) as opened:
        opened.worker.drain()
        assert opened.worker.sink.calls == 3 - before  # type: ignore[attr-defined]
        checked(opened)
    assert len(failed(tmp_path)) == 1
    assert notes(tmp_path) == (0, 0)


@pytest.mark.fault("F7")
def test_a_good_record_lands_though_the_process_died_with_it_again_and_again(
    tmp_path: Path,
) -> None:
    filled(tmp_path, flow(1))
    for _ in range(FATAL):  # the first of them nobody has noted
        die_with_a_batch_in_hand(tmp_path)
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
        checked(opened)
    assert (numbers(tmp_path), failed(tmp_path)) == ([1], [])
    assert notes(tmp_path) == (0, 0)


@pytest.mark.fault("F6", "F7")
def test_the_process_ends_no_more_often_than_the_settings_say(tmp_path: Path) -> None:
    filled(tmp_path, flow(1))
    for _ in range(FATAL + 1):
        die_with_a_batch_in_hand(tmp_path)
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
        found = audit_of(opened)
    # What the dead processes have written is no part of the lake, and named.
    assert (found.balanced, [each.kind for each in found.findings]) == (True, ["stray_file"])
    assert (numbers(tmp_path), len(failed(tmp_path))) == ([], 1)


@pytest.mark.fault("F2", "F7")
def test_a_process_killed_while_its_sink_fails_sets_nothing_aside(tmp_path: Path) -> None:
    filled(tmp_path, flow(1))
    die_with_a_batch_in_hand(tmp_path)
    aside = (tmp_path / "lake").rename(tmp_path / "aside")
    obstacle = written(tmp_path / "lake", b"in the way")
    for _ in range(3 * FATAL):
        with dying(tmp_path) as opened:
            with suppress(DeliveryError):
                opened.worker.step(opened.store.rows("select shard from record")[0]["shard"])
            assert list(opened.worker.holding)
            raise Crash
    obstacle.unlink()
    aside.rename(tmp_path / "lake")
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
        checked(opened)
    assert (numbers(tmp_path), failed(tmp_path)) == ([1], [])


@pytest.mark.fault("F7")
def test_an_idle_process_that_is_killed_puts_nothing_on_trial(tmp_path: Path) -> None:
    filled(tmp_path, flow(1))
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
    for _ in range(FATAL + 1):
        with dying(tmp_path):
            raise Crash
    with writing(tmp_path, context()) as opened:
        assert opened.store.rows("select * from trial") == []
        send(opened, flow(2), flow(3))
        opened.worker.drain()
        checked(opened)
    assert numbers(tmp_path) == [1, 2, 3]
