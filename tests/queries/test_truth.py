"""Every expression that was measured on Trino: its value here, or a refusal with a way around."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from threading import Timer
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.errors import QueryFailed
from pipeline.queries.dialect import cures
from pipeline.queries.dialect.bridge import to_duckdb
from pipeline.queries.dialect.functions import FUNCTIONS, REASONS
from pipeline.queries.dialect.macros import MACROS, called_by
from tests.queries import truth

MEASURED = truth.load()


@contextmanager
def deadline(seconds: float, interrupt: Callable[[], None]) -> Iterator[None]:
    timer = Timer(seconds, interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def measured(expect: str) -> list[Any]:
    return [pytest.param(each, id=each["id"]) for each in MEASURED if each["expect"] == expect]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """One for all, as the engine makes one for each query: the expressions read no table."""
    with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
        for macro in MACROS:
            connection.execute(f"create macro {macro}")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set integer_division = true")
        yield connection


@pytest.mark.parametrize("expression", measured("same"))
def test_the_value_here_is_trinos(
    expression: dict[str, Any], engine: duckdb.DuckDBPyConnection
) -> None:
    table = engine.sql(to_duckdb(expression["sql"])).to_arrow_table()
    ordered = truth.is_ordered(expression["sql"])
    assert truth.same(truth.of_arrow(table), expression["trino_value"], ordered) == ""


@pytest.mark.parametrize("expression", measured("refused"))
def test_what_would_differ_is_refused_with_a_way_around(expression: dict[str, Any]) -> None:
    with pytest.raises(QueryFailed) as caught:
        to_duckdb(expression["sql"])
    assert caught.value.fix


@pytest.mark.parametrize("expression", measured("error"))
def test_what_fails_on_trino_fails_here(
    expression: dict[str, Any], engine: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises((QueryFailed, duckdb.Error)):
        engine.sql(to_duckdb(expression["sql"])).to_arrow_table()


def test_a_map_of_many_rows_is_made_in_time() -> None:
    # Each row compared with every one before it took ten minutes and 9 GB for these.
    rows = "FROM UNNEST(sequence(1, 9999)) AS a(x) CROSS JOIN UNNEST(sequence(1, 16)) AS b(y)"
    asked = to_duckdb(f"SELECT cardinality(map_agg(x * 16 + y, y)) AS v {rows}")
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        for macro in MACROS:
            connection.execute(f"create macro {macro}")
        connection.execute("set integer_division = true")
        with deadline(60, connection.interrupt):
            assert connection.execute(asked).fetchall() == [(159_984,)]


def test_there_are_enough_expressions_and_each_has_a_name_of_its_own() -> None:
    assert len(MEASURED) >= 300
    assert len({each["id"] for each in MEASURED}) == len(MEASURED)


def test_every_allowed_function_gives_trinos_value_in_an_expression() -> None:
    said = " ".join(each["sql"].lower() for each in MEASURED if each["expect"] == "same")
    called = set(re.findall(r"(\w+)\s*\(", said))
    assert FUNCTIONS - called == set()


def test_every_cure_is_of_an_allowed_function() -> None:
    assert cures.NAMED.keys() - FUNCTIONS == set()
    assert REASONS.keys() & FUNCTIONS == set()


def test_only_the_macros_that_a_statement_needs_are_made() -> None:
    assert called_by("SELECT 1") == []
    names = [macro.partition("(")[0] for macro in called_by("SELECT TR_IP(x), tr_upper(y)")]
    assert names[-2:] == ["tr_ip", "tr_upper"]
    assert "tr_v6" in names
    assert not any("url" in name for name in names)


def test_rows_of_arrow_are_told_as_the_file_tells_them() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 120000)
    table = pa.table(
        {
            "dec": pa.array([Decimal("1.50")]),
            "map": pa.array([[("b", 2), ("a", 1)]], pa.map_(pa.string(), pa.int32())),
            "hex": pa.array([b"\xc3\xa9"]),
            "time": pa.array([when], pa.timestamp("ms")),
            "zoned": pa.array([when.replace(tzinfo=UTC)], pa.timestamp("ms", "Asia/Tokyo")),
            "day": pa.array([when.date()]),
            "row": pa.array([{"x": 1, "y": [float("nan"), float("-inf")]}]),
            "none": pa.array([None], pa.int64()),
        }
    )
    assert truth.of_arrow(table) == [
        [
            {"dec": "1.50"},
            {"map": [["a", 1], ["b", 2]]},
            {"hex": "c3a9"},
            "2026-01-02 03:04:05.12",
            "instant 2026-01-02 03:04:05.12",
            "2026-01-02",
            [1, ["NaN", "-Infinity"]],
            None,
        ]
    ]


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT 1 AS v UNION ALL SELECT 2", False),
        ("SELECT 1 AS v UNION ALL SELECT 2 order by abs(v)", True),
        ("SELECT sum(x) OVER (ORDER BY x) AS v FROM t", False),
        ("SELECT ')' AS v FROM (SELECT x FROM t ORDER BY x)", False),
    ],
)
def test_rows_are_in_order_where_the_whole_statement_says_it(sql: str, ordered: bool) -> None:
    assert truth.is_ordered(sql) == ordered


@pytest.mark.parametrize(
    ("found", "wanted", "ordered", "same"),
    [
        ([[1]], [[1]], True, True),
        ([[1]], [[1.0]], True, False),
        ([[1]], [[True]], True, False),
        ([[None]], [["None"]], True, False),
        ([[1], [2]], [[2], [1]], True, False),
        ([[1], [2]], [[2], [1]], False, True),
        ([[1], [1]], [[1]], False, False),
        ([[1e9]], [[1e9 + 0.1]], True, True),
        ([[1e9]], [[1e9 + 10]], True, False),
        ([[0.3, "b"], [0.1 + 0.2, "a"]], [[0.3, "a"], [0.3, "b"]], False, True),
        ([[{"dec": "1.50"}]], [[{"dec": "1.5"}]], True, True),
        ([[{"dec": "1.50"}]], [["1.50"]], True, False),
        ([[{"map": [["b", 2], ["a", 1]]}]], [[{"map": [["a", 1], ["b", 2]]}]], True, True),
        ([[{"map": [["a", 2]]}]], [[{"map": [["a", 1]]}]], True, False),
        ([[{"json": '{"a": 1}'}]], [[{"json": '{"a":1}'}]], True, True),
        ([[[1, 2]]], [[[2, 1]]], False, False),
    ],
)
def test_two_answers_are_compared_by_value(
    found: truth.Rows, wanted: truth.Rows, ordered: bool, same: bool
) -> None:
    assert (truth.same(found, wanted, ordered) == "") == same
