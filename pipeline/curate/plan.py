"""Which hours of arrival are closed, which of them have to be folded, and how a day is cut.

Nothing here asks anybody: a listing of landing and what was noted before go in, a plan comes out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.curate.statements import DAYS, HOURS, NAMES, ArrivalHour, Slice
from pipeline.documents import Count

# Firehose holds rows back for 15 minutes at most, and the log may bring them hours late: what is
# later still is folded in when it is seen.
CLOSED_AFTER = timedelta(hours=7)
# Firehose tries for a day to write a file. An object whose message is taken from the dead-letter
# queue, up to 14 days later, comes into the hour in which S3 stored it.
LOOKED_BACK = timedelta(days=15)
# Bounds of one plan: hours that have files, and bytes of a file that is written.
HOURS_AT_ONCE = 48
FILE_BYTES = 256 << 20
DIGEST_BYTES = 8

# Notes are judged when they are read: statements, folders and the views are made of them.
Time = Annotated[datetime, Meta(tz=True)]
Day = Annotated[str, Meta(pattern=rf"\A{DAYS.pattern}\Z")]
HourName = Annotated[str, Meta(pattern=rf"\A{DAYS.pattern}T[0-9]{{2}}\Z")]
HourOfDay = Annotated[int, Meta(ge=0, lt=HOURS)]
Name = Annotated[str, Meta(pattern=rf"\A{NAMES.pattern}\Z")]


class Listed(msgspec.Struct, frozen=True):
    """An object of landing."""

    key: str
    bytes: Count


class Hour(msgspec.Struct, frozen=True):
    """What an hour of arrival held when it was folded; `digest`: of its keys."""

    files: Count
    bytes: Count
    digest: str


class State(msgspec.Struct, frozen=True):
    """What is curated of a table.

    watermark  all landing of hours before it was in curated when it was set; None: never
    hours      what each hour held when it was folded, as far as is looked back
    """

    watermark: Time | None = None
    hours: dict[HourName, Hour] = {}

    def __post_init__(self) -> None:
        if self.watermark is not None:
            _check_whole_hour(self.watermark)


class Plan(msgspec.Struct, frozen=True):
    """What one compaction of a table is about; it stands until all its days are swapped.

    until  the watermark when it is done
    hours  the hours of arrival to be read, by name, with what they held when it was made
    days   where it was counted: rows of landing by day and by hour of the event
    """

    id: Name
    until: Time
    hours: dict[HourName, Hour]
    days: dict[Day, dict[HourOfDay, Count]] | None = None

    def __post_init__(self) -> None:
        _check_whole_hour(self.until)

    @property
    def arrivals(self) -> list[ArrivalHour]:
        """The hours of arrival, in order."""
        return [arrival_hour(name) for name in sorted(self.hours)]

    @property
    def row_bytes(self) -> float:
        """Bytes of a row of landing, roughly."""
        rows = sum(sum(each.values()) for each in (self.days or {}).values())
        return sum(each.bytes for each in self.hours.values()) / rows if rows else 0.0


def hour_name(at: datetime) -> str:
    """Name of an hour of arrival, as plans and states have it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def arrival_hour(name: str) -> ArrivalHour:
    """The hour of a name."""
    day, _, hour = name.partition("T")
    return ArrivalHour(day, int(hour))


def hours_of(objects: Iterable[Listed]) -> dict[str, Hour]:
    """Landing's hours with what they hold; what lies elsewhere, or is hidden, is left out.

    objects  in the order of their keys, as S3 lists them: none of them is kept
    """
    found: dict[str, _Summary] = {}
    for each in objects:
        name = _hour_of(each.key)
        if name:
            found.setdefault(name, _Summary()).add(each)
    return {name: each.hour for name, each in found.items()}


def by_hour(objects: Iterable[Listed]) -> dict[str, list[Listed]]:
    """Landing's objects by hour, as they count for one."""
    found: dict[str, list[Listed]] = {}
    for each in objects:
        name = _hour_of(each.key)
        if name:
            found.setdefault(name, []).append(each)
    return found


