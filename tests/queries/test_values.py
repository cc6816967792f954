"""Values out of Arrow: what other values hold is told as it is told alone."""

import pyarrow as pa
import pytest

from pipeline.queries.values import in_words, told_by

LENGTH = pa.MonthDayNano([0, 1, 0])
LENGTHS = pa.month_day_nano_interval()


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (LENGTH, LENGTHS, "1 day"),
        (None, LENGTHS, None),
        ([LENGTH, None], pa.list_(LENGTHS), ["1 day", None]),
        ([[LENGTH]], pa.list_(pa.list_(LENGTHS)), [["1 day"]]),
        ({"a": LENGTH, "b": 1}, pa.struct({"a": LENGTHS, "b": pa.int64()}), {"a": "1 day", "b": 1}),
        ([{"a": LENGTH}], pa.list_(pa.struct({"a": LENGTHS})), [{"a": "1 day"}]),
        ([(1, LENGTH)], pa.map_(pa.int64(), LENGTHS), {"1": "1 day"}),
        ([([1], 2)], pa.map_(pa.list_(pa.int64()), pa.int64()), {"[1]": 2}),
        ([[]], pa.list_(pa.map_(pa.string(), pa.int64())), [{}]),
        (None, pa.map_(pa.string(), pa.int64()), None),
        ([], pa.list_(pa.int64()), []),
    ],
)
def test_a_value_is_told_by_its_type(value, kind, told):
    (found,) = pa.array([value], kind).to_pylist()
    assert told_by(kind, lambda single: single)(found) == told


@pytest.mark.parametrize(
    ("months", "days", "nanoseconds", "words"),
    [
        (0, 0, 0, "0 s"),
        (1, 2, 3_500_000_000, "1 month 2 days 3.5 s"),
        (-1, 0, -1_000_000, "-1 month -0.001 s"),
    ],
)
def test_a_length_of_time_in_words(months, days, nanoseconds, words):
    assert in_words(pa.MonthDayNano([months, days, nanoseconds])) == words
