"""The embedded home: one writer, readers beside it, and a worker that no failure confuses."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.batch.context import context_of
from pipeline.deliver.lake import LakeSink
from pipeline.errors import DeliveryError, HomeError, NotConfigured, UsageError
from pipeline.home import WritingHome, audit_of, readable, writing
from pipeline.schema import Table
from pipeline.settings import Limits, Networks, Settings
from pipeline.store.lock import writer_of
from pipeline.stream.log import Incoming
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS, control, envelope, log_event, log_events
from tests.homes import ask, call, files_under, flow, flows, lake_files, numbers, written
from tests.processed import context

HOLDER = """
import sys
from pathlib import Path
from pipeline.batch.context import context_of
from pipeline.home import writing
from pipeline.settings import Settings
with writing(Path(sys.argv[1]), context_of(Settings())):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_writer(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the home until it ends."""
    command = [sys.executable, "-c", HOLDER, home]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def send(home: WritingHome, *payloads: bytes, key: str = "a", source: str = "vpc-flow") -> None:
    home.log.append([Incoming(source, key, payload, ARRIVAL_MS) for payload in payloads])


def test_a_second_writer_is_refused_and_told_the_pid(tmp_path: Path) -> None:
    with another_writer(tmp_path) as other:
        with (
            pytest.raises(
                HomeError, match=rf"another process writes to this home: pid {other.pid}\n"
            ),
            writing(tmp_path, context()),
        ):
            pass
        assert writer_of(tmp_path) == str(other.pid)


@pytest.mark.fault("F7")
def test_the_home_is_free_as_soon_as_its_writer_is_killed(tmp_path: Path) -> None:
    with another_writer(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with writing(tmp_path, context()):
            assert writer_of(tmp_path) == str(os.getpid())


def test_nobody_writes_when_nobody_does(tmp_path: Path) -> None:
    assert writer_of(tmp_path) is None
    with writing(tmp_path, context()):
        pass
    assert writer_of(tmp_path) is None


def test_a_lock_that_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "writer.lock")
    told = "writer.lock is no regular file"
    with pytest.raises(HomeError, match=told), writing(tmp_path, context()):
        pass
    with pytest.raises(HomeError, match=told):
        writer_of(tmp_path)
    ran = call("doctor", "--home", tmp_path)
    assert (ran.code, f"✗ writer    {told}\n" in ran.out) == (1, True)


def test_a_lock_full_of_anything_is_a_lock(tmp_path: Path) -> None:
    written(tmp_path / "writer.lock", b"\xff" * 1_000)
    with writing(tmp_path, context()):
        assert writer_of(tmp_path) == str(os.getpid())


def test_a_look_at_the_lock_keeps_no_writer_out(tmp_path: Path) -> None:
    with writing(tmp_path, context()):
        pass
    with (tmp_path / "writer.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        lets_go = threading.Timer(0.1, fcntl.flock, (file, fcntl.LOCK_UN))
        lets_go.start()
        with writing(tmp_path, context()):
            pass
        lets_go.join()


def test_readers_work_beside_the_writer(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        for number in (1, 2, 3):
            send(opened, flow(number))
            opened.worker.drain()
            assert numbers(tmp_path) == list(range(1, number + 1))
            with readable(tmp_path) as beside:
                assert audit_of(beside).balanced


def test_nothing_can_be_read_where_nothing_was_written(tmp_path: Path) -> None:
    with (
        pytest.raises(NotConfigured, match=r"nothing to read in .*\n  no source has sent anything"),
        readable(tmp_path / "home"),
    ):
        pass
    assert not (tmp_path / "home").exists()


@pytest.mark.fault("F33")
def test_a_home_that_cannot_be_made_is_a_home_error(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"")
    for folder in (path, path / "below"):
        with (
            pytest.raises(HomeError, match="the home cannot be made: "),
            writing(folder, context()),
        ):
            pass


@pytest.mark.fault("F33")
def test_a_home_that_cannot_be_written_is_a_home_error() -> None:
    folder = Path("/sys/kernel")
    if not folder.is_dir():
        pytest.skip("this system has no /sys/kernel")
    with (
        pytest.raises(HomeError, match=r"the home cannot be written: .*\n  at /sys/kernel\n"),
        writing(folder, context()),
    ):
        pass


@pytest.mark.parametrize("name", ["~", "~root", "~/x"])
def test_a_home_whose_path_begins_with_a_tilde_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "a", flow(1), b"bad\n")
    for words in (("ingest", "vpc-flow", path), ("compact",), ("doctor", "--rebuild"), ("audit",)):
        ran = call(*words, "--home", f"./{name}")
        assert (ran.code, words, ran.err) == (0, words, ran.err)
    ran = call("query", "--sql", "select bytes from vpc_flow", "--output", "csv", "--home", name)
    assert (ran.code, ran.out) == (0, "bytes\n1\n")
    assert (tmp_path / name / "log.db").is_file()
    with writing(Path(name), context()) as opened:
        assert audit_of(opened).balanced


@pytest.mark.parametrize("name", ["a\udcff", "a\0b"])
def test_a_home_whose_path_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with pytest.raises(HomeError, match="a home's path must be UTF-8"), writing(folder, context()):
        pass
    with pytest.raises(HomeError, match="a home's path must be UTF-8"), readable(folder):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_was_sent_can_be_asked_once_it_is_drained(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        send(opened, flows(1, 2), flow(3) + b"bad\n\n", control())
        opened.worker.drain()
        worker = opened.worker
        assert (worker.rows, worker.rejected, worker.dropped) == (3, 1, 2)
        opened.worker.drain()
        assert opened.worker.rows == 3
    assert numbers(tmp_path) == [1, 2, 3]


def test_all_shards_and_sources_are_drained(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        for number in range(20):
            send(opened, flow(number), key=str(number))
            send(opened, b"up\n", key=str(number), source="app-log")
        opened.worker.drain()
        assert opened.log.backlog() == 0
        assert {path.name[:2] for path in lake_files(tmp_path)} == {"00", "01", "02", "03"}
        assert audit_of(opened).balanced
    assert numbers(tmp_path) == list(range(20))
    assert ask(tmp_path, "select count(*), max(message) from app_log", "app_log") == [(20, "up")]


def test_a_flush_takes_no_more_records_than_the_limit(tmp_path: Path) -> None:
    with writing(tmp_path, context(Limits(batch_records=2))) as opened:
        send(opened, *(flow(number) for number in range(5)))
        opened.worker.drain()
    assert [path.stem for path in lake_files(tmp_path)] == [
        "03-000000000001",
        "03-000000000003",
        "03-000000000005",
    ]
    assert numbers(tmp_path) == [0, 1, 2, 3, 4]


def test_an_event_delivered_twice_is_there_once(tmp_path: Path) -> None:
    events = envelope([log_event()])
    with writing(tmp_path, context()) as opened:
        send(opened, events)
        opened.worker.drain()
        send(opened, events, events)
        opened.worker.drain()
        found = audit_of(opened)
    assert ask(tmp_path, "select count(*) from vpc_flow") == [(1,)]
    assert ask(tmp_path, "select count(*) from vpc_flow_landing") == [(3,)]
    assert (found.balanced, found.hours[0].duplicates) == (True, 2)


def test_records_that_an_earlier_writer_left_are_brought_in(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        send(opened, flow(1))
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
    assert numbers(tmp_path) == [1]


@pytest.mark.fault("F7")
def test_half_written_files_are_swept_when_the_home_is_opened(tmp_path: Path) -> None:
    left = ["lake/landing/vpc_flow/a/.x.parquet.99.tmp", "quarantine/a/.x.json.gz.99.tmp"]
    for name in left:
        written(tmp_path / name, b"half")
    with writing(tmp_path, context()):
        pass
    assert files_under(tmp_path) == ["log.db", "readers/1", "writer.lock"]


def test_old_records_are_forgotten_and_new_ones_are_not(tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    with writing(tmp_path, context()) as opened:
        for arrival_ms in (now_ms - 2 * 86_400_000, now_ms):
            opened.log.append([Incoming("vpc-flow", "a", flow(1), arrival_ms)])
        opened.worker.drain()
        opened.log.append([Incoming("vpc-flow", "a", flow(2), now_ms - 2 * 86_400_000)])
    with writing(tmp_path, context()) as opened:
        assert [row["seq"] for row in opened.store.rows("select seq from record")] == [2, 3]
        opened.worker.drain()
    with writing(tmp_path, context()) as opened:
        assert [row["seq"] for row in opened.store.rows("select seq from record")] == [2]
        assert audit_of(opened).balanced


class Crash(BaseException):
    """The process ends here: nothing of it runs any more, so nothing may catch this."""


class CrashingSink(LakeSink):
    """Writes what it is given, and then the process ends."""

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        super().write(table, rows, records)
        if table.name == "batch":  # the last of a flush
            raise Crash


@pytest.mark.fault("F7")
def test_a_crash_between_files_and_commit_leaves_the_same_answers(tmp_path: Path) -> None:
    payloads = [flows(1, 2) + b"bad\n", envelope(log_events(["bad", flow(3)[:-1].decode()]))]
    with writing(tmp_path / "a", context()) as opened:
        send(opened, *payloads)
        opened.worker.drain()
    with writing(tmp_path / "b", context()) as opened:
        send(opened, *payloads)
        opened.worker.sink = CrashingSink(tmp_path / "b" / "lake")
        for _ in range(2):
            with pytest.raises(Crash):
                opened.worker.drain()
        assert opened.log.backlog() == 2
    assert len(lake_files(tmp_path / "b")) == 1
    assert numbers(tmp_path / "b") == []
    with writing(tmp_path / "b", context()) as opened:
        opened.worker.drain()
        found = audit_of(opened)
        assert (found.balanced, found.findings, found.hours[0].duplicates) == (True, [], 0)
    every = "select * from vpc_flow order by bytes"
    assert ask(tmp_path / "b", every) == ask(tmp_path / "a", every)
    assert files_under(tmp_path / "b") == files_under(tmp_path / "a")


@pytest.mark.fault("F7")
def test_a_crash_before_more_records_came_counts_each_once(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        send(opened, flow(1))
        opened.worker.sink = CrashingSink(tmp_path / "lake")
        with pytest.raises(Crash):
            opened.worker.drain()
    with writing(tmp_path, context()) as opened:
        send(opened, flow(2), b"bad\n")
        opened.worker.drain()
        assert audit_of(opened).findings == []
    assert numbers(tmp_path) == [1, 2]


class Mending:
    """A clock's sleep during which somebody mends the lake after some tries."""

    def __init__(self, obstacle: Path, after: int) -> None:
        self.obstacle, self.after = obstacle, after
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self.after:
            self.obstacle.unlink()


@pytest.mark.fault("F25")
def test_a_failing_sink_holds_the_shard_and_recovers(tmp_path: Path) -> None:
    mending = Mending(written(tmp_path / "lake", b"in the way"), after=8)
    with writing(tmp_path, context()) as opened:
        send(opened, flows(1, 2), flow(3) + b"bad\n")
        opened.worker.sleep = mending
        opened.worker.drain()
        assert audit_of(opened).findings == []
        assert (opened.worker.rows, opened.worker.rejected) == (3, 1)
    longest = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert all(
        most / 2 <= pause <= most for pause, most in zip(mending.pauses, longest, strict=True)
    )
    assert numbers(tmp_path) == [1, 2, 3]


@pytest.mark.fault("F2")
@pytest.mark.parametrize("part", ["lake", "quarantine"])
def test_a_sink_that_never_recovers_keeps_what_was_accepted(tmp_path: Path, part: str) -> None:
    never = Mending(written(tmp_path / part, b"in the way"), after=99)
    with writing(tmp_path, context(Limits(sink_patience_s=30))) as opened:
        send(opened, flow(1) + b"bad\n", flow(2))
        opened.worker.sleep = never
        with pytest.raises(DeliveryError, match=f"a file cannot be written: .*\n  at .*{part}"):
            opened.worker.drain()
        assert 30 <= sum(never.pauses) < 36
        assert opened.log.backlog() == 2
        assert opened.store.rows("select * from ledger") == []
        assert opened.store.rows("select * from lake_file") == []
    (tmp_path / part).unlink()
    with writing(tmp_path, context()) as opened:
        opened.worker.drain()
        assert audit_of(opened).findings == []
    assert numbers(tmp_path) == [1, 2]


@pytest.mark.fault("F25")
def test_a_ledger_that_cannot_be_written_holds_the_shard_too(tmp_path: Path) -> None:
    stop = "create trigger stop before insert on ledger begin select raise(abort, 'no'); end"
    with writing(tmp_path, context(Limits(sink_patience_s=1))) as opened:
        send(opened, flow(1))
        opened.worker.sleep = lambda seconds: None
        opened.store.rows(stop)
        with pytest.raises(DeliveryError, match=r"log\.db cannot be written: no"):
            opened.worker.drain()
        assert opened.log.backlog() == 1
        assert numbers(tmp_path) == []
        opened.store.rows("drop trigger stop")
        opened.worker.drain()
        assert audit_of(opened).findings == []
    assert numbers(tmp_path) == [1]


def test_named_networks_come_from_the_settings(tmp_path: Path) -> None:
    path = written(
        tmp_path / "networks.csv", b"cidr,name,az_id,vpc_id,region\n172.31.0.0/16,office,,,\n"
    )
    within = context_of(Settings(networks=Networks(file=str(path))))
    with writing(tmp_path / "home", within) as opened:
        send(opened, flow(1))
        opened.worker.drain()
    assert ask(tmp_path / "home", "select src_network from vpc_flow") == [("office",)]


def test_networks_that_cannot_be_read_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.csv"):
        context_of(Settings(networks=Networks(file=str(tmp_path / "gone.csv"))))
