"""Compaction on a schedule: the server's third thread.

Every landing file costs each query a little: a server that lands once a second makes thousands an
hour. A run writes the days anew that it touches, so how long it takes grows with them; it
therefore rests at least so long that it takes no more than a share of the time.
"""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.batch import Fault, guarded
from pipeline.errors import TailraceError
from pipeline.home import LAKE
from pipeline.lake.compact import Compacted, Halt, compact
from pipeline.store import Store
from pipeline.web.state import CompactionState
from pipeline.web.telling import tell

# The rest is for those who wait for an answer or a row.
THREADS = 1
RESTS_FOR_EACH = 9
TOLD_EVERY_S = 0.05


@dataclass
class Compaction:
    """One thread over a store of its own; what goes wrong is told and tried again.

    clock    seconds since the epoch
    elapsed  seconds since any moment, by which the length of a run is taken
    """

    folder: Path
    every_s: float
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    state: CompactionState = field(default_factory=CompactionState)
    _halt: Halt = field(default_factory=Halt)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def current(self) -> CompactionState:
        """How it goes at present, also where its thread ended by a defect."""
        if self._thread is None or self._thread.is_alive() or self._stop.is_set():
            return self.state
        return CompactionState(self.state.ended_ms, "the compaction has ended", is_dead=True)

    def start(self) -> None:
        """Begin; the first run comes after a rest."""
        self._thread = threading.Thread(
            target=self.run, args=(self._stop.wait,), name="compaction", daemon=True
        )
        self._thread.start()

    def stop(self, patience_s: float) -> bool:
        """Break off what is under way; false when that lasts too long."""
        self._stop.set()
        thread, deadline = self._thread, time.monotonic() + patience_s
        self._halt.tell()
        if thread is None:
            return True
        while thread.is_alive() and time.monotonic() < deadline:
            # Again and again: between two statements of the engine there is none to interrupt.
            self._halt.tell()
            thread.join(TOLD_EVERY_S)
        return not thread.is_alive()

    def run(self, rest: Callable[[float], object]) -> None:
        """Rest for so many seconds and compact, in turn, until `rest` says that it is over."""
        pause = self.every_s
        while not rest(pause):
            started = self.elapsed()
            self._once()
            pause = max(self.every_s, RESTS_FOR_EACH * (self.elapsed() - started))

    def _once(self) -> None:
        try:
            done = guarded(self._compact)
        except TailraceError as error:
            problem = f"{error.what} {error.where}"
        else:
            problem = done.detail if isinstance(done, Fault) else _damage(done)
        if self._stop.is_set():
            return
        if problem and problem != self.state.problem:
            tell(f"error: compaction: {problem}")
        ended = self.state.ended_ms if problem else int(self.clock() * 1000)
        self.state = CompactionState(ended, problem)

    def _compact(self) -> list[Compacted]:
        now_ms, lake = int(self.clock() * 1000), self.folder / LAKE
        with closing(Store(self.folder, writer=True)) as store:
            return compact(store, self.folder, lake, now_ms, halt=self._halt, threads=THREADS)


def _damage(done: list[Compacted]) -> str:
    """What was left out, since it is not what was written."""
    damaged = [path for each in done for path in each.damaged]
    if not damaged:
        return ""
    return f"{len(damaged)} damaged files are left out, {damaged[0]} first: see tailrace audit"
