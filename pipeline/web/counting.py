"""The server's fourth thread: it counts what comes in, and answers what is hot.

Counting must not stop what it counts: where the counters cannot be kept, rankings stand still, and
records are taken and landed all the same. It is told in health and on standard error.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.batch import Context, Fault, guarded
from pipeline.consume.counting import PAUSE_S, CountingWorker
from pipeline.counters.answer import Asked, answer, etag
from pipeline.counters.file import CountersFile, files_of
from pipeline.counters.tally import Tally
from pipeline.errors import DeliveryError, HomeError, TailraceError
from pipeline.ledger.erased import known
from pipeline.store import Store, identity_of
from pipeline.stream.log import Log
from pipeline.web import answers
from pipeline.web.reader import Told
from pipeline.web.telling import Turns, tell

READ = "what was counted before is being read"
ANEW = "rankings begin anew: what ranking.db has counted is not of this log.db"
# Answers that are kept: as many as are asked for again and again, by pages that show them.
KEPT, KEPT_BYTES = 16, 4 << 20
TOLD_EVERY_S = 0.05
# A start waits so long: most homes have little to read, and then nobody is told to ask again.
READ_S = 0.5


@dataclass(frozen=True, slots=True)
class CountingState:
    """How counting goes.

    state       "reading" (what was counted before), "running", "holding" (the counters cannot be
                kept, it is tried again) or "stopped"
    holding_ms  since when it holds; None: it does not
    problem     why
    others      events that were counted under one name since it began, for there were too many
    """

    state: str = "running"
    holding_ms: int | None = None
    problem: str = ""
    others: int = 0


RUNNING = CountingState()


@dataclass
class Counting:
    """One thread over stores of its own.

    clock  seconds since the epoch
    """

    folder: Path
    context: Context
    clock: Callable[[], float]
    _state: CountingState = field(default_factory=lambda: CountingState("reading"))
    _turns: Turns = field(
        default_factory=lambda: Turns(begins="counting holds", ends="counting again")
    )
    _stop: threading.Event = field(default_factory=threading.Event)
    _begins: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _counters: CountersFile | None = None
    _tally: Tally | None = None
    _told: dict[Asked, Told] = field(default_factory=dict)

    def start(self) -> None:
        """Begin; what was counted before is read first, and nobody waits long for it."""
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)
        self._thread.start()
        self._begins.wait(READ_S)

    @property
    def current(self) -> CountingState:
        """How it goes at present."""
        others = sum(self._tally.others.values()) if self._tally else 0
        return replace(self._state, others=others)

    def stop(self, patience_s: float) -> bool:
        """End after the step that is under way; false when that lasts too long."""
        self._stop.set()
        thread, deadline = self._thread, time.monotonic() + patience_s
        if thread is None:
            return True
        while thread.is_alive() and time.monotonic() < deadline:
            if self._tally is None and self._counters is not None:
                # To read all that was counted may take longer.
                self._counters.interrupt()
            thread.join(TOLD_EVERY_S)
        return not thread.is_alive()

    def answer(self, asked: Asked) -> Told:
        """The answer of a ranking as it is now; the same one until something more is counted.

        Raises DeliveryError until what was counted before is read.
        """
        tally = self._tally
        if tally is None:
            raise DeliveryError(self._state.problem or READ, "", "ask again in a moment")
        now_ms = int(self.clock() * 1000)
        # Who asks at the same time waits for the first one's, and has it, too.
        with tally.lock:
            of = tally.changes, now_ms // 1000
            kept = self._told.get(asked)
            if kept is None or kept.of != of:
                found = answer(asked, tally.boards[asked.ranking.name], tally.titles, now_ms)
                self._told.pop(asked, None)
                kept = self._told[asked] = Told(of, answers.as_json(found), etag(found))
                self._tidy()
        return kept

    def _tidy(self) -> None:
        """Keep no more than so many answers, the last ones."""
        size = sum(len(each.text) for each in self._told.values())
        while len(self._told) > KEPT or size > KEPT_BYTES:
            size -= len(self._told.pop(next(iter(self._told))).text)

    def _run(self) -> None:
        try:
            done = guarded(self._count)
        except TailraceError as error:
            problem = f"{error.what} {error.where}"
        else:
            problem = done.detail if isinstance(done, Fault) else ""
        finally:
            self._begins.set()
        if problem:
            self._state = CountingState("stopped", None, problem)
            tell(f"error: counting has ended: {problem}")

    def _count(self) -> None:
        with closing(Store(self.folder, writer=True)) as store, ExitStack() as opened:
            log = Log(store)
            while self._tally is None:
                try:
                    self._tally = self._begun(identity_of(store), log.newest(), opened)
                except DeliveryError as error:
                    opened.close()
                    if self._stop.is_set():
                        return
                    self._look(f"{error.what} {error.where}")
                    self._stop.wait(PAUSE_S)
            self._begins.set()
            # Only who writes to the home erases, so nothing is added while this runs.
            erased, context = known(store), self.context
            worker = CountingWorker(
                log, self._tally, context, erased=erased, clock=self.clock, told=self._look
            )
            worker.run(self._stop)

    def _begun(self, log: str, newest: int, opened: ExitStack) -> Tally:
        """What was counted; it is a cache: where it will never be read, it begins anew."""
        try:
            return self._read(log, newest, opened)
        except HomeError as error:
            opened.close()
            tell(f"rankings begin anew: {error.what}")
            for path in files_of(self.folder):
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    raise error from None
            return self._read(log, newest, opened)

    def _read(self, log: str, newest: int, opened: ExitStack) -> Tally:
        counters = self._counters = CountersFile(self.folder)
        opened.callback(counters.close)
        if counters.follow(log, newest):
            tell(ANEW)
        return Tally(counters, self.clock, most=self.context.limits.ranking_keys)

    def _look(self, problem: str) -> None:
        """Take note of why nothing is counted at present; "": it is."""
        before = self._state
        if not problem:
            self._state = RUNNING
        elif before.problem != problem:
            since_ms = before.holding_ms or int(self.clock() * 1000)
            self._state = CountingState("holding", since_ms, problem)
        self._turns.look(problem)
