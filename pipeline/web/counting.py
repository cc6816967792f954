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

from pipeline.batch import Context
from pipeline.consume.counting import CountingWorker
from pipeline.counters.answer import Asked, answer, etag
from pipeline.counters.file import CountersFile
from pipeline.counters.tally import Tally
from pipeline.errors import TailraceError
from pipeline.store import Store
from pipeline.stream.log import Log
from pipeline.web import answers
from pipeline.web.reader import Told

# Answers that are kept: as many as are asked for again and again, by pages that show them.
KEPT = 16


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
    _told: dict[Asked, Told] = field(default_factory=dict)

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

    def answer(self, asked: Asked) -> Told:
        """The answer of a ranking as it is now; the same one until something more is counted."""
        tally = self._tally
        if tally is None:
            raise TailraceError("nothing is counted yet", "", "ask again in a moment")
        now_ms = int(self.clock() * 1000)
        # Who asks at the same time waits for the first one's, and has it, too.
        with tally.lock:
            of = tally.changes, now_ms // 1000
            kept = self._told.get(asked)
            if kept is None or kept.of != of:
                found = answer(asked, tally.boards[asked.ranking.name], tally.titles, now_ms)
                self._told.pop(asked, None)
                kept = self._told[asked] = Told(of, answers.as_json(found), etag(found))
                if len(self._told) > KEPT:
                    del self._told[next(iter(self._told))]
        return kept

    def _run(self, ready: "Future[None]") -> None:
        try:
            store, counters = Store(self.folder, writer=True), CountersFile(self.folder)
            self._tally = Tally(counters, self.clock)
        except TailraceError as error:
            ready.set_exception(error)
            return
        with closing(store), closing(counters):
            ready.set_result(None)
            try:
                CountingWorker(Log(store), self._tally, self.context, self.clock).run(self._stop)
            except TailraceError as error:
                self.error = error
