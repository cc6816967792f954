"""Whose turn it is, and when: shards side by side, pauses after failures, clocks that are set."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.deliver.files import Disk
from pipeline.deliver.lake import LakeSink
from pipeline.home import WritingHome, writing
from pipeline.schema import Table
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.growth import lengths_known
from pipeline.stream.log import Incoming
from pipeline.stream.scan import scan
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.consume.test_worker import DEADLINE_S, POISON, Fragile, checked, failed, fragile, send
from tests.homes import edit, flow, flows, numbers
from tests.processed import context

HOUR_S = 3_600


def run_until(home: WritingHome, done: Callable[[], bool]) -> None:
    """Let the worker run until something is so, or a deadline has passed."""
    stop, ends = threading.Event(), time.monotonic() + DEADLINE_S

    def watch() -> None:
        try:
            while time.monotonic() < ends and not done():
                stop.wait(0.02)
        finally:
            stop.set()

    thread = threading.Thread(target=watch)
    thread.start()
    home.worker.run(stop)
    thread.join()


@pytest.mark.fault("F23")
@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_clock_that_is_set_stops_no_landing(tmp_path: Path, step_s: int) -> None:
    with writing(tmp_path, context()) as opened:
        now = [ARRIVAL_MS / 1000]
        opened.worker.clock = lambda: now[0]
        send(opened, flow(1))
        run_until(opened, lambda: opened.worker.rows == 1)
        now[0] += step_s
        send(opened, flow(2))
        run_until(opened, lambda: opened.worker.rows == 2)
        now[0] -= step_s
        send(opened, flow(3))
        run_until(opened, lambda: opened.worker.rows == 3)
        checked(opened)
    assert numbers(tmp_path) == [1, 2, 3]


@dataclass
class Refilling(LakeSink):
    """A lake to whose stream more comes whenever something lands, until an `app-log` does."""

    home: WritingHome | None = None
    landed: list[str] = field(default_factory=list)

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        super().write(table, rows, records)
        self.landed.append(table.name)
        if self.home and table.name == "vpc_flow" and "app_log" not in self.landed:
            assert len(self.landed) < 40, "the other shard starves"
            send(self.home, flow(len(self.landed)))


def test_a_shard_in_which_much_waits_does_not_starve_the_others(tmp_path: Path) -> None:
    limits = Limits(flush_bytes=1, flush_seconds=3_600)
    with fragile(tmp_path, limits) as opened:
        opened.worker.sink = sink = Refilling(tmp_path / "lake", home=opened)
        send(opened, flow(1))
        opened.log.append([Incoming("app-log", "another", b"hello\n", ARRIVAL_MS)])
        run_until(opened, lambda: "app_log" in sink.landed)
        opened.worker.drain()
        checked(opened)
    assert sink.landed.index("app_log") < 8


@pytest.mark.fault("F6")
def test_attempts_have_pauses_also_where_much_waits(tmp_path: Path) -> None:
    limits = Limits(flush_bytes=1, attempts=5)
    with fragile(tmp_path, limits) as opened:
        send(opened, flow(POISON), *(flow(n) for n in range(3)))
        started = time.monotonic()
        run_until(opened, lambda: opened.worker.rejected == 1)
        # Half of 0.1, of 0.2, of 0.4 and of 0.8 s, at least.
        assert time.monotonic() - started > 0.75
        run_until(opened, lambda: opened.worker.rows == 3)
        checked(opened)
    assert numbers(tmp_path) == [0, 1, 2]


@pytest.mark.fault("F6")
def test_a_command_pauses_between_attempts_too(tmp_path: Path) -> None:
    pauses: list[float] = []
    with fragile(tmp_path, Limits(attempts=4)) as opened:
        opened.worker.sleep = pauses.append
        send(opened, flow(POISON), flow(1))
        opened.worker.drain()
        assert isinstance(opened.worker.sink, Fragile)
    assert len(pauses) == 3
    assert pauses == sorted(pauses)


@pytest.mark.fault("F6")
def test_a_record_whose_stored_bytes_are_damaged_is_set_aside(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        send(opened, flow(1), flows(*range(100, 200)), flow(3))
    edit(tmp_path, "update record set payload = zeroblob(length(payload)) where seq = 2")
    with fragile(tmp_path) as opened:
        opened.worker.drain()
        assert opened.log.backlog() == 0
        checked(opened)
    assert numbers(tmp_path) == [1, 3]
    ((kept),) = failed(tmp_path)
    assert (kept["position"], kept["reasons"]) == ("2", {"failed": 1})


class Defective(Disk):
    """A disk at which the code has a fault when a line is taken back."""

    def rename(self, old: Path, new: Path) -> None:
        if "-r" in new.name:
            old.unlink()
            raise RuntimeError("a fault")
        super().rename(old, new)


def grow(home: WritingHome, content: bytes) -> None:
    """Feed a file that may go on with what came before, and consume it."""
    file, limits = BytesIO(content), home.worker.context.limits
    found = scan(file, "a.log", limits, lengths_known(home.store, "vpc-flow"))
    origin = Origin(find("vpc-flow"), (), "", ARRIVAL_MS)
    for _ in feed(home.store, file, found, origin, limits):
        home.worker.drain()


@pytest.mark.fault("F6")
def test_a_line_stands_when_the_one_that_replaces_it_is_set_aside(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        grow(opened, flow(1) + flow(2)[:-1])
        assert numbers(tmp_path) == [1, 2]
        grow(opened, flow(1) + flow(2) + flow(POISON))
        checked(opened)
    assert numbers(tmp_path) == [1, 2]
    assert len(failed(tmp_path)) == 1


@pytest.mark.fault("F6")
def test_a_fault_at_taking_a_line_back_blocks_nothing(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        grow(opened, flow(1) + flow(2)[:-1])
        opened.worker.sink = LakeSink(tmp_path / "lake", disk=Defective())
        grow(opened, flow(1) + flow(2) + flow(3))
        send(opened, flow(4))
        opened.worker.drain()
        assert opened.log.backlog() == 0
        checked(opened)
    assert numbers(tmp_path) == [1, 2, 4]
    assert len(failed(tmp_path)) == 1
