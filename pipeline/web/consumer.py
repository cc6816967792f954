"""The worker's thread in a server: it empties the stream while requests are answered."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.batch import Context
from pipeline.errors import DeliveryError, TailraceError
from pipeline.home import Worker, worker_of
from pipeline.store import Store
from pipeline.stream import log
from pipeline.web.house import WorkerState

IDLE_S = 0.05
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


@dataclass
class Consumer:
    """One thread over a worker with a store of its own."""

    folder: Path
    context: Context
    clock: Callable[[], float] = time.time
    state: WorkerState = field(default_factory=lambda: WorkerState("stopped"))
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to consume.

        Raises HomeError when log.db cannot be opened.
        """
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="worker", daemon=True)
        self._thread.start()
        ready.result()

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
        ready.set_result(None)
        with closing(store):
            try:
                self._consume(worker_of(self.folder, store, self.context))
            finally:
                self.state = WorkerState("stopped", landed_ms=self.state.landed_ms)

    def _consume(self, worker: Worker) -> None:
        pause, landed_ms, since_ms = FIRST_PAUSE_S, None, None
        while not self._stop.is_set():
            try:
                moved = any([worker.step(shard) for shard in range(log.SHARDS)])
            except DeliveryError as error:
                since_ms = since_ms or int(self.clock() * 1000)
                self.state = WorkerState("holding", since_ms, error.what, landed_ms)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            if moved:
                landed_ms = int(self.clock() * 1000)
            pause, since_ms = FIRST_PAUSE_S, None
            self.state = WorkerState("running", landed_ms=landed_ms)
            if not moved:
                self._stop.wait(IDLE_S)
