"""Answers that are asked for again and again, beside what is drawn: the last good one is kept."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.errors import TailraceError

T = TypeVar("T")
LONGEST_S = 30.0
# What takes long is asked less often: nine tenths of the time the machine is others'.
SHARE = 10


@dataclass
class Kept(Generic[T]):
    """The last good answer of something.

    ask      what gives it, in a thread of the pool
    every_s  seconds from one answer to the next question
    at       ticks when the good answer came; None: not yet
    error    of the last question, where it failed; `failures`: how many in a row
    """

    ask: Callable[[], T]
    every_s: float
    pool: Executor
    ticks: Callable[[], float] = time.monotonic
    value: T | None = None
    at: float | None = None
    error: TailraceError | None = None
    failures: int = 0
    _due: float = 0.0
    _asked: float = 0.0
    _future: "Future[T] | None" = field(default=None, repr=False)

    def poll(self) -> bool:
        """Take an answer that has come, and ask where it is time; whether something is new."""
        news = False
        if self._future is not None and self._future.done():
            self._take(self._future)
            self._future, news = None, True
        if self._future is None and self.ticks() >= self._due:
            self._asked = self.ticks()
            self._future = self.pool.submit(self.ask)
        return news

    def anew(self, ask: Callable[[], T]) -> None:
        """Ask something else from now on; what was asked before is of no use any more."""
        self.ask, self._future, self._due, self.failures = ask, None, 0.0, 0

    @property
    def in_s(self) -> float:
        """Seconds until it is asked again."""
        return max(0.0, self._due - self.ticks())

    def _take(self, future: "Future[T]") -> None:
        now = self.ticks()
        try:
            self.value, self.at = future.result(), now
            self.error, self.failures = None, 0
        except TailraceError as error:
            self.error, self.failures = error, self.failures + 1
        took = now - self._asked
        wait = self.every_s * 2**self.failures if self.failures else self.every_s
        self._due = now + min(LONGEST_S, max(wait, took * (SHARE - 1)))
