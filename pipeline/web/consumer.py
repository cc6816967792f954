"""The worker's thread in a server: it empties the stream while requests are answered."""

import threading
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.batch import Context
from pipeline.consume import Worker
from pipeline.errors import DeliveryError, TailraceError
from pipeline.home import MACHINE, Machine, worker_of
from pipeline.schema import HOUR_MS
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.web.state import WorkerState


@dataclass
class Consumer:
    """One thread over a worker with a store of its own.

    error  what it ended with, where that is foreseen: a home that cannot be read any more
    """

    folder: Path
    context: Context
    machine: Machine = MACHINE
    error: TailraceError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _worker: Worker | None = None

    def start(self) -> None:
        """Begin to consume.

        Raises HomeError when log.db cannot be opened.
        """
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="worker", daemon=True)
        self._thread.start()
        ready.result()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs; it ends by itself only by an error or a defect."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def state(self) -> WorkerState:
        """What it does at present."""
        worker = self._worker
        if worker is None:
            return WorkerState("stopped")
        done = (_ms(worker.landed), worker.rows, worker.rejected, worker.dropped)
        if not self.is_alive:
            return WorkerState("stopped", None, "", *done)
        held = list(worker.holding.values())
        if not held:
            return WorkerState("running", None, "", *done)
        first = min(held, key=lambda holding: holding.since)
        return WorkerState("holding", _ms(first.since), first.error.what, *done)

    def stop(self, patience_s: float) -> bool:
        """End after the step that is under way; false when that lasts too long.

        What was not consumed stays in the log.
        """
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _run(self, ready: "Future[None]") -> None:
        try:
            store = Store(self.folder, writer=True)
        except TailraceError as error:
            ready.set_exception(error)
            return
        with closing(store):
            self._worker = worker_of(self.folder, store, self.context, self.machine)
            ready.set_result(None)
            try:
                self._worker.run(self._stop)
            except TailraceError as error:
                self.error = error


def refusal_of(state: WorkerState, limits: Limits, now_ms: float) -> DeliveryError | None:
    """Why nothing more is taken: the sink has failed for as long as it is tried again; else None.

    Until then what arrives is kept in the log.
    """
    if state.holding_ms is None or now_ms - state.holding_ms < limits.age_hours * HOUR_MS:
        return None
    fix = "free some space or mend the permissions of the home, then send it again"
    return DeliveryError(f"nothing has landed for {limits.age_hours} hours", state.problem, fix)


def _ms(at: float | None) -> int | None:
    return None if at is None else int(at * 1000)
