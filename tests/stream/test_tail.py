"""tail -F access.log | tailrace ingest SOURCE -: lines can be queried while the pipe stays open."""

import array
import fcntl
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import compressobj

import pytest

from tests.homes import COMMAND, ask, call, clean_environ, flow, flows, numbers, run, written

PATIENCE_S = 60
QUESTION = "select count(*) as n from vpc_flow"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@contextmanager
def ingesting(
    home: Path, stdin: int = subprocess.PIPE, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """An ingest that reads a pipe; it is ended, if need be, when the test is."""
    with subprocess.Popen(
        [COMMAND, "ingest", "vpc-flow", "-", "--home", home],
        stdin=stdin,
        stderr=subprocess.PIPE,
        env=clean_environ() | environ,
    ) as process:
        try:
            yield process
        finally:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
            process.kill()


def send(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.flush()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline


def answered(home: Path) -> int:
    """How many rows `tailrace query` finds, beside the writer; 0 before there is a home."""
    ran = run("query", "--sql", QUESTION, "--home", home, "--output", "csv")
    return int(ran.out.split()[1]) if ran.code == 0 else 0


def balanced(home: Path) -> bool:
    return call("audit", "--home", home).code == 0


def test_lines_can_be_queried_while_the_pipe_stays_open(home: Path) -> None:
    with ingesting(home) as process:
        send(process, flow(0) + flow(9)[:40])
        until(lambda: answered(home) == 1)
        send(process, flow(9)[40:])
        until(lambda: answered(home) == 2)
        send(process, flows(2, 3, 4))
        until(lambda: answered(home) == 5)
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
    assert numbers(home) == [0, 2, 3, 4, 9]
    assert balanced(home)


def test_lines_that_come_slowly_share_a_record(home: Path) -> None:
    with ingesting(home, TAILRACE_LIMITS_FLUSH_SECONDS="5") as process:
        for number in range(4):
            send(process, flow(number))
        until(lambda: answered(home) == 4)
    assert ask(home, "select count(*) from batch", "batch") == [(1,)]


def test_what_tail_follows_comes_in_through_a_rotation(home: Path, tmp_path: Path) -> None:
    log = written(tmp_path / "access.log", flows(1, 2))
    words = ["tail", "-n", "+1", "-s", "0.1", "-F", log]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tail,
        ingesting(home, tail.stdout.fileno()) as process,
    ):
        until(lambda: answered(home) == 2)
        with log.open("ab") as file:
            file.write(flow(3))
        until(lambda: answered(home) == 3)
        log.rename(tmp_path / "access.log.1")
        written(log, flow(4))
        until(lambda: answered(home) == 4)
        tail.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert numbers(home) == [1, 2, 3, 4]
    assert balanced(home)


@pytest.mark.fault("F29")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_has_come_is_landed_when_the_reading_is_to_end(home: Path, number: int) -> None:
    with ingesting(home, TAILRACE_LIMITS_FLUSH_SECONDS="60") as process:
        send(process, flows(1, 2) + flow(3)[:50])
        until(lambda: _read_all(process))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        said = process.stderr.read().decode()
    # A line without an end is read as it stands, here too.
    assert "rows=2 rejected=1 dropped=0" in said
    assert said.endswith("interrupted\n")
    assert numbers(home) == [1, 2]
    assert balanced(home)


def _read_all(process: subprocess.Popen[bytes]) -> bool:
    """Whether the pipe is empty: the lines are in the other process."""
    assert process.stdin is not None
    waiting = array.array("i", [0])
    fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, waiting)
    return waiting[0] == 0


def test_a_gzip_stream_that_is_flushed_comes_in_as_it_comes(home: Path) -> None:
    packer = compressobj(wbits=31)
    with ingesting(home) as process:
        for count in (1, 2):
            send(process, packer.compress(flow(count)) + packer.flush(2))
            until(lambda: answered(home) == count)  # noqa: B023 - called at once
        send(process, packer.flush())
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
    assert numbers(home) == [1, 2]


@pytest.mark.fault("F7")
def test_a_run_that_is_killed_keeps_what_could_be_queried(home: Path) -> None:
    with ingesting(home) as process:
        send(process, flows(1, 2))
        until(lambda: answered(home) == 2)
        process.kill()
    call("ingest", "vpc-flow", written(home.parent / "more", flow(3)), "--home", home)
    assert numbers(home) == [1, 2, 3]
    assert balanced(home)
