"""Views of the demo's pages, as the script of a page tells them.

Most are of what is always asked for; beside these there is one story at a time, a product that is
suddenly on everybody's lips, and is forgotten when the next one comes.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from pipeline.demo.pages import BOTS, PEOPLE, PEOPLE_SHARES, PRODUCTS, VIEWED, title_of

# So far back a ranking takes what comes late, but for a minute.
HISTORY_S = 14 * 60.0
VIEWS_AN_EVENT = 0.025
AT_ONCE = 30  # of one POST: some 220 bytes each
# Views of one viewer in a slice, about; more viewers would be more POSTs.
VIEWS_A_VIEWER = 10
VIEWERS = 4_000
SENT_AGAIN = 0.005
BOT_SHARE = 0.03
SLICE_S = 30.0

# Of the stories: since when there is one, how many seconds between two, until it is at its most,
# and how long it stays there; then it has half as many views after so many seconds.
FIRST_S, EVERY_S, RISES_S, STAYS_S, HALVES_S = -960.0, 600.0, 120.0, 480.0, 60.0
MOST_SHARE = 0.3
STORIES = PRODUCTS[23:200:29]
# Where viewers come from: most from a page before, of the site itself or of none.
REFERRERS = {
    "": 45,
    "https://search.example/": 24,
    "https://heron.example/": 16,
    "https://social.example/feed": 9,
    "https://news.example/today": 6,
}


@dataclass(frozen=True, slots=True)
class Beacon:
    """A POST of views: who sends it, from which address, how many they are."""

    address: str
    agent: str
    body: bytes
    views: int


@dataclass
class Viewers:
    """Those who view pages; the same seed and the same calls give the same views."""

    seed: int
    events_per_s: float
    _origin_s: float | None = None
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        # Seeded on purpose: nothing here is a secret.
        self._random = random.Random(f"viewers {self.seed}")  # noqa: S311

    def arrivals(self, now_ms: int, seconds: float) -> Iterator[Beacon]:
        """What is viewed between `seconds` before now and now; some of it is sent twice."""
        now_s = now_ms / 1000
        if self._origin_s is None:
            self._origin_s = now_s
        begin_s = now_s - seconds
        while begin_s < now_s:
            length_s = min(SLICE_S, now_s - begin_s)
            for beacon in self._slice(begin_s, length_s, begin_s - self._origin_s):
                yield beacon
                if self._random.random() < SENT_AGAIN:
                    yield beacon
            begin_s += length_s

    def _slice(self, begin_s: float, seconds: float, age_s: float) -> Iterator[Beacon]:
        # What is more than a whole view comes by chance, or a slow demo would have none.
        count = int(self.events_per_s * VIEWS_AN_EVENT * seconds + self._random.random())
        viewers = [self._viewer() for _ in range(1 + count // VIEWS_A_VIEWER)]
        by_viewer: dict[tuple[str, str], list[dict[str, object]]] = {}
        for _ in range(count):
            at_ms = int((begin_s + self._random.random() * seconds) * 1000)
            viewer = self._random.choice(viewers)
            by_viewer.setdefault(viewer, []).append(self._view(at_ms, age_s))
        for viewer, views in by_viewer.items():
            for at in range(0, len(views), AT_ONCE):
                some = views[at : at + AT_ONCE]
                yield Beacon(*viewer, json.dumps(some).encode(), len(some))

    def _viewer(self) -> tuple[str, str]:
        """Address and agent of somebody: of a network that is for documents alone."""
        number = self._random.randrange(VIEWERS)
        return f"2001:db8::{number:x}", self._agent()

    def _agent(self) -> str:
        if self._random.random() < BOT_SHARE:
            return str(self._random.choice(BOTS))
        return str(self._random.choices(PEOPLE, PEOPLE_SHARES)[0])

    def _view(self, at_ms: int, age_s: float) -> dict[str, object]:
        page = self._page(age_s)
        event_id = str(UUID(int=self._random.getrandbits(128), version=4))
        (referrer,) = self._random.choices(list(REFERRERS), list(REFERRERS.values()))
        told = {"path": page, "title": title_of(page), "ts": at_ms, "event_id": event_id}
        return told | ({"referrer": referrer} if referrer else {})

    def _page(self, age_s: float) -> str:
        luck = self._random.random()
        for page, share in shares(age_s):
            if luck < share:
                return page
            luck -= share
        (part,) = self._random.choices(VIEWED, [part.share for part in VIEWED])
        # About Zipf's law, as for the requests of the site.
        rank = int((len(part.paths) + 1) ** self._random.random())
        return part.paths[rank - 1]


def shares(age_s: float) -> Iterator[tuple[str, float]]:
    """Stories that are told, and their shares of all views, by seconds since the demo began."""
    latest = int((age_s - FIRST_S) // EVERY_S)
    for number in range(max(latest - 1, 0), latest + 1):
        yield STORIES[number % len(STORIES)], interest(age_s - FIRST_S - number * EVERY_S)


def interest(age_s: float) -> float:
    """The share of a story that is so old: it rises, stays, and is forgotten."""
    left = max(age_s - RISES_S - STAYS_S, 0.0)
    return float(MOST_SHARE * min(age_s / RISES_S, 1.0) * 0.5 ** (left / HALVES_S))
