"""Answers as `top` draws them; checked, for a server may be anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.errors import InputError

MINUTE_S = 60


class Span(msgspec.Struct, frozen=True, rename={"first": "from", "end": "to"}):
    """A window of minutes, half open."""

    first: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """How long it is."""
        return int((self.end - self.first).total_seconds() // MINUTE_S)


class Place(msgspec.Struct, frozen=True):
    """A key among the first ones; trend: the counts of ten minutes, oldest first."""

    rank: int
    key: str
    title: str | None
    count: int
    share: float
    previous_rank: int | None
    trend: list[int]


class Ranked(msgspec.Struct, frozen=True):
    """The answer of a ranking, as GET /v1/ranking gives it."""

    by: str
    unit: str
    window: Span
    as_of: datetime
    total: int
    items: list[Place]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes by minute, oldest first, the last of them still running; None: no flow was seen."""

    first: datetime
    accepted: Sequence[int | None]
    rejected: Sequence[int | None]


def ranked(told: Any, where: str) -> Ranked:
    """A ranking of JSON. Raises InputError for what is none."""
    try:
        return msgspec.convert(told, Ranked)
    except msgspec.ValidationError as error:
        raise no_answer(str(error), where) from error


def traffic(told: Any, now: datetime, minutes: int, where: str) -> Traffic:
    """The last minutes of the query traffic_over_time. Raises InputError for what is none."""
    running = now.astimezone(UTC).replace(second=0, microsecond=0)
    first = int(running.timestamp()) // MINUTE_S - minutes + 1
    accepted: list[int | None] = [None] * minutes
    rejected: list[int | None] = [None] * minutes
    for row in rows(told, where):
        try:
            start = datetime.fromisoformat(row["bucket_start"])
            at = int(start.timestamp()) // MINUTE_S - first
            sums = int(row["accepted_bytes"]), int(row["rejected_bytes"])
        except (KeyError, TypeError, ValueError) as error:
            raise no_answer(f"{type(error).__name__}: {error}", where) from error
        if 0 <= at < minutes:
            accepted[at], rejected[at] = sums
    return Traffic(datetime.fromtimestamp(first * MINUTE_S, UTC), accepted, rejected)


def rows(told: Any, where: str) -> list[Mapping[str, Any]]:
    """Rows of a saved query's JSON. Raises InputError for what is none."""
    try:
        names = [column["name"] for column in told["columns"]]
        return [dict(zip(names, row, strict=True)) for row in told["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise no_answer(f"{type(error).__name__}: {error}", where) from error


def no_answer(why: str, where: str) -> InputError:
    """What to raise for something that is no answer of Tailrace."""
    fix = "see what answers there; a server of another version may answer otherwise"
    return InputError(f"this is no answer of Tailrace: {why[:300]}", where, fix)
