"""A pipe that pauses or never ends: what has come goes on in time, and who ends the reading can."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from select import select
from zlib import compressobj

import pytest

from pipeline.cli.interrupts import stoppable
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.carry import Origin
from pipeline.stream.log import Log
from pipeline.stream.pipe import Patience, feed_stdin, gathered
from tests.carriers import gzipped
from tests.homes import flow, flows

ORIGIN = Origin(find("vpc-flow"), (), "", 1_000)
DEADLINE_S = 30
SOON_S = 0.05


@dataclass(frozen=True)
class Fed:
    """A pipe that is read by a thread; `records` gets the payloads as they are appended."""

    writing: int
    records: SimpleQueue[bytes]

    def send(self, content: bytes) -> None:
        os.write(self.writing, content)

    def next(self) -> bytes:
        """The next record. Raises Empty when none comes while the pipe stays open."""
        return self.records.get(timeout=DEADLINE_S)


@contextmanager
def feeding(home: Path, wait_s: float = SOON_S) -> Iterator[Fed]:
    reading, writing = os.pipe()
    fed = Fed(writing, SimpleQueue())

    def feed() -> None:
        store, seen = Store(home, writer=True), 0
        with os.fdopen(reading, "rb") as stream:
            for _ in feed_stdin(store, stream, "k", ORIGIN, Limits(), Patience(wait_s)):
                log = Log(store)
                found = [
                    each
                    for shard in log.shards
                    for each in log.load(log.heads(shard, 99, Limits()))
                ]
                for stored in sorted(found, key=lambda each: each.seq)[seen:]:
                    fed.records.put(stored.record.payload)
                seen = len(found)
        store.close()

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield fed
    finally:
        os.close(writing)
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_lines_go_on_in_time_while_the_pipe_pauses(tmp_path: Path) -> None:
    with feeding(tmp_path) as fed:
        fed.send(flows(1, 2))
        assert fed.next() == flows(1, 2)
        fed.send(flow(3))
        assert fed.next() == flow(3)


def test_half_a_line_holds_back_none_before_it(tmp_path: Path) -> None:
    with feeding(tmp_path) as fed:
        fed.send(flow(1) + flow(2)[:30])
        assert fed.next() == flow(1)
        fed.send(flow(2)[30:] + flow(3)[:30])
        assert fed.next() == flow(2)


@pytest.mark.parametrize("layers", [1, 2])
def test_bytes_that_make_no_content_hold_back_none_before_them(tmp_path: Path, layers: int) -> None:
    # Long enough to wait for the trailer, which comes at once.
    packed = gzipped(flows(1, 2))
    packed = packed if layers == 1 else gzipped(packed)
    with feeding(tmp_path, wait_s=0.5) as fed:
        fed.send(packed[:-8])
        fed.send(packed[-8:])
        assert fed.next() == flows(1, 2)
        fed.send(gzipped(flow(3)))
        assert layers == 2 or fed.next() == flow(3)


def test_the_beginning_of_the_next_member_holds_back_none_before_it(tmp_path: Path) -> None:
    packer = compressobj(wbits=31)
    with feeding(tmp_path, wait_s=0.5) as fed:
        fed.send(packer.compress(flow(1)) + packer.flush())
        fed.send(gzipped(flow(2))[:12])
        assert fed.next() == flow(1)
        fed.send(gzipped(flow(2))[12:])
        assert fed.next() == flow(2)


def test_lines_go_on_in_time_though_more_is_always_there() -> None:
    # A second passes each time the clock is asked: for the first chunk, then before each other.
    seconds = count()
    patience = Patience(3.0, clock=lambda: float(next(seconds)))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        chunks, came = patience.chunks(stream), []
        for _ in range(8):
            pipe.write(flow(1))
            came.append(next(chunks))
    assert [bool(chunk) for chunk in came] == [True, True, True, False] * 2


def test_an_empty_chunk_sends_on_what_is_held_and_nothing_makes_no_chunk() -> None:
    chunks = [b"", b"a", b"b", b"", b"", b"c", b"de", b"f"]
    assert list(gathered(iter(chunks), 3)) == [b"ab", b"cde", b"f"]


@pytest.mark.fault("F29")
def test_a_signal_that_python_has_not_seen_yet_ends_a_wait() -> None:
    seen: list[bool] = []

    def ask(stop: int) -> None:
        # This thread takes the signal; the main one, which runs the handlers, waits for this one.
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        seen.append(bool(select([stop], [], [], 0)[0]))

    with stoppable() as stop:
        thread = threading.Thread(target=ask, args=(stop,))
        thread.start()
        thread.join()
    assert seen == [True]
