"""The server: intake, worker, compaction, HTTP in one process over one home, start to clean end."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from pipeline.batch import Context
from pipeline.errors import DeliveryError, TailraceError, UsageError
from pipeline.store import Store
from pipeline.stream.intake import Intake, Retention
from pipeline.stream.log import Log
from pipeline.web.app import app_of
from pipeline.web.compaction import Compaction
from pipeline.web.consumer import Consumer, refusal_of
from pipeline.web.guard import hosts_of
from pipeline.web.house import House

BACKLOG = 2048
KEEP_ALIVE_S = 75
# Together under the ten seconds within which a server that is told to end has ended.
REQUESTS_S, HALT_S, INTAKE_S, DRAIN_S, STEP_S = 3, 1.0, 1.0, 2.0, 2.0
POLL_S = 0.05
# A POST changes threads six times, and waits each time for the worker to let go of the interpreter:
# at Python's own 5 ms that is most of its latency.
SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0: any that is free."""

    host: str
    port: int


def serve(folder: Path, context: Context, address: Address, say: Callable[[str], None]) -> None:
    """Serve a home that is open for writing until a signal ends it; blocks.

    `say` is told the URL once it answers.
    Raises UsageError for a host that is none; TailraceError for a port that is taken, for threads
    that did not come to an end in time, and when one of them ended by a defect; HomeError for a
    home that cannot be read any more.
    """
    with closing(_listen(address)) as listener, running(folder, context) as house:
        url = _url(address, listener)
        _server(house, address, lambda: say(url)).run(sockets=[listener])
    _raise_of(house)


@contextmanager
def beside(folder: Path, context: Context, address: Address) -> Iterator[tuple[House, str]]:
    """Serve a home that is open for writing beside what its block does; gives the URL.

    Signals stay with the block. Raises as `serve` does.
    """
    with closing(_listen(address)) as listener, running(folder, context) as house:
        answers = threading.Event()
        server = _server(house, address, answers.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
        thread.start()
        try:
            while not answers.wait(POLL_S) and thread.is_alive():
                pass
            yield house, _url(address, listener)
        finally:
            house.ending.set()
            server.should_exit = True
            thread.join(2 * REQUESTS_S)
    _raise_of(house)


def _server(house: House, address: Address, ready: Callable[[], None]) -> "_Server":
    sys.setswitchinterval(SWITCH_S)
    config = uvicorn.Config(
        app_of(house, hosts_of(address.host)),
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=REQUESTS_S,
    )
    return _Server(config, house, ready)


def _raise_of(house: House) -> None:
    """Say what did not go as it should."""
    error = house.error()
    if error is not None:
        raise error
    if house.broken:
        raise TailraceError(
            f"the {house.broken} ended by a defect",
            f"in {house.folder}",
            "its traceback stands above; what was accepted is kept: start it again",
        )
    if not house.ended:
        raise TailraceError(
            "a thread did not come to an end in time",
            f"in {house.folder}",
            "what was accepted is kept: the next start goes on from there",
        )


@contextmanager
def running(folder: Path, context: Context) -> Iterator[House]:
    """Intake, worker and compaction over a home.

    At the end what was taken is written and, in time, landed.
    """
    limits = context.limits
    consumer = Consumer(folder, context)
    retention = Retention(limits.retention_bytes, limits.retention_hours)

    def held() -> DeliveryError | None:
        return refusal_of(consumer.state, limits, consumer.clock() * 1000)

    intake = Intake(folder, retention, held)
    compaction = Compaction(folder, limits.compact_seconds)
    house = House(folder, limits, intake, lambda: consumer.state, lambda: compaction.state)
    house.error = lambda: consumer.error or intake.error
    intake.start()
    try:
        consumer.start()
        compaction.start()
        yield house
    finally:
        house.ending.set()
        halted = compaction.stop(HALT_S)
        written = intake.close(INTAKE_S)
        _drain(folder, consumer)
        house.ended = consumer.stop(STEP_S) and written and halted
        house.queries.shutdown(wait=False, cancel_futures=True)


def _drain(folder: Path, consumer: Consumer) -> None:
    """Let the worker empty the stream, but not for long: what is left stays in the log."""
    deadline = time.monotonic() + DRAIN_S
    with closing(Store(folder, writer=False)) as store:
        log = Log(store)
        while consumer.state.state == "running" and time.monotonic() < deadline:
            if not log.backlog():
                return
            time.sleep(POLL_S)


class _Server(uvicorn.Server):
    """uvicorn that says when it answers, and leaves an ordinary end to who runs it."""

    def __init__(self, config: uvicorn.Config, house: House, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._house, self._ready = house, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, also because a thread did: better no server than one that only takes."""
        house = self._house
        if not self.should_exit and not house.intake.is_alive:
            house.broken = "intake"
        elif not self.should_exit and house.worker().state == "stopped":
            house.broken = "worker"
        return bool(house.broken) or await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals; uvicorn's own way raises them again, which would end the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        taken = (signal.SIGTERM, signal.SIGINT)
        before = {each: signal.signal(each, self._end) for each in taken}
        try:
            yield
        finally:
            # Until the end of the process: a second signal must not break off the drain.
            del before

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._house.ending.set()
        self.should_exit = True


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Named as TCP: only then asyncio sends each answer at once, and not after 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        place = f"at {address.host} port {address.port}"
        if isinstance(error, socket.gaierror):
            what = f"no such address: {error.strerror}"
            raise UsageError(what, place, "give another --host") from error
        raise TailraceError(
            f"the address cannot be listened on: {error.strerror}",
            place,
            "end who listens there, or choose another --port (0: any that is free)",
        ) from error


def _url(address: Address, listener: socket.socket) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{listener.getsockname()[1]}"
