"""The state of a running server that its threads and routes share."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from pipeline.counters.answer import Asked
from pipeline.errors import TailraceError
from pipeline.queries.engines import Engine
from pipeline.settings import Limits, Prices
from pipeline.stream.intake import Intake
from pipeline.web.bodies import Budget
from pipeline.web.counting import Told
from pipeline.web.gathering import Gathering
from pipeline.web.kept import Shelf

QUERIES_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What the worker does.

    state         "running", "holding" (the sink fails, it is tried again) or "stopped"
    holding_ms    since when it holds; None: it does not
    problem       why
    landed_ms     when rows landed last; None: not yet
    rows, rejected, dropped   lines that it has brought somewhere since it began
    """

    state: str
    holding_ms: int | None = None
    problem: str = ""
    landed_ms: int | None = None
    rows: int = 0
    rejected: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class CompactionState:
    """How compaction goes.

    ended_ms  when a run was through last; None: not yet
    problem   what the last run said that was not; "" for none
    is_dead   whether its thread ended by a defect
    """

    ended_ms: int | None = None
    problem: str = ""
    is_dead: bool = False


def _of_home(state: "ServerState") -> Engine:
    from pipeline.queries.engines.duckdb import DuckDb

    return DuckDb(state.folder, alone=True)


@dataclass
class ServerState:
    """One running server.

    ticks   seconds that only ever grow
    oldest  arrival of the record that has waited longest, and from which tick on it was that one
    ending  breaks queries off
    asked   queries that are asked or wait for their turn
    ended   whether its threads came to their end when they were told to
    broken  name of the thread that ended before; "" for none
    error   what a thread ended with before, where that was no defect
    ranking      the answer of a ranking
    visitor_key  of the hashes of visitors
    views        what is posted of them, on its way to the log
    engine  what answers saved queries; kept: answers of it
    """

    folder: Path
    limits: Limits
    intake: Intake
    worker: Callable[[], WorkerState]
    compaction: Callable[[], CompactionState]
    clock: Callable[[], float] = time.time
    prices: Prices = field(default_factory=Prices)
    ticks: Callable[[], float] = time.monotonic
    budget: Budget = field(default_factory=Budget)
    ending: Event = field(default_factory=Event)
    queries: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(QUERIES_AT_ONCE, "query")
    )
    asked: int = 0
    ended: bool = False
    broken: str = ""
    error: Callable[[], TailraceError | None] = lambda: None
    ranking: Callable[[Asked], Told] = lambda asked: Told((0, 0), b"{}", "")
    visitor_key: bytes = b""
    engine: Callable[["ServerState"], Engine] = _of_home
    kept: Shelf = field(default_factory=Shelf)
    oldest: tuple[int | None, float] | None = None
    started_ms: int = field(init=False)
    views: Gathering = field(init=False)

    def __post_init__(self) -> None:
        self.views = Gathering(self.intake.submit, self.clock)
        self.started_ms = int(self.clock() * 1000)

    def dead(self) -> str:
        """Name of a thread that has ended though nobody told it to; "" for none."""
        if not self.intake.is_alive:
            return "intake"
        if self.worker().state == "stopped":
            return "worker"
        return "compaction" if self.compaction().is_dead else ""
