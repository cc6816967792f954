"""Windows of event time: half open, in UTC, to the millisecond."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError

# What a window fills, and the SQL types it is bound with.
TYPES: Mapping[str, str] = {
    "from_time": "timestamp(3)",
    "to_time": "timestamp(3)",
    "first_day": "varchar",
    "last_day": "varchar",
    "lookback_time": "timestamp(3)",
    "lookback_day": "varchar",
}
MOMENT = timedelta(milliseconds=1)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_SPAN = re.compile("".join(f"((?P<{unit}>[1-9][0-9]{{0,5}}){unit[0]})?" for unit in _UNITS))
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """From one moment up to, not including, another; both aware, in UTC."""

    from_time: datetime
    to_time: datetime

    @property
    def first_day(self) -> str:
        """Day of its first moment."""
        return _day(self.from_time)

    @property
    def last_day(self) -> str:
        """Day of its last moment: a window that ends at midnight ends on the day before."""
        return _day(self.to_time - MOMENT)

    def reaching_back(self, lookback: str) -> "Window":
        """The same window with an earlier start; "" for no lookback."""
        if not lookback:
            return self
        return Window(_before(self.from_time, span(lookback)), self.to_time)

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """Both ends in epoch milliseconds."""
        first, last = ((end - _EPOCH) // MOMENT for end in (self.from_time, self.to_time))
        return first, last

    def values(self, lookback: str = "") -> dict[str, str | datetime]:
        """What it binds, by the name of the parameter; times without zone, as the tables have."""
        back = self.reaching_back(lookback)
        return {
            "from_time": self.from_time.replace(tzinfo=None),
            "to_time": self.to_time.replace(tzinfo=None),
            "first_day": self.first_day,
            "last_day": self.last_day,
            "lookback_time": back.from_time.replace(tzinfo=None),
            "lookback_day": back.first_day,
        }


def parse(
    now: datetime,
    since: str | None = None,
    from_time: str | None = None,
    to_time: str | None = None,
) -> Window | None:
    """The window that was asked for; None when nothing was.

    since      a span that ends now: 15m, 1h30m, 7d
    from_time  ISO-8601 or a date; without a zone it is UTC
    to_time    the same; without it the window ends now

    Raises UsageError for anything else, showing the value.
    """
    if since is not None:
        if from_time is not None or to_time is not None:
            raise UsageError(
                "--since and --from/--to were both given", "", "give --since, or --from and --to"
            )
        return _between(_before(now, span(since)), now)
    if from_time is not None:
        return _between(_moment(from_time), now if to_time is None else _moment(to_time))
    if to_time is not None:
        raise UsageError("--to was given without --from", "", "give both, or --since 1h")
    return None


def span(text: str) -> timedelta:
    """A length of time such as 15m or 1h30m, the longest unit first.

    Raises UsageError for text that is none.
    """
    found = _SPAN.fullmatch(text)
    if not text or not found:
        raise UsageError(
            f"not a length of time: {text!r}", "", "write it like 30s, 15m, 1h30m, 24h, 7d or 2w"
        )
    return timedelta(**{unit: int(count) for unit, count in found.groupdict("0").items()})


def _moment(text: str) -> datetime:
    try:
        if not _TIME.fullmatch(text):
            raise ValueError("not of the form YYYY-MM-DD[THH:MM[:SS][Z]]")
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"not a time: {text!r}",
            str(error),
            "write it like 2026-11-25 or 2026-11-25T14:00Z; without a zone it is UTC",
        ) from error


def _before(now: datetime, length: timedelta) -> datetime:
    try:
        return now - length
    except OverflowError:
        return _EPOCH


def _between(first: datetime, last: datetime) -> Window:
    # No event is older than the epoch, and a lookback needs room before the start.
    start, end = max(_floored(first), _EPOCH), _floored(last)
    if start >= end:
        raise UsageError(
            f"the window ends before it begins: {_text(start)} to {_text(end)}",
            "",
            "--from must be earlier than --to, and not in the future",
        )
    return Window(start, end)


def _floored(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
