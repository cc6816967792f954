"""What a function answers rankings from: boards that it keeps from one call to the next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.counters.answer import Asked, answer
from pipeline.counters.board import KEPT_MINUTES, MINUTE_MS, Board
from pipeline.counters.declared import all_rankings
from pipeline.counters.table import AHEAD, CountersTable

# As often as an answer may change for whoever asks: it is cached for a second.
REFRESHED_MS = 1_000


@dataclass
class Warm:
    """Boards of a table; a call reads only what was counted since the one before it.

    clock  seconds since the epoch
    """

    table: CountersTable
    clock: Callable[[], float]
    boards: dict[str, Board] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    # By log of a shard: the last that is on the boards.
    _known: dict[str, str] = field(default_factory=dict)
    # By page: the minute of its title.
    _titled: dict[str, int] = field(default_factory=dict)
    _read_ms: int = -REFRESHED_MS
    _tidied: int = 0

    def __post_init__(self) -> None:
        self.boards = {name: Board() for name in all_rankings()}

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The answer of a ranking as it is now. Raises DeliveryError where it cannot be read."""
        now_ms = int(self.clock() * 1000)
        if not 0 <= now_ms - self._read_ms < REFRESHED_MS:
            self.refresh()
            self._read_ms = now_ms
        return answer(asked, self.boards[asked.ranking.name], self.titles, now_ms)

    def refresh(self) -> None:
        """Read what is new. Raises DeliveryError; what was read until then is not read again."""
        minute = int(self.clock() * 1000) // MINUTE_MS
        since = minute - KEPT_MINUTES
        if minute > self._tidied:
            self._forget(since)
            self._tidied = minute
        for news in self.table.news(max(0, since - AHEAD), self._known):
            for name, board in self.boards.items():
                for counted in news.content.of(name):
                    if counted.minute >= since:
                        board.add(counted)
            for key, title in news.content.titles.items():
                if news.minute >= self._titled.get(key, 0):
                    self.titles[key], self._titled[key] = title, news.minute
            self._known[news.log] = news.key

    def _forget(self, before: int) -> None:
        for board in self.boards.values():
            board.forget(before)
        for key in [each for each, minute in self._titled.items() if minute < before]:
            del self.titles[key], self._titled[key]
