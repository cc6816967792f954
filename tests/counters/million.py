"""A stream of page views, and what rankings must say of it by plain arithmetic.

Views come late, some too late; some come again. Which pages are hot changes every ten minutes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any

import numpy as np

from pipeline import beacon
from pipeline.counters.answer import Asked, answer, asked
from pipeline.counters.tally import Tally
from pipeline.counters.warm import Warm

START_MS = 1_795_608_000_000
MINUTE_MS = 60_000
MINUTES, LATE_MS = 100, 15 * MINUTE_MS
PAGES, KEYS, MOST_VIEWS = 20_000, 8, 100
BOT, ASSET = 1, 2
KINDS = range(4)
# Minutes of windows, and what is left out of them: kinds, and pages that do not begin so.
WINDOWS, MOST = (1, 10, 60), 50
FILTERS = ((0, ""), (BOT | ASSET, ""), (ASSET, "/news"), (BOT, "/Wörter/1"))
PEOPLE, ROBOT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0", "curl/8.14.1"
# Number of the event, where equal ones are one that came again; whether it says when it was, and
# which it is; number of the record that it came in, and when that arrived.
VIEW = np.dtype(
    [
        *((name, np.int64) for name in ("event", "time_ms", "page", "key", "post", "arrival_ms")),
        *((name, np.bool_) for name in ("bot", "tells_time", "tells_id")),
    ]
)


def _name(page: int) -> str:
    if page % 10 == 9:
        return f"/static/{page}.css"
    return f"/{('news', 'shop', 'Wörter')[page % 3]}/{page}"


NAMES = [_name(page) for page in range(PAGES)]
IS_ASSET = np.arange(PAGES) % 10 == 9
# Place of each page when they are in order of their names.
ALPHABETICAL = np.argsort(sorted(range(PAGES), key=NAMES.__getitem__))


@dataclass(frozen=True, slots=True)
class Post:
    """A record of the stream: views of one client that were sent together."""

    number: int
    key: int
    arrival_ms: int
    lines: bytes

    @property
    def identity(self) -> str:
        """Of views that have no id of their own."""
        return f"request/{self.number}"


@dataclass(frozen=True)
class Stream:
    """Views in the order in which they stand in the stream."""

    views: np.ndarray

    def posts(self) -> Iterator[Post]:
        """Records, with the lines that a server makes of what it is sent."""
        starts = np.flatnonzero(np.diff(self.views["post"]) != 0) + 1
        for number, some in enumerate(np.split(self.views, starts)):
            at_ms, agent = int(some["arrival_ms"][0]), ROBOT if some["bot"][0] else PEOPLE
            seen = beacon.Seen(at_ms, "192.0.2.7", agent)
            lines = beacon.lines_of([*_told(some)], seen, bytes(32))
            yield Post(number, int(some["key"][0]), at_ms, b"\n".join(lines))

    @property
    def end_ms(self) -> int:
        """When the last of it has arrived."""
        return int(self.views["arrival_ms"][-1])

    @property
    def ends(self) -> range:
        """The minute behind each minute of it: where windows end."""
        return range(START_MS // MINUTE_MS + 1, self.end_ms // MINUTE_MS + 2)

    @cached_property
    def _before(self) -> np.ndarray:
        """By minute, kind and page: how many views count before it."""
        first = np.unique(self.views["event"], return_index=True)[1]
        once = self.views[first]
        good = once[once["arrival_ms"] - once["time_ms"] <= LATE_MS]
        page, minute = good["page"], good["time_ms"] // MINUTE_MS - START_MS // MINUTE_MS
        found = np.zeros((len(self.ends) + 1, len(KINDS), PAGES), np.int32)
        np.add.at(found, (minute + 1, good["bot"] * BOT + IS_ASSET[page] * ASSET, page), 1)
        return found.cumsum(axis=0, dtype=np.int32)

    def _of(self, first: int, end: int, but: int, prefix: str) -> np.ndarray:
        """Count of each page in some minutes; `but`: no such kinds."""
        start, until = (max(0, each - START_MS // MINUTE_MS) for each in (first, end))
        kinds = [kind for kind in KINDS if not kind & but]
        counts: np.ndarray = (self._before[until] - self._before[start])[kinds].sum(axis=0)
        return counts * _begins(prefix)

    def items(self, end: int, minutes: int, most: int, but: int, prefix: str) -> dict[str, Any]:
        """Total and items of an answer; `end`: the minute behind the window."""
        now = self._of(end - minutes, end, but, prefix)
        before = self._of(end - 2 * minutes, end - minutes, but, prefix)
        last = [self._of(minute, minute + 1, but, prefix) for minute in range(end - 10, end)]
        ranks, earlier, total = _ranks(now), _ranks(before), int(now.sum())
        items = [
            {
                "rank": ranks[int(now[page])],
                "key": NAMES[page],
                "title": title_of(page),
                "count": int(now[page]),
                "share": int(now[page]) / total,
                "previous_rank": earlier.get(int(before[page])),
                "trend": [int(counts[page]) for counts in last],
            }
            for page in np.lexsort((ALPHABETICAL, -now))[:most].tolist()
            if now[page]
        ]
        return {"total": total, "items": items}


def title_of(page: int) -> str:
    """What a page is called."""
    return f"Page {page}"


def stream_of(views: int, seed: int) -> Stream:
    """So many different views, 0.5 % of them twice."""
    random = np.random.default_rng(seed)
    made = np.zeros(views, VIEW)
    made["event"] = np.arange(views)
    made["time_ms"] = START_MS + random.integers(0, MINUTES * MINUTE_MS, views)
    hot = (made["time_ms"] - START_MS) // (10 * MINUTE_MS) * 61
    made["page"] = (_zipf(random, views) + hot) % PAGES
    made["key"] = random.integers(0, KEYS, views)
    for name, share in (("bot", 0.1), ("tells_time", 0.95), ("tells_id", 0.9)):
        made[name] = random.random(views) < share
    made["arrival_ms"] = made["time_ms"] + _delays(random, views)
    again = random.choice(made[made["tells_id"]], views // 200, replace=False)
    again["arrival_ms"] += random.integers(0, LATE_MS, len(again))
    return Stream(_sent(random, np.concatenate([made, again])))


def _sent(random: np.random.Generator, views: np.ndarray) -> np.ndarray:
    """Views put together to records, each of one key and one kind of client."""
    views = views[np.lexsort((views["arrival_ms"], views["bot"], views["key"]))]
    begins = np.diff(views["key"] * 2 + views["bot"], prepend=-1) != 0
    at = np.cumsum(random.integers(1, MOST_VIEWS + 1, len(views)))
    begins[at[at < len(views)]] = True
    post = np.cumsum(begins) - 1
    # A record arrives with the last of its views.
    last = np.append(np.flatnonzero(begins)[1:], len(views)) - 1
    views["arrival_ms"] = views["arrival_ms"][last][post]
    views["post"] = post
    views["time_ms"] = np.where(views["tells_time"], views["time_ms"], views["arrival_ms"])
    found: np.ndarray = views[np.lexsort((post, views["arrival_ms"]))]
    return found


def _zipf(random: np.random.Generator, views: int) -> np.ndarray:
    weights = np.cumsum(1 / np.arange(1, PAGES + 1) ** 1.1)
    return np.searchsorted(weights, random.random(views) * weights[-1])


def _delays(random: np.random.Generator, views: int) -> np.ndarray:
    """Milliseconds: most come at once, many up to 15 minutes late, some later than that."""
    chance = random.random(views)
    soon, late = random.exponential(3_000, views), random.integers(0, LATE_MS, views)
    too_late = LATE_MS + random.integers(0, 5 * MINUTE_MS, views)
    return np.select([chance < 0.7, chance < 0.99], [soon, late], too_late).astype(np.int64)


def _told(views: np.ndarray) -> Iterator[dict[str, Any]]:
    """Views as a client sends them."""
    names = ["event", "time_ms", "page", "tells_time", "tells_id"]
    for event, time_ms, page, tells_time, tells_id in views[names].tolist():
        view: dict[str, Any] = {"path": NAMES[page], "title": title_of(page)}
        if tells_time:
            view["ts"] = time_ms
        if tells_id:
            view["event_id"] = (
                f"{event * 2_654_435_761 % (1 << 32):08x}-0000-4000-8000-{event:012x}"
            )
        yield view


@cache
def _begins(prefix: str) -> np.ndarray:
    return np.array([name.startswith(prefix) for name in NAMES])


def _ranks(counts: np.ndarray) -> dict[int, int]:
    """The rank of each count: one more than how many are larger; none for 0."""
    found, rank = {}, 1
    values, pages = np.unique(counts, return_counts=True)
    for value, how_many in zip(values[::-1].tolist(), pages[::-1].tolist(), strict=True):
        if value:
            found[value] = rank
            rank += how_many
    return found


Told = Callable[[Asked, int], Mapping[str, Any]]


def differences(stream: Stream, *tellers: Told) -> list[str]:
    """Windows that are told otherwise than they were sent, of all that end with one of its minutes.

    tellers  each gives an answer as it is at a time (epoch ms)
    """
    found = []
    for end, minutes, (but, prefix) in product(stream.ends, WINDOWS, FILTERS):
        given = {"window": f"{minutes}m", "k": str(MOST), "prefix": prefix}
        given |= {"bots": _flag(not but & BOT), "assets": _flag(not but & ASSET)}
        wanted = stream.items(end, minutes, MOST, but, prefix)
        for number, told in enumerate(tellers):
            answered = told(asked(given), (end - 1) * MINUTE_MS)
            if {name: answered[name] for name in wanted} != wanted:
                found.append(f"teller {number}: {given} before {end}")
    return found


def told_by(teller: Tally | Warm) -> Told:
    """How it answers, of what it knows."""
    return lambda asked, at_ms: answer(asked, teller.boards["page"], teller.titles, at_ms)


def _flag(value: bool) -> str:
    return "true" if value else "false"
