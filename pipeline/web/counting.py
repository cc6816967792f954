"""The server's fourth thread: it counts what comes in, and answers what is hot.

Counting must not stop what it counts: where the counters cannot be kept, rankings stand still, and
records are taken and landed all the same.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.batch import Context
from pipeline.consume.counting import CountingWorker
from pipeline.counters.answer import Asked, answer
from pipeline.counters.file import CountersFile
from pipeline.counters.tally import Tally
from pipeline.errors import TailraceError
from pipeline.store import Store, identity_of
from pipeline.stream.log import Log
from pipeline.web.telling import tell

ANEW = "rankings begin anew: what ranking.db has counted is not of this log.db"


@dataclass
class Counting:
    """One thread over stores of its own.

    clock  seconds since the epoch
    error  what it ended with, where that is foreseen
    """

    folder: Path
    context: Context
    clock: Callable[[], float]
    error: TailraceError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _tally: Tally | None = None

    def start(self) -> None:
        """Begin to count. Raises HomeError when log.db or the counters cannot be opened."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="counting", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self, patience_s: float) -> bool:
        """End after the step that is under way; false when that lasts too long."""
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The answer of a ranking as it is now."""
        tally = self._tally
        if tally is None:
            raise TailraceError("nothing is counted yet", "", "ask again in a moment")
        now_ms = int(self.clock() * 1000)
        with tally.lock:
            return answer(asked, tally.boards[asked.ranking.name], tally.titles, now_ms)

    def _run(self, ready: "Future[None]") -> None:
        try:
            store, counters = Store(self.folder, writer=True), CountersFile(self.folder)
            log = Log(store)
            if counters.follow(identity_of(store), log.newest()):
                tell(ANEW)
            self._tally = Tally(counters, self.clock)
        except TailraceError as error:
            ready.set_exception(error)
            return
        with closing(store), closing(counters):
            ready.set_result(None)
            try:
                CountingWorker(log, self._tally, self.context, self.clock).run(self._stop)
            except TailraceError as error:
                self.error = error
