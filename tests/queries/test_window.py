"""Windows: half open, UTC, to the millisecond."""

import pytest

from pipeline.errors import UsageError
from pipeline.queries import Window, parse
from pipeline.queries.window import span
from tests.queries.homes import moment

NOW = moment("2026-11-25T14:42:07.123456")


@pytest.mark.parametrize(
    ("since", "from_time"),
    [
        ("30s", "2026-11-25T14:41:37.123"),
        ("15m", "2026-11-25T14:27:07.123"),
        ("1h", "2026-11-25T13:42:07.123"),
        ("1h30m", "2026-11-25T13:12:07.123"),
        ("1w2d3h4m5s", "2026-11-16T11:38:02.123"),
        ("24h", "2026-11-24T14:42:07.123"),
        ("7d", "2026-11-18T14:42:07.123"),
        ("2w", "2026-11-11T14:42:07.123"),
        ("999999w", "1970-01-01T00:00:00"),
    ],
)
def test_since_ends_now(since, from_time):
    window = Window(moment(from_time), moment("2026-11-25T14:42:07.123"))
    assert parse(NOW, since=since) == window


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-25", "2026-11-25T00:00:00"),
        ("2026-11-25T14:00", "2026-11-25T14:00:00"),
        ("2026-11-25 14:00:05", "2026-11-25T14:00:05"),
        ("2026-11-25T14:00:05Z", "2026-11-25T14:00:05"),
        ("2026-11-25T14:00:05.123999Z", "2026-11-25T14:00:05.123"),
        ("2026-11-25T14:00:00+09:00", "2026-11-25T05:00:00"),
        ("0001-01-01", "1970-01-01T00:00:00"),
    ],
)
def test_from_is_read_as_utc(given, meant):
    assert parse(NOW, from_time=given).from_time == moment(meant)


def test_without_to_it_ends_now_and_without_anything_there_is_none():
    assert parse(NOW, from_time="2026-11-25").to_time == moment("2026-11-25T14:42:07.123")
    assert parse(NOW) is None


@pytest.mark.parametrize(
    ("to_time", "last_day"),
    [
        ("2026-11-25T00:00:00", "2026-11-24"),
        ("2026-11-25T00:00:00.001", "2026-11-25"),
        ("2026-11-25T23:59:59.999", "2026-11-25"),
        ("2026-11-26", "2026-11-25"),
    ],
)
def test_last_day_is_the_day_of_the_last_moment(to_time, last_day):
    window = parse(NOW, from_time="2026-11-20", to_time=to_time)
    assert (window.first_day, window.last_day) == ("2026-11-20", last_day)


def test_a_window_binds_times_without_zone_and_days_as_text():
    values = parse(NOW, from_time="2026-11-25", to_time="2026-11-26").values("7d")
    assert {name: str(value) for name, value in values.items()} == {
        "from_time": "2026-11-25 00:00:00",
        "to_time": "2026-11-26 00:00:00",
        "first_day": "2026-11-25",
        "last_day": "2026-11-25",
        "lookback_time": "2026-11-18 00:00:00",
        "lookback_day": "2026-11-18",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "h",
        "0h",
        "-1h",
        "1.5h",
        "1 h",
        "1H",
        "1y",
        "30m1h",
        "1h1h",
        "1h0m",
        "1h 30m",
        "1h30",
        "1_0m",
        "\uff11h",
        "now",
    ],
)
def test_what_is_no_length_of_time_is_shown(text):
    with pytest.raises(UsageError, match="not a length of time: ") as caught:
        span(text)
    assert repr(text) in caught.value.what
    assert caught.value.fix == "write it like 30s, 15m, 1h30m, 24h, 7d or 2w"


@pytest.mark.parametrize(
    "text",
    ["", "now", "yesterday", "14:00", "20261125", "2026-W48", "2026-13-01", "2026-11-25T25:00",
     "1795615200", "2026-11-25T14", "2026-11-25T14:00 UTC", "9999-12-31T23:59-23:00"],
)  # fmt: skip
def test_what_is_no_time_is_shown(text):
    with pytest.raises(UsageError, match="not a time: ") as caught:
        parse(NOW, from_time=text)
    assert repr(text) in caught.value.what
    assert "2026-11-25T14:00Z" in caught.value.fix


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"since": "1h", "from_time": "2026-11-25"}, "--since and --from/--to were both given"),
        ({"since": "1h", "to_time": "2026-11-25"}, "--since and --from/--to were both given"),
        ({"to_time": "2026-11-25"}, "--to was given without --from"),
        ({"from_time": "2026-11-26"}, "the window ends before it begins"),
        ({"from_time": "2026-11-25", "to_time": "2026-11-25"}, "the window ends before it begins"),
    ],
)
def test_windows_that_cannot_be(asked, message):
    with pytest.raises(UsageError, match=message):
        parse(NOW, **asked)
