"""Trino's rows, as its client gives them, in the encoding that both engines are compared in."""

from typing import Any

import pytest

from tests.trino.encoding import of_trino


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("bigint", 7, 7),
        ("boolean", True, True),
        ("varchar(3)", "a.0", "a.0"),
        ("double", 0.5, 0.5),
        ("double", "NaN", "NaN"),
        ("double", "-Infinity", "-Infinity"),
        ("decimal(3, 2)", "1.50", {"dec": "1.50"}),
        ("timestamp(3)", "2026-01-02 03:04:05.120", "2026-01-02 03:04:05.12"),
        ("timestamp(3)", "2026-01-02 03:04:50.000", "2026-01-02 03:04:50"),
        ("timestamp(0)", "2026-01-02 03:04:50", "2026-01-02 03:04:50"),
        ("timestamp(3) with time zone", "2026-01-02 03:00:00.500 Europe/Berlin",
         "instant 2026-01-02 02:00:00.5"),
        ("timestamp(0) with time zone", "2026-01-02 03:00:00 +05:30",
         "instant 2026-01-01 21:30:00"),
        ("timestamp(3) with time zone", "2026-01-02 03:00:00.000 UTC",
         "instant 2026-01-02 03:00:00"),
        ("date", "2026-01-02", "2026-01-02"),
        ("INTERVAL DAY TO SECOND", "1 02:00:00.003", {"interval_ms": 93_600_003}),
        ("INTERVAL DAY TO SECOND", "-0 00:00:01.000", {"interval_ms": -1_000}),
        ("varbinary", "w6k=", {"hex": "c3a9"}),
        ("json", '{"a":1}', {"json": '{"a":1}'}),
        ("map(varchar, double)", {"a": "NaN"}, {"map": [["a", "NaN"]]}),
        ("map(bigint, array(date))", {"7": ["2026-01-02", None]},
         {"map": [[7, ["2026-01-02", None]]]}),
        ("row(a bigint, decimal(2, 1), t timestamp(3))", [1, "1.5", "2026-01-02 00:00:00.100"],
         [1, {"dec": "1.5"}, "2026-01-02 00:00:00.1"]),
        ("array(row(timestamp(3), varchar))", [["2026-01-02 00:00:00.000", "x"]],
         [["2026-01-02 00:00:00", "x"]]),
    ],
)  # fmt: skip
def test_a_value_is_told_by_its_type(kind: str, value: Any, told: Any) -> None:
    assert of_trino([[value], [None]], [kind]) == [[told], [None]]
