"""What the page asks again and again, declared once: saved queries, by range.

On AWS `functions/presets.py` asks them on a schedule and keeps each answer as an object, so that
whoever looks at the page costs nothing. The page's own questions are in
pipeline/web/page/js/questions.js; a test holds the two together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

PREFIX = "presets/"
# A range is asked again when a share of it has gone by: what is a week long does not change sooner.
SHARE = 12
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the page: its length, and that of a bucket of what is drawn over it."""

    seconds: int
    bucket_s: int

    def minutes(self, least: int) -> int:
        """How often it is asked, in minutes, where nothing is asked more often than `least`."""
        return max(least, self.seconds // SHARE // 60)


# Not the shortest one of the page: logs of flows arrive minutes late, and each look is billed.
RANGES: Mapping[str, Range] = {
    "1h": Range(HOUR_S, 60),
    "6h": Range(6 * HOUR_S, 300),
    "24h": Range(24 * HOUR_S, 900),
    "7d": Range(7 * 24 * HOUR_S, 7200),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A saved query with its parameters, over what happened in the last `seconds`."""

    range: str
    name: str
    params: tuple[tuple[str, str], ...]
    seconds: int

    @property
    def key(self) -> str:
        """Name of its object in the bucket of results."""
        words = ",".join(f"{name}={value}" for name, value in self.params)
        return f"{PREFIX}{self.range}/{self.name}{'.' if words else ''}{words}.json.gz"

    @property
    def since(self) -> str:
        """Its window, as a query is asked for it."""
        return f"{self.seconds // HOUR_S}h"


@cache
def presets() -> tuple[Preset, ...]:
    """All of them, the shortest range first."""
    return tuple(each for name, range_ in RANGES.items() for each in _of(name, range_))


def _of(name: str, range_: Range) -> Iterator[Preset]:
    length = range_.seconds
    bucket = (("bucket", str(range_.bucket_s)),)
    # Twice the window: what is drawn is compared with the window before.
    for query in ("traffic_over_time", "intake_over_time"):
        yield Preset(name, query, bucket, 2 * length)
    for query in ("top_pairs", "rejected_ports", "rejected_sources"):
        yield Preset(name, query, (("top", "8"),), length)
    yield Preset(name, "source_activity", (), length)
    for query in ("rejects", "top_pages", "top_talkers", "rejected_ports"):
        yield Preset(name, query, (("top", "100"),), length)
    yield Preset(name, "web_errors", (("status_from", "400"), ("top", "100")), length)
    if length == HOUR_S:
        # Of all ranges the lag is that of the last hour.
        yield Preset(name, "lag_by_stage", (), length)


def queries_a_day(minutes: int) -> Mapping[str, float]:
    """By range, how many queries a day are asked; nothing more often than every so many minutes."""
    return {
        name: 24 * 60 / range_.minutes(minutes) * sum(each.range == name for each in presets())
        for name, range_ in RANGES.items()
    }
