"""The consumer's rules: halving, attempts, age, failure store, a sink that holds, flushes."""

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from gzip import decompress
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.deliver.lake import LakeSink
from pipeline.errors import DeliveryError
from pipeline.home import WritingHome, audit_of, writing
from pipeline.ledger.findings import Audit
from pipeline.schema import HOUR_MS, Table
from pipeline.settings import Limits
from pipeline.stream.log import Incoming
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.homes import ask, files_under, flow, flows, lake_files, numbers, written
from tests.processed import context

POISON = 666
DEADLINE_S = 20.0


class Fragile(LakeSink):
    """A lake whose code has a fault: it breaks on the rows of some flows."""

    calls = 0

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        if table.name == "vpc_flow":
            self.calls += 1
            if pc.any(pc.greater_equal(rows["bytes"], POISON)).as_py():
                raise RuntimeError("no such \x1b[1mrow\ud800")
        super().write(table, rows, records)


@contextmanager
def fragile(folder: Path, limits: Limits | None = None) -> Iterator[WritingHome]:
    """A home with a fragile lake, its clock at the time of arrival."""
    settings = context() if limits is None else replace(context(), limits=limits)
    with writing(folder, settings) as opened:
        opened.worker.sink = Fragile(folder / "lake")
        opened.worker.clock = lambda: ARRIVAL_MS / 1000
        opened.worker.sleep = lambda seconds: None
        yield opened


def send(home: WritingHome, *payloads: bytes, source: str = "vpc-flow") -> None:
    home.log.append([Incoming(source, "a", payload, ARRIVAL_MS) for payload in payloads])


def checked(home: WritingHome) -> Audit:
    found = audit_of(home)
    assert (found.balanced, found.findings) == (True, [])
    return found


def failed(folder: Path) -> list[dict[str, Any]]:
    paths = [path for path in files_under(folder) if path.startswith("quarantine/failed/")]
    return [json.loads(decompress((folder / path).read_bytes())) for path in paths]


@pytest.mark.fault("F6")
@pytest.mark.parametrize("places", [*combinations(range(5), 1), *combinations(range(5), 2)])
def test_a_record_that_breaks_the_code_is_set_aside_and_its_neighbours_land(
    tmp_path: Path, places: tuple[int, ...]
) -> None:
    good = [n for n in range(5) if n not in places]
    with fragile(tmp_path) as opened:
        send(opened, *(flows(POISON + n, 1000) if n in places else flow(n) for n in range(5)))
        opened.worker.drain()
        hours = checked(opened).hours
        assert (opened.worker.rows, opened.worker.rejected) == (len(good), len(places))
        assert opened.log.backlog() == 0
    assert (hours[0].events_in, hours[0].rejected) == (5, len(places))
    assert numbers(tmp_path) == good
    assert [each["reasons"] for each in failed(tmp_path)] == [{"failed": 1}] * len(places)


@pytest.mark.fault("F6")
def test_a_record_set_aside_keeps_its_bytes_and_says_why(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        send(opened, flow(POISON))
        opened.worker.drain()
        assert opened.worker.sink.calls == Limits().attempts  # type: ignore[attr-defined]
    (found,) = failed(tmp_path)
    assert found["payload"] == b64encode(flow(POISON)).decode()
    ((reason, detail, key),) = ask(tmp_path, "select reason, detail, object from reject", "reject")
    assert (reason, detail) == ("failed", "RuntimeError: no such \x1b[1mrow\\ud800")
    assert (tmp_path / "quarantine" / key).is_file()


@pytest.mark.fault("F6")
@pytest.mark.parametrize(("attempts", "age_hours", "calls"), [(3, 6, 3), (1, 6, 1), (3, 1, 1)])
def test_attempts_end_by_number_or_by_age(
    tmp_path: Path, attempts: int, age_hours: int, calls: int
) -> None:
    with fragile(tmp_path, Limits(attempts=attempts, age_hours=age_hours)) as opened:
        opened.worker.clock = lambda: (ARRIVAL_MS + HOUR_MS) / 1000
        send(opened, flow(POISON), flow(1))
        opened.worker.drain()
        # One more for the whole batch, and one for the good neighbour.
        assert opened.worker.sink.calls == calls + 2  # type: ignore[attr-defined]
        checked(opened)
    assert numbers(tmp_path) == [1]


@pytest.mark.fault("F6")
def test_a_failing_sink_never_sets_aside_even_a_record_that_breaks_the_code(tmp_path: Path) -> None:
    obstacle = written(tmp_path / "quarantine", b"in the way")
    with fragile(tmp_path) as opened:
        send(opened, flow(1), flow(POISON), flow(2))
        for _ in range(30):
            with suppress(DeliveryError):
                opened.worker.step(_shard(opened))
        assert opened.log.backlog() == 2
        assert list(opened.worker.holding) == [_shard(opened)]
        (held,) = opened.worker.holding.values()
        # Its frames would hold all the rows of the attempt.
        assert (held.error.__traceback__, held.error.__cause__) == (None, None)
        obstacle.unlink()
        opened.worker.drain()
        assert opened.worker.holding == {}
        checked(opened)
    assert numbers(tmp_path) == [1, 2]
    assert len(failed(tmp_path)) == 1


def _shard(home: WritingHome) -> int:
    return int(home.store.rows("select shard from record limit 1")[0]["shard"])


@pytest.mark.fault("F6")
def test_a_set_aside_record_that_comes_again_is_the_same_one(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        send(opened, flow(1), flow(POISON), flow(2))
        opened.worker.drain()
        with opened.store.transaction() as connection:
            connection.execute("update checkpoint set seq = 0")
        opened.worker.drain()
        checked(opened)
    assert len(failed(tmp_path)) == 1
    assert numbers(tmp_path) == [1, 2]


@pytest.mark.fault("F6")
def test_a_batch_of_several_sources_leaves_no_stray_files_when_it_is_halved(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        for number in range(12):
            send(opened, b"2026-01-01T00:00:00Z hello\n", source="app-log")
            send(opened, flow(POISON if number == 5 else number))
        opened.worker.drain()
        checked(opened)
        catalogued = {row["path"] for row in opened.store.rows("select path from lake_file")}
    assert {path.removeprefix("lake/") for path in files_under(tmp_path / "lake")} == catalogued
    assert numbers(tmp_path) == [n for n in range(12) if n != 5]


def test_a_server_lands_what_waits_after_a_time_and_ends_at_once(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        stop, worker = threading.Event(), opened.worker
        send(opened, flow(1))
        ends = time.monotonic() + DEADLINE_S
        seen: list[int] = []

        def late(_: float) -> None:
            raise AssertionError("a server does not sleep, it waits for its end")

        worker.sleep = late
        thread = threading.Thread(target=_stop_when_landed, args=(tmp_path, stop, ends, seen))
        thread.start()
        worker.run(stop)
        thread.join()
        assert seen == [1]
        assert opened.log.backlog() == 0
        checked(opened)


def _stop_when_landed(folder: Path, stop: threading.Event, ends: float, seen: list[int]) -> None:
    while time.monotonic() < ends and not seen:
        seen += numbers(folder)
        stop.wait(0.02)
    stop.set()


def test_much_lands_in_few_files(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        send(opened, *(flow(n) for n in range(500)))
        opened.worker.drain()
    assert len(lake_files(tmp_path)) == 1
