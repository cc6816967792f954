"""When two answers are the same, and what is said where they are not."""

from datetime import UTC, datetime

import pytest

from pipeline.queries import Window
from tests.queries.truth import Rows
from tests.trino.asking import Answers, Question, difference

HOUR = Window(datetime(2026, 11, 25, 14, tzinfo=UTC), datetime(2026, 11, 25, 15, tzinfo=UTC))
BY_N = "SELECT n, x FROM t ORDER BY n DESC"
BY_BOTH = "SELECT n, x FROM t ORDER BY 1 DESC, x"
BY_OTHER = "SELECT n, x FROM t ORDER BY length(x)"
UNORDERED = "SELECT n, x FROM t"
NEARLY = "SELECT approx_distinct(n) AS n, x FROM t GROUP BY x ORDER BY x"


def differences(sql: str, here: Rows, there: Rows) -> list[str]:
    answers = Answers(("n", "x"), here, there, 0)
    return difference(Question("sql", sql, HOUR), answers)


@pytest.mark.parametrize(
    ("sql", "here", "there"),
    [
        (BY_N, [[2, "a"], [1, "b"]], [[2, "a"], [1, "b"]]),
        (BY_N, [[2, "a"], [2, "c"], [1, "b"]], [[2, "c"], [2, "a"], [1, "b"]]),
        (UNORDERED, [[1, "b"], [2, "a"]], [[2, "a"], [1, "b"]]),
        (BY_N, [[0.1 + 0.2, "a"]], [[0.3, "a"]]),
        (NEARLY, [[1000, "a"]], [[1060, "a"]]),
    ],
)
def test_these_are_the_same(sql: str, here: Rows, there: Rows) -> None:
    assert differences(sql, here, there) == []


@pytest.mark.parametrize(
    ("sql", "here", "there"),
    [
        (BY_N, [[2, "a"], [1, "b"]], [[1, "b"], [2, "a"]]),
        (BY_BOTH, [[2, "a"], [2, "c"]], [[2, "c"], [2, "a"]]),
        (BY_OTHER, [[2, "a"], [2, "c"]], [[2, "c"], [2, "a"]]),
        (BY_N, [[2, "a"]], [[2, "a"], [1, "b"]]),
        (BY_N, [], [[1, "b"]]),
        (UNORDERED, [[1, "b"], [1, "b"]], [[1, "b"], [2, "a"]]),
        (BY_N, [[1, "b"]], [[1.0, "b"]]),
        (BY_N, [[None, "b"]], [[0, "b"]]),
        (NEARLY, [[1000, "a"]], [[1200, "a"]]),
    ],
)
def test_these_differ(sql: str, here: Rows, there: Rows) -> None:
    assert differences(sql, here, there)


def test_the_rows_that_only_one_engine_has_are_shown() -> None:
    assert differences(BY_N, [[3, "c"], [2, "a"]], [[3, "c"], [1, "it's"]]) == [
        "DuckDB against Trino: row 1: [2, 'a'], not [1, \"it's\"]",
        "  - DuckDB: [2, 'a']",
        '  + Trino:  [1, "it\'s"]',
    ]