def changed(state: State, hours: Mapping[str, Hour], until: str) -> list[str]:
    """Hours before a time that hold other files than those that were folded, in order."""
    return sorted(
        name for name, found in hours.items() if name < until and state.hours.get(name) != found
    )


def first_day(state: State, now: datetime) -> str:
    """The first day of arrival that is looked at, YYYY-MM-DD; "" for all."""
    if state.watermark is None:
        return ""
    return f"{min(state.watermark, now - LOOKED_BACK):%Y-%m-%d}"


def planned(state: State, hours: Mapping[str, Hour], now: datetime, name: str) -> Plan | None:
    """The plan for what has landed; None where nothing has to be done.

    hours  what landing holds, as far as is looked back
    now    aware; hours that ended less than seven hours before are left open
    name   of the plan, another one each time
    """
    end = hour_name(now - CLOSED_AFTER)
    found = changed(state, hours, end)
    if not found:
        return None
    chosen, left = found[:HOURS_AT_ONCE], found[HOURS_AT_ONCE:]
    until = _start(left[0] if left else end)
    if state.watermark is not None:
        until = max(until, state.watermark)
    return Plan(name, until, {each: hours[each] for each in chosen})


def done(state: State, plan: Plan, hours: Mapping[str, Hour], now: datetime) -> State:
    """What is curated when all days of a plan are shown.

    hours  what landing holds now: where something has come since the plan was made, the watermark
           stays, for that would be answered no more; the next plan is about it
    """
    folded = State(state.watermark, {**state.hours, **plan.hours})
    late = changed(folded, hours, hour_name(plan.until))
    # Never back: by a plan that came late, landing that is folded would be read once more.
    until = max(plan.until, state.watermark or plan.until)
    watermark = state.watermark if late else until
    oldest = first_day(State(watermark), now)
    kept = {name: each for name, each in folded.hours.items() if name >= oldest}
    return State(watermark, kept)


def slices(landed: Mapping[int, int], row_bytes: float, base_bytes: int) -> list[Slice]:
    """A day cut by hours, so that no part is much larger than a file should be.

    landed      rows of landing by hour of the event
    base_bytes  of the version before, which may be spread over all hours
    """
    parts, first, size = [], 0, 0.0
    for hour in range(HOURS):
        more = landed.get(hour, 0) * row_bytes + base_bytes / HOURS
        if size and size + more > FILE_BYTES:
            parts.append(Slice(first, hour))
            first, size = hour, 0.0
        size += more
    return [*parts, Slice(first, HOURS)]


def _start(name: str) -> datetime:
    return datetime.strptime(name, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def _hour_of(key: str) -> str:
    """Name of the hour of a key .../arrival_dt=2026-11-27/arrival_hour=03/file; "" for none."""
    parts: Sequence[str] = key.split("/")[-3:]
    if len(parts) < 3 or parts[2].startswith(("_", ".")) or not parts[2]:
        return ""
    day, hour = parts[0].partition("arrival_dt=")[2], parts[1].partition("arrival_hour=")[2]
    name = f"{day}T{hour}"
    try:
        # Athena finds what is written as it asks for it: no other digits, none left out.
        return name if hour_name(_start(name)) == name else ""
    except ValueError:
        return ""


def _check_whole_hour(at: datetime) -> None:
    if at.minute or at.second or at.microsecond:
        raise ValueError("it is not the start of an hour")


def summary(objects: Sequence[Listed]) -> Hour:
    """What an hour that has these objects holds."""
    made = _Summary()
    for each in sorted(objects, key=lambda each: each.key):
        made.add(each)
    return made.hour


class _Summary:
    """What an hour holds, object by object in the order of their keys."""

    __slots__ = ("bytes", "digest", "files")

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self.digest = blake2b(digest_size=DIGEST_BYTES)

    def add(self, each: Listed) -> None:
        self.files += 1
        self.bytes += each.bytes
        self.digest.update(each.key.encode() + b"\n")

    @property
    def hour(self) -> Hour:
        return Hour(self.files, self.bytes, self.digest.hexdigest())
