"""The port behind the routes that only read: what they ask of a home, whichever it is.

`state.ServerState` is the embedded home's adapter, `stack.StackReader` that of a deployed stack.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from pipeline.counters.answer import Asked
from pipeline.queries.engines import Engine, Question
from pipeline.settings import Prices
from pipeline.web.kept import Shelf

# Each has threads of its own: what anybody may ask for must not keep others waiting, nor health.
QUERIES_AT_ONCE, RANKINGS_AT_ONCE = 2, 2
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of a ranking.

    of  how often the counts had changed, and the second in which it was given
    """

    of: tuple[int, int]
    text: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Price:
    """What the answer to a question costs, before it is asked.

    usd    None: nobody knows; `bytes` that are read for it, too
    basis  free, kept (somebody asked for it before), last_run (by what the same query read last),
           or limit (only the most that it can be is known)
    most_usd  what it can cost at most; None: there is no limit
    """

    usd: float | None
    bytes: int | None
    basis: str
    most_usd: float | None


FREE = Price(0.0, None, "free", 0.0)


@dataclass(kw_only=True)
class Reader(ABC):
    """What reading routes share.

    clock   seconds since the epoch; ticks: seconds that only ever grow
    ending  breaks queries off
    asked, ranked  queries and rankings that are asked or wait for their turn
    ranking the answer of a ranking
    kept    answers of saved queries
    patience_s  after which a query is broken off
    """

    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    prices: Prices = field(default_factory=Prices)
    ending: Event = field(default_factory=Event)
    queries: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(QUERIES_AT_ONCE, "query")
    )
    rankings: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(RANKINGS_AT_ONCE, "ranking")
    )
    asked: int = 0
    ranked: int = 0
    ranking: Callable[[Asked], Told] = lambda asked: Told((0, 0), b"{}", "")
    kept: Shelf = field(default_factory=Shelf)
    patience_s: float = PATIENCE_S

    @abstractmethod
    def engine(self, most_usd: float) -> Engine:
        """What answers saved queries, for at most so many USD each."""

    @abstractmethod
    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and answer of GET /v1/health."""

    def price(self, question: Question) -> Price:
        """What the answer to a question costs; a machine of one's own asks for nothing."""
        del question
        return FREE

    @property
    def root(self) -> Path:
        """From which on paths in errors are shown; / where there is no home on this machine."""
        return Path("/")
