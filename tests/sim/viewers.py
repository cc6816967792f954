"""Those who view pages: what they send, and what a ranking must say of it.

What counts is told here a second time, from the words of the design.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LATE_MS = 15 * MINUTE_MS
# A POSTed time beyond these is none.
BEHIND_MS, AHEAD_MS = 24 * HOUR_MS, 10 * MINUTE_MS
# So long after it a view may come again that has no time of its own.
AGAIN_MS = 30 * MINUTE_MS
BOT, ASSET = 1, 2
PEOPLE, ROBOT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0", "curl/8.14.1"
# The last two stand in another order where text is compared by UTF-16.
PAGES = (
    "/",
    *(f"/news/{number}" for number in range(14)),
    *(f"/shop/{number}" for number in range(8)),
    *("/static/app.css", "/static/logo.svg", "/news", "/News/1", "/\U0001f426", "/\uffee"),
)
WEIGHTS = [1 / rank for rank in range(1, len(PAGES) + 1)]
KEYS = "abcdefgh"


@dataclass(frozen=True)
class View:
    """A view as a client sends it; `time_ms` None: it does not say when, `event_id` "": none."""

    page: str
    time_ms: int | None
    event_id: str
    key: str
    sent_ms: int

    @property
    def told(self) -> dict[str, Any]:
        """Its members."""
        told: dict[str, Any] = {"path": self.page, "title": title_of(self.page)}
        if self.time_ms is not None:
            told["ts"] = self.time_ms
        return told | ({"event_id": self.event_id} if self.event_id else {})


def title_of(page: str) -> str:
    """What each page is called."""
    return f"Page {page}"


@dataclass
class Viewers:
    """Views by chance: some come late, some again."""

    random: Random
    sent: list[View] = field(default_factory=list)

    def views(self, now_ms: int, key: str) -> list[View]:
        """Views of one shard key that are sent together."""
        found = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 8))):
            again = [view for view in self.sent[-400:] if self._may_come_again(view, key, now_ms)]
            if again and self.random.random() < 0.08:
                found.append(self.random.choice(again))
            else:
                found.append(self._view(now_ms, key))
                self.sent.append(found[-1])
        return found

    def _may_come_again(self, view: View, key: str, now_ms: int) -> bool:
        recent = now_ms - view.sent_ms <= AGAIN_MS
        return bool(view.event_id) and view.key == key and (recent or view.time_ms is not None)

    def _view(self, now_ms: int, key: str) -> View:
        random = self.random
        chance = random.random()
        event_id = str(UUID(int=random.getrandbits(128), version=4))
        time_ms: int | None = now_ms - int(random.expovariate(1 / 20_000))
        if chance < 0.3:
            time_ms = now_ms - random.randrange(17 * MINUTE_MS)
        elif chance < 0.36:
            edges = (-LATE_MS, -LATE_MS - 1, -BEHIND_MS - 1, AHEAD_MS, AHEAD_MS + 1)
            time_ms = now_ms + random.choice(edges)
        elif chance < 0.46:
            time_ms = None
        (page,) = random.choices(PAGES, WEIGHTS)
        given = event_id if random.random() < 0.8 else ""
        return View(page, time_ms, given, key, now_ms)


@dataclass
class Counted:
    """Views that count: how many of a page and a kind in a minute.

    titled  pages that were named
    """

    counts: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    titled: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def accept(self, views: list[View], agent: str, arrival_ms: int) -> None:
        """Views were taken."""
        for view in views:
            time_ms = arrival_ms if view.time_ms is None else view.time_ms
            if not -BEHIND_MS <= time_ms - arrival_ms <= AHEAD_MS or view.event_id in self._known:
                continue
            if view.event_id:
                self._known.add(view.event_id)
            self.titled.add(view.page)
            if arrival_ms - time_ms <= LATE_MS:
                kind = (agent == ROBOT) * BOT + view.page.endswith((".css", ".svg")) * ASSET
                self.counts[time_ms // MINUTE_MS, view.page, kind] += 1

    def items(self, end: int, minutes: int, most: int, but: int, prefix: str) -> dict[str, Any]:
        """Total and items of an answer; `end`: the minute behind it, `but`: no such kinds."""
        now = self._of(end - minutes, end, but, prefix)
        before = self._of(end - 2 * minutes, end - minutes, but, prefix)
        last = [self._of(minute, minute + 1, but, prefix) for minute in range(end - 10, end)]
        items = [
            {
                "rank": _rank(now, page),
                "key": page,
                "title": title_of(page),
                "count": count,
                "share": count / now.total(),
                "previous_rank": _rank(before, page) if page in before else None,
                "trend": [minute[page] for minute in last],
            }
            for page, count in sorted(now.items(), key=lambda each: (-each[1], each[0]))
        ]
        return {"total": now.total(), "items": items[:most]}

    def _of(self, first: int, end: int, but: int, prefix: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for (minute, page, kind), count in self.counts.items():
            if first <= minute < end and not kind & but and page.startswith(prefix):
                found[page] += count
        return found


def _rank(counts: Counter[str], page: str) -> int:
    return 1 + sum(count > counts[page] for count in counts.values())
