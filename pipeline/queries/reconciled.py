"""Whether the live ranking has counted what the table of page views holds.

The table's side is what saved queries say of whole minutes: `page_trend` by minute, `top_pages` by
page, `referrers` over all. The other side are the counters. Both are of all views that came in
time, programs and parts of pages among them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.counters.board import KEPT_MINUTES
from pipeline.counters.declared import find_ranking
from pipeline.counters.ports import Counters
from pipeline.errors import UsageError
from pipeline.queries.window import Window

MINUTE = timedelta(minutes=1)
RANKING = "page"
# Views may be of some minutes ahead of their arrival, which the counters reach back to.
AHEAD_MINUTES = 10
# Rows at most, of queries of which more is left out: what stands beyond is seen by minute.
ROWS = 10_000
EVERYTHING = {"people": False, "top": ROWS}

# Rows of a saved query over a window, by its name and the values of its parameters.
Ask = Callable[[str, Mapping[str, object], Window], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A minute or a page of which the two say different things, in views."""

    where: str
    table: int
    counted: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it.

    counted  views that the ranking has
    late     views of the table that came too late for it
    """

    window: Window
    counted: int
    late: int
    differences: Sequence[Difference]

    @property
    def agrees(self) -> bool:
        """Whether the ranking has counted what the table holds."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """As `tailrace audit --ranking --json` prints it."""
        first, last = (_clock(end) for end in (self.window.from_time, self.window.to_time))
        found = [
            {"where": each.where, "table": each.table, "counted": each.counted}
            for each in self.differences
        ]
        counts = {"counted": self.counted, "late": self.late}
        return {"agrees": self.agrees, "from": first, "to": last, **counts, "differences": found}


def kept(now: datetime, since: datetime | None = None) -> Window:
    """All whole minutes that the counters hold of what has arrived until now.

    Raises UsageError where none is left of what is asked for.
    """
    running = now.replace(second=0, microsecond=0)
    first = running - (KEPT_MINUTES - AHEAD_MINUTES - 1) * MINUTE
    if since is not None:
        first = max(first, since.replace(second=0, microsecond=0))
    return Window(first, running + (AHEAD_MINUTES + 1) * MINUTE)


def closed(window: Window, now: datetime, landing_minutes: int) -> Window:
    """The part of a window to which nothing comes any more.

    landing_minutes  after which what has arrived is in the table

    Raises UsageError where there is none.
    """
    behind = find_ranking(RANKING).late_minutes + landing_minutes
    end = now.replace(second=0, microsecond=0) - behind * MINUTE
    if end <= window.from_time:
        fix = f"ask for more than {behind} minutes: until then views may still come"
        raise UsageError("no minute is closed", "", fix)
    return Window(window.from_time, min(end, window.to_time))


def reconciled(counters: Counters, ask: Ask, window: Window) -> Reconciled:
    """Compare what counters and saved queries say of a window of whole minutes.

    Raises DeliveryError where the counters cannot be read, and as `pipeline.queries.run` does.
    """
    # First: what comes in between is in the table later, too.
    by_minute, by_page = _counted(counters, window)
    trend = ask("page_trend", EVERYTHING, window)
    minutes = {_clock(row["bucket_start"].replace(tzinfo=UTC)): _in_time(row) for row in trend}
    top = ask("top_pages", EVERYTHING, window)
    pages = {row["page"]: _in_time(row) for row in top}
    if len(top) == ROWS:
        by_page = Counter({page: by_page[page] for page in pages})
    found = [*_differences(minutes, by_minute), *_differences(pages, by_page)]
    referrers = ask("referrers", EVERYTHING, window)
    views, led = (sum(row["views"] for row in rows) for rows in (trend, referrers))
    if len(referrers) < ROWS and led != views:
        found.append(Difference("all referrers", led, views))
    return Reconciled(window, by_minute.total(), sum(row["late"] for row in trend), found)


def _counted(counters: Counters, window: Window) -> tuple[Counter[str], Counter[str]]:
    """Views by minute and by page."""
    first, end = (int(each.timestamp()) // 60 for each in (window.from_time, window.to_time))
    minutes: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    for counted in counters.counts(RANKING, first):
        if counted.minute < end:
            at = _clock(datetime.fromtimestamp(counted.minute * 60, UTC))
            counts = counted.counts.tolist()
            minutes[at] += sum(counts)
            for page, count in zip(counted.keys, counts, strict=True):
                pages[page] += count
    return minutes, pages


def _in_time(row: Mapping[str, Any]) -> int:
    return int(row["views"] - row["late"])


def _differences(table: Mapping[str, int], counted: Mapping[str, int]) -> Iterator[Difference]:
    for where in sorted(table.keys() | counted.keys()):
        one, other = table.get(where, 0), counted.get(where, 0)
        if one != other:
            yield Difference(where, one, other)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
