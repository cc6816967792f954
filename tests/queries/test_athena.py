"""A query for Athena: the author's text with `?` for its parameters, values as literals."""

from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import TokenType

from pipeline.errors import QueryFailed
from pipeline.queries import catalogue
from pipeline.queries.dialect.athena import literal, to_athena
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.window import TYPES

KNOWN = ("top", "first_day", "from_time", "limit")


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT :top", "SELECT ?", ("top",)),
        ("SELECT :top, x FROM t LIMIT :top", "SELECT ?, x FROM t LIMIT ?", ("top", "top")),
        ("SELECT x\n  -- at :top\nFROM t /* :top */ LIMIT :top",
         "SELECT x\n  -- at :top\nFROM t /* :top */ LIMIT ?", ("top",)),
        ("SELECT ':top', 'it''s :top', \":top\" FROM t WHERE d=:first_day",
         "SELECT ':top', 'it''s :top', \":top\" FROM t WHERE d=?", ("first_day",)),
        ("SELECT 'zoë 鷺沢 🦩', :top AS \"größe\", :from_time",
         "SELECT 'zoë 鷺沢 🦩', ? AS \"größe\", ?", ("top", "from_time")),
        ("SELECT x/:top*:top LIMIT :limit", "SELECT x/?*? LIMIT ?", ("top", "top", "limit")),
        ("SELECT '?' FROM t -- ?", "SELECT '?' FROM t -- ?", ()),
        ("SELECT : top;", "SELECT ?;", ("top",)),
    ],
)  # fmt: skip
def test_only_the_placeholders_of_a_text_are_replaced(
    sql: str, text: str, names: tuple[str, ...]
) -> None:
    assert to_athena(sql, KNOWN) == (text, names)


@pytest.mark.parametrize(
    ("sql", "what", "where"),
    [
        ("SELECT x,\n  :tpo", "the parameter :tpo is not declared", "line 2, column 3"),
        ("SELECT ?", "the parameter \\? is not declared", "line 1, column 8"),
        ("SELECT :", "the parameter : is not declared", "line 1, column 8"),
        ("SELECT 'open", "the SQL cannot be read", ""),
    ],
)
def test_a_parameter_that_is_not_declared_is_refused(sql: str, what: str, where: str) -> None:
    with pytest.raises(QueryFailed, match=what) as caught:
        to_athena(sql, KNOWN)
    assert caught.value.where == where


@pytest.mark.parametrize("name", catalogue.load())
def test_every_saved_query_has_the_same_parameters_for_both_engines(name: str) -> None:
    query = catalogue.find(name)
    declared = TYPES | {parameter.name: parameter.type for parameter in query.params}
    text, names = to_athena(query.sql, declared)
    assert set(names) == set(translate(query.sql, declared).parameters)
    marks = [each for each in sqlglot.tokenize(text, read="athena") if each.text == "?"]
    places = [each.start for each in marks if each.token_type == TokenType.PLACEHOLDER]
    rebuilt = text
    for place, each in reversed(list(zip(places, names, strict=True))):
        rebuilt = f"{rebuilt[:place]}:{each}{rebuilt[place + 1 :]}"
    assert rebuilt == query.sql


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (2**63 - 1, "9223372036854775807"),
        (0.02, "0.02E0"),
        (-0.5, "-0.5E0"),
        (3.0, "3.0E0"),
        (1e300, "1E+300"),
        (5e-324, "5E-324"),
        ("", "''"),
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ("''; DROP TABLE x --", "'''''; DROP TABLE x --'"),
        ("a\\'b\n?:top", "'a\\''b\n?:top'"),
        ("zoë 🦩", "'zoë 🦩'"),
        (datetime(2026, 11, 25, 14), "TIMESTAMP '2026-11-25 14:00:00.000'"),
        (datetime(2026, 11, 25, 23, 59, 59, 999999), "TIMESTAMP '2026-11-25 23:59:59.999'"),
        (datetime(2026, 11, 25, 14, tzinfo=UTC), "TIMESTAMP '2026-11-25 14:00:00.000'"),
        (datetime(2026, 11, 25, 14, tzinfo=timezone(timedelta(hours=-5))),
         "TIMESTAMP '2026-11-25 19:00:00.000'"),
    ],
)  # fmt: skip
def test_a_value_is_a_literal_of_its_type(value: object, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_double_that_is_no_number_has_no_literal(value: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        literal(value)


@given(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none())
def test_a_literal_is_one_token_that_stands_for_its_value(value: str | int | bool | None) -> None:
    text = literal(value)
    tokens = sqlglot.tokenize(text, read="athena")
    assert len(tokens) == 1 + text.startswith("-")
    if isinstance(value, str):
        assert tokens[0].text == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_read_back_as_it_was(value: float) -> None:
    text = literal(value)
    assert "E" in text
    assert float(text) == value


def test_a_text_that_looks_like_sql_stays_a_text_of_the_engine() -> None:
    text = "x' OR 1 = 1 --"
    with duckdb.connect() as connection:
        assert connection.execute(f"select {literal(text)}").fetchall() == [(text,)]
        assert connection.execute(f"select {literal(0.1)} / 3").fetchall() == [(0.1 / 3,)]
