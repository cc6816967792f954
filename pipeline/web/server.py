"""The server: intake, worker, compaction, HTTP in one process over one home, start to clean end."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pipeline.batch import Context
from pipeline.errors import DeliveryError, TailraceError
from pipeline.home import MACHINE, Machine
from pipeline.settings import Prices
from pipeline.store import Store
from pipeline.stream.intake import Intake, Retention
from pipeline.stream.log import Log
from pipeline.web.address import Address, listen, url_of
from pipeline.web.app import app_of
from pipeline.web.compaction import Compaction
from pipeline.web.connections import Door, door
from pipeline.web.consumer import Consumer, refusal_of
from pipeline.web.counting import Counting
from pipeline.web.guard import hosts_of
from pipeline.web.listening import REQUESTS_S, Listening
from pipeline.web.state import ServerState
from pipeline.web.telling import Turns, summary, tell
from pipeline.web.visitors import visitors_of

PRICES = Prices()
# With what requests have, under the ten seconds within which a server told to end has ended.
HALT_S, INTAKE_S, DRAIN_S, STEP_S = 1.0, 1.0, 2.0, 2.0
# For bodies that are being sent at the end: less than for requests, so that these are answered.
BODIES_S = 1.0
POLL_S = 0.05
# A POST changes threads six times, and waits each time for the worker to let go of the interpreter:
# at Python's own 5 ms that is most of its latency.
SWITCH_S = 0.0005


def serve(
    folder: Path,
    context: Context,
    address: Address,
    say: Callable[[str], None],
    prices: Prices = PRICES,
    proxied: bool = False,
) -> None:
    """Serve a home that is open for writing until a signal ends it; blocks.

    `say` is told the URL once it answers; standard error, when landing holds and goes on again, and
    at the end what came of it. Where it is `proxied`, who asks is whom a proxy on this machine
    names.
    Raises UsageError for a host that is none; TailraceError for a port that is taken, for threads
    that did not come to an end in time, and when one of them ended by a defect; HomeError for a
    home that cannot be read any more.
    """
    with closing(listen(address)) as listener, running(folder, context, prices=prices) as state:
        url = url_of(address, listener)
        _server(state, address, lambda: say(url), Turns(), proxied).run(sockets=[listener])
    done = state.worker()
    tell(summary(done.rows, done.rejected))
    _raise_of(state)


@contextmanager
def beside(
    folder: Path,
    context: Context,
    address: Address,
    prices: Prices = PRICES,
    proxied: bool = False,
) -> Iterator[tuple[ServerState, str]]:
    """Serve a home that is open for writing beside what its block does; gives the URL.

    Signals stay with the block. Raises as `serve` does.
    """
    with (
        closing(listen(address)) as listener,
        running(folder, context, prices=prices) as state,
    ):
        answers = threading.Event()
        server = _server(state, address, answers.set, proxied=proxied)
        thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
        thread.start()
        try:
            while not answers.wait(POLL_S) and thread.is_alive():
                pass
            yield state, url_of(address, listener)
        finally:
            state.ending.set()
            server.should_exit = True
            thread.join(2 * REQUESTS_S)
    _raise_of(state)


def _server(
    state: ServerState,
    address: Address,
    ready: Callable[[], None],
    turns: Turns | None = None,
    proxied: bool = False,
) -> "_Server":
    sys.setswitchinterval(SWITCH_S)
    app = app_of(state, hosts_of(address.host))
    return _Server(app, door(), ready, state, turns, proxied)


def _raise_of(state: ServerState) -> None:
    """Say what did not go as it should."""
    error = state.error()
    if error is not None:
        raise error
    if state.broken:
        raise TailraceError(
            f"the {state.broken} ended by a defect",
            f"in {state.folder}",
            "its traceback stands above; what was accepted is kept: start it again",
        )
    if not state.ended:
        raise TailraceError(
            "a thread did not come to an end in time",
            f"in {state.folder}",
            "what was accepted is kept: the next start goes on from there",
        )


@contextmanager
def running(
    folder: Path, context: Context, machine: Machine = MACHINE, prices: Prices = PRICES
) -> Iterator[ServerState]:
    """Intake, worker and compaction over a home, by one clock.

    At the end what was taken is written and, in time, landed.
    """
    limits, clock = context.limits, machine.clock
    consumer = Consumer(folder, context, machine)
    retention = Retention(limits.retention_bytes, limits.retention_hours)

    def held() -> DeliveryError | None:
        return refusal_of(consumer.state, limits, clock() * 1000)

    intake = Intake(folder, retention, held, clock=clock)
    compaction = Compaction(folder, limits.compact_seconds, clock)
    counting = Counting(folder, context, clock)
    state = ServerState(
        folder,
        limits,
        intake,
        lambda: consumer.state,
        lambda: compaction.current,
        clock=clock,
        prices=prices,
    )
    state.error = lambda: consumer.error or intake.error
    state.ranking, state.counting = counting.answer, lambda: counting.current
    state.salt = visitors_of(folder, state.started_ms).salt
    intake.start()
    try:
        consumer.start()
        compaction.start()
        counting.start()
        yield state
    finally:
        state.ending.set()
        halted = compaction.stop(HALT_S)
        written = intake.close(INTAKE_S)
        _drain(folder, consumer)
        counted = counting.stop(STEP_S)
        state.ended = consumer.stop(STEP_S) and written and halted and counted
        for threads in state.queries, state.rankings:
            threads.shutdown(wait=False, cancel_futures=True)


def _drain(folder: Path, consumer: Consumer) -> None:
    """Let the worker empty the stream, but not for long: what is left stays in the log."""
    deadline = time.monotonic() + DRAIN_S
    with closing(Store(folder, writer=False)) as store:
        log = Log(store)
        while consumer.state.state == "running" and time.monotonic() < deadline:
            if not log.backlog():
                return
            time.sleep(POLL_S)


class _Server(Listening):
    """Over a home that is written: it ends when a thread of the home does."""

    def __init__(
        self,
        app: Any,
        entrance: Door,
        ready: Callable[[], None],
        state: ServerState,
        turns: Turns | None,
        proxied: bool,
    ) -> None:
        super().__init__(app, entrance, ready, state.ending, proxied)
        self._state, self._turns = state, turns

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; bodies that are still coming have a moment, and are told."""
        self._state.budget.hurry(BODIES_S)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, also because a thread did: better no server than one that only takes."""
        state = self._state
        if not self.should_exit:
            state.broken = state.dead()
        if self._turns is not None:
            self._turns.look(state.worker().problem or state.intake.problem)
        return bool(state.broken) or await super().on_tick(counter)

    def give_back(self, before: Mapping[signal.Signals, Any]) -> None:
        """Keep them until the end of the process: a second one must not break off the drain."""
