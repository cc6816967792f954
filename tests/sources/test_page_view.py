"""Times of page views: a viewer whose clock is wrong loses none, and one sent again is one row."""

import json
from typing import Any
from uuid import UUID

import pytest

from pipeline.batch import Reading, read
from pipeline.batch.context import context_of
from pipeline.beacon import Seen, lines_of
from pipeline.settings import Settings
from pipeline.sources import find
from pipeline.triggers import http_body

NOON_MS = 1_795_608_000_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
EVENT = str(UUID(int=7))


def taken(at_ms: int, **members: Any) -> Reading:
    """What is made of a view that a server takes at a time."""
    view = {"path": "/a", "event_id": EVENT, **members}
    (line,) = lines_of([view], Seen(at_ms, "203.0.113.9", "curl/8.5.0"), bytes(32))
    return read([http_body(line, "1", at_ms)], find("page-view"), context_of(Settings()))


def times(reading: Reading) -> list[int]:
    """Epoch ms of the rows."""
    found: list[int] = reading.parsed.rows["event_time"].cast("int64").to_pylist()
    return found


@pytest.mark.parametrize("wrong_min", [-20 * 1440, -16, -2, 2, 11, 61, 1430])
def test_a_view_of_a_viewer_whose_clock_is_wrong_is_of_when_it_came(wrong_min: int) -> None:
    clock = NOON_MS + wrong_min * MINUTE_MS - 300
    assert times(taken(NOON_MS, ts=clock, sent=clock)) == [NOON_MS - 300]


def test_a_clock_that_is_right_to_a_minute_is_believed() -> None:
    for wrong in (-MINUTE_MS, -300, 0, 5_000, MINUTE_MS):
        clock = NOON_MS + wrong
        assert times(taken(NOON_MS, ts=clock, sent=clock)) == [clock]


@pytest.mark.parametrize("wrong_min", [-16, 0, 11])
def test_a_view_that_waited_on_its_device_is_of_when_it_was(wrong_min: int) -> None:
    clock = NOON_MS + wrong_min * MINUTE_MS
    assert times(taken(NOON_MS, ts=clock - 20 * MINUTE_MS, sent=clock)) == [
        NOON_MS - 20 * MINUTE_MS
    ]


def test_a_view_that_is_sent_again_is_the_same_event_though_the_clock_is_wrong() -> None:
    clock = NOON_MS + 11 * MINUTE_MS
    first, again = (taken(NOON_MS + ms, ts=clock, sent=clock) for ms in (200, 15_000))
    assert times(first) == times(again)
    assert first.parsed.record_id.tolist() == again.parsed.record_id.tolist()


@pytest.mark.parametrize(
    "members",
    [
        {"ts": NOON_MS + 11 * MINUTE_MS},
        {"ts": NOON_MS - DAY_MS - 1},
        {"ts": NOON_MS - 2 * DAY_MS, "sent": NOON_MS},
        {"ts": NOON_MS, "sent": 0},
        {"ts": NOON_MS, "sent": 10**11},
    ],
)
def test_a_time_far_away_by_a_clock_that_is_right_is_refused(members: dict[str, int]) -> None:
    reading = taken(NOON_MS, **members)
    assert [str(each.reason) for each in reading.refusals] == ["time_range"]
    assert times(reading) == []


def test_what_tells_no_time_of_its_own_is_of_when_it_came() -> None:
    assert times(taken(NOON_MS, sent=NOON_MS + DAY_MS)) == [NOON_MS]
    assert times(taken(NOON_MS)) == [NOON_MS]


def test_times_of_files_stay_as_they_are() -> None:
    line = json.dumps({"path": "/a", "ts": NOON_MS - 9 * DAY_MS, "sent": NOON_MS}).encode()
    reading = read([http_body(line, "1", NOON_MS)], find("page-view"), context_of(Settings()))
    assert times(reading) == [NOON_MS - 9 * DAY_MS]
