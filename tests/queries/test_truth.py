"""Every expression that was measured on Trino: its value here, or a refusal with a way around."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
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
    assert truth.same(truth.of_arrow(table), expression["trino_value"]) == ""


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
