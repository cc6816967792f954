"""The state of a running server that its threads and routes share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import TailraceError
from pipeline.queries.engines import Engine
from pipeline.settings import Limits
from pipeline.stream.intake import Intake
from pipeline.web.bodies import Budget
from pipeline.web.counting import RUNNING, CountingState
from pipeline.web.gathering import Gathering
from pipeline.web.reader import Reader


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


@dataclass
class ServerState(Reader):
    """One running server, which reads its home and writes to it.

    oldest  arrival of the record that has waited longest, and from which tick on it was that one
    ended   whether its threads came to their end when they were told to
    broken  name of the thread that ended before; "" for none
    error   what a thread ended with before, where that was no defect
    counting     how that goes; it ends no server
    salt         of the hashes of visitors, for a time in epoch ms
    views        what is posted of them, on its way to the log
    """

    folder: Path
    limits: Limits
    intake: Intake
    worker: Callable[[], WorkerState]
    compaction: Callable[[], CompactionState]
    budget: Budget = field(default_factory=Budget)
    ended: bool = False
    broken: str = ""
    error: Callable[[], TailraceError | None] = lambda: None
    counting: Callable[[], CountingState] = lambda: RUNNING
    salt: Callable[[int], bytes] = lambda at_ms: b""
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

    @property
    def root(self) -> Path:
        """The home."""
        return self.folder

    def engine(self, most_usd: float) -> Engine:
        """DuckDB over the home, which costs nothing."""
        from pipeline.queries.engines.duckdb import DuckDb

        del most_usd
        return DuckDb(self.folder, alone=True)

    def health(self) -> tuple[int, dict[str, Any]]:
        """Whether records are taken and land."""
        from pipeline.web.health import health

        return health(self)
