"""Athena's dialect on DuckDB: the values are Trino's (476, measured), written here by hand."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from pipeline.errors import QueryFailed
from pipeline.queries import run
from pipeline.queries.dialect.bridge import to_duckdb, translate
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:00")
ONE = "SELECT {} AS v"
PAIRS = " FROM (VALUES (1, 10), (2, 20), (3, NULL)) AS t(x, y) "
OF_FLOWS = "SELECT {} FROM vpc_flow"


@pytest.fixture(scope="module")
def value(home):
    def ask(sql):
        return run(sql=sql, home=home, now=NOW).table.column(0).to_pylist()

    return ask


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("date_diff('minute', TIMESTAMP '2026-01-01 10:00:30',"
         " TIMESTAMP '2026-01-01 10:01:10')", 0),
        ("date_diff('hour', TIMESTAMP '2026-01-01 10:59:00', TIMESTAMP '2026-01-01 11:01:00')", 0),
        ("date_diff('day', TIMESTAMP '2026-01-01 23:00:00', TIMESTAMP '2026-01-02 01:00:00')", 0),
        ("date_diff('second', TIMESTAMP '2026-01-01 10:00:00.9',"
         " TIMESTAMP '2026-01-01 10:00:01.1')", 0),
        ("date_diff('millisecond', TIMESTAMP '2026-01-01 10:00:00.900',"
         " TIMESTAMP '2026-01-01 10:00:01.100')", 200),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 % 3", 1),
        ("7 / 2e0", 3.5),
        ("CAST(2.5e0 AS bigint)", 3),
        ("CAST(-2.5e0 AS bigint)", -3),
        ("CAST(4.5e0 AS integer)", 5),
        ("round(2.675e0, 2)", 2.68),
        ("round(-2.5e0)", -3.0),
        ("0.1 + 0.2", Decimal("0.3")),
        ("TRY_CAST('1.5' AS bigint)", None),
        ("TRY_CAST('1_000' AS integer)", None),
        ("TRY_CAST('0x1F' AS integer)", None),
        ("TRY_CAST(' 12 ' AS bigint)", 12),
        ("TRY_CAST('yes' AS boolean)", None),
        ("TRY_CAST('epoch' AS timestamp)", None),
        ("TRY_CAST('2026/01/01' AS date)", None),
        ("CAST('2026-01-01' AS date)", date(2026, 1, 1)),
        ("CAST('abcdef' AS varchar(3))", "abc"),
        ("CAST(TIMESTAMP '2026-01-01 10:00:00.120' AS varchar)", "2026-01-01 10:00:00.120"),
        ("split_part('a-b', '-', 2)", "b"),
        ("split_part('a-b', '-', 5)", None),
        ("split_part('a-', '-', 2)", ""),
        ("element_at(split('a,b', ','), 2)", "b"),
        ("regexp_extract('abc', '[0-9]+')", None),
        ("regexp_extract('a1b', '([a-z])[0-9]', 1)", "a"),
        ("regexp_replace('a1b22', '([0-9]+)', '<$1>')", "a<1>b<22>"),
        ("regexp_like('port 22', '\\d+')", True),
        ("substr('hello', 0)", ""),
        ("substr('hello', -99)", ""),
        ("substr('hello', 2, 3)", "ell"),
        ("date_trunc('month', DATE '2026-05-17')", date(2026, 5, 1)),
        ("date_add('month', 1, DATE '2026-01-31')", date(2026, 2, 28)),
        ("DATE '2026-01-08' - INTERVAL '7' DAY", date(2026, 1, 1)),
        ("date_trunc('hour', TIMESTAMP '2026-01-01 10:59:59.999')", datetime(2026, 1, 1, 10)),
        ("date_format(TIMESTAMP '2026-01-01 10:05:09', '%H:%i')", "10:05"),
        ("extract(dow FROM DATE '2026-01-04')", 7),
        ("day_of_week(DATE '2026-01-04')", 7),
        ("contains(ARRAY[1, NULL], 2)", None),
        ("contains(ARRAY[1, 2], 2)", True),
        ("cardinality(map(ARRAY['a', 'b'], ARRAY[1, 2]))", 2),
        ("element_at(map(ARRAY['a'], ARRAY[1]), 'b')", None),
        ("reverse(ARRAY[1, 2, 3])", [3, 2, 1]),
        ("sequence(3, 1)", [3, 2, 1]),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a')", None),
        ("json_extract_scalar('not json', '$.a')", None),
        ("concat('a', NULL)", None),
        ("TRY(1 / 0)", None),
    ],
)  # fmt: skip
def test_an_expression_has_trinos_value(value, expression, expected):
    assert value(ONE.format(expression)) == [expected]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT max_by(y, x) AS v" + PAIRS, [None]),
        ("SELECT min_by(x, y) AS v" + PAIRS, [1]),
        ("SELECT count_if(x > 1) AS v" + PAIRS, [2]),
        ("SELECT sum(x) FILTER (WHERE x > 1) AS v" + PAIRS, [5]),
        ("SELECT sum(x) OVER (ORDER BY x) AS v" + PAIRS + "ORDER BY x", [1, 3, 6]),
        ("SELECT y" + PAIRS + "ORDER BY y DESC", [20, 10, None]),
        ("SELECT x" + PAIRS + "WHERE x = ANY (SELECT 2)", [2]),
        ("SELECT n FROM UNNEST(sequence(1, 3)) AS t(n) ORDER BY n", [1, 2, 3]),
        ("SELECT count(*) FROM vpc_flow WHERE event_time >= now() - INTERVAL '1' HOUR AND false",
         [0]),
    ],
)  # fmt: skip
def test_a_query_has_trinos_value(value, sql, expected):
    assert value(sql) == expected


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("sum(bytes)", "bigint"),
        ("sum(srcport)", "bigint"),
        ("count_if(bytes > 0)", "bigint"),
        ("avg(bytes)", "double"),
        ("max(event_time)", "timestamp(3)"),
        ("date_trunc('day', max(event_time))", "timestamp(3)"),
        ("max(CAST(event_time AS date))", "date"),
        ("max(srcport)", "integer"),
        ("array_agg(srcport)", "array(integer)"),
        ("map(ARRAY['a'], ARRAY[1])", "map(varchar, integer)"),
        ("max(now())", "timestamp(3) with time zone"),
        ("bool_or(second_sight)", "boolean"),
        ("1.50", "decimal(3, 2)"),
    ],
)
def test_columns_have_athenas_types(home, expression, kind):
    answer = run(sql=OF_FLOWS.format(expression), home=home, now=NOW)
    assert [(column.name, column.type) for column in answer.columns] == [("_col0", kind)]


def test_sum_keeps_whole_numbers_that_a_double_would_lose(value):
    sql = "SELECT sum(x) / 10 FROM (VALUES 9007199254740993, 9007199254740990) AS t(x)"
    assert value(sql) == [1801439850948198]


def test_parameters_are_bound_and_typed_never_formatted():
    text = "SELECT sum(bytes) / :n FROM vpc_flow WHERE srcaddr = :who LIMIT :n"
    found = translate(text, {"n": "integer", "who": "varchar"})
    assert found.parameters == ("n", "who")
    assert found.views == ("vpc_flow",)
    assert "CAST($n AS INT)" in found.sql
    assert "$who" in found.sql


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("CAST('1.5' AS bigint)", "this is no bigint for Athena"),
        ("CAST('2026-01-01T10:00:00' AS timestamp)", "this is no timestamp for Athena"),
        ("1.0 / 3", "Athena divides decimals to few digits"),
        ("avg(1.5)", "Athena averages decimals to few digits"),
        ("CAST(1.5e0 AS varchar)", "a double reads differently as text on Athena"),
        ("CAST('a' AS char(3))", "this type is not allowed"),
        ("CAST('10.0.0.1' AS IPADDRESS)", "an address can be compared, not shown"),
        ("contains('10.0.0.1/8', CAST('10.0.0.1' AS IPADDRESS))", "this is no network for Athena"),
        ("contains('10.0.0.0/8', '10.0.0.1')", "a network contains addresses, not text"),
        ("contains(IPPREFIX '10.0.0.0/8', CAST('10.0.0.1' AS IPADDRESS))",
         "this type is not allowed"),
        ("format('%.2f', 1.5e0)", "only %s, %d, %,d and %05d are formatted here"),
        ("1 & 3", "Athena has no &"),
        ("1 << 3", "not allowed in a query"),
        ("CAST(element_at(ARRAY[1.5e0], 1) AS varchar)",
         "a double reads differently as text on Athena"),
        ("array_join(ARRAY[1.5e0], ',')", "its elements read differently as text"),
        ("regexp_like('a', '(?=a)')", "the engine here does not read looking ahead"),
        ("regexp_extract('a', 'a', 1)", "the pattern has 0 groups"),
        ("date_parse('10:00', '%H:%i')", "a time without its year"),
        ("json_extract('{}', '$.a')", "the function json_extract is not allowed"),
        ("split('a,b,c', ',', 2)", "one argument too many"),
        ("regexp_extract('b', '(a)?b', 1)", "a group that may take no part"),
        ("regexp_replace('a', '(?<x>a)', '${x}')", "only text and .1 to .9 can stand in"),
        ("ARRAY[1, 2][1]", "not allowed in a query"),
        ("transform(ARRAY[1.5e0], x -> CAST(x AS varchar))",
         "a double reads differently as text on Athena"),
        ("reduce(ARRAY[1.5e0], 0, (s, x) -> s + x, s -> s)", "what it gathers changes its type"),
        ("TIMESTAMP '2026-01-01 00:00:00' AT TIME ZONE 'Asia/Tokyo'", "not allowed in a query"),
        ("TIMESTAMP '2026-01-02 00:00:00' - TIMESTAMP '2026-01-01 00:00:00'",
         "the engine here has no such lengths"),
        ("DATE '2026-01-01' + INTERVAL '3' HOUR", "a date has no hours"),
        ("extract(epoch FROM TIMESTAMP '2026-01-01 00:00:00')", "this part of a time is unknown"),
        ("max_by(1, 2, 3)", "only one value can be asked for"),
        ("'1' = 1", "Athena does not compare text with a number"),
        ("TIMESTAMP '2026-01-01 00:00:00' > '2026-01-01'",
         "Athena does not compare a time with text"),
        ("nvl(1, 2)", "the function nvl is not allowed"),
        ("TRY(CAST(concat('a') AS bigint))", "TRY does not reach into this here"),
        ("concat_ws(',', 'a', CAST('10.0.0.1' AS IPADDRESS))", "Athena joins text to text"),
        ("to_iso8601(TIMESTAMP '2026-01-01 00:00:00')", "its precision decides how this reads"),
        ("from_unixtime(0, 'Asia/Tokyo')", "times are UTC here"),
        ("count(DISTINCT 1, 2)", "Athena counts one value"),
        ("approx_percentile(1, 2, 0.5)", "a percentile takes no weight or accuracy here"),
        ("ROW(1, 2)", "the function row is not allowed"),
    ],
)  # fmt: skip
def test_what_would_be_answered_differently_is_refused(expression, message):
    with pytest.raises(QueryFailed, match=message) as caught:
        to_duckdb(ONE.format(expression))
    assert caught.value.fix


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        ("SELECT srcadr FROM vpc_flow", "Column srcadr could not be resolved", "srcaddr"),
        ("SELECT 1 FROM vpc_flw", "there is no table vpc_flw", "did you mean vpc_flow"),
        ("SELECT lenght('a')", "the function lenght is not allowed", "did you mean length"),
        ("SELECT bytes AS b FROM vpc_flow WHERE b = 1", "Column b could not", "tailrace tables"),
        ("SELECT bytes FROM vpc_flow, tgw_flow", "Column bytes could not", "bytes"),
        ("SELECT 1 FROM vpc_flow WHERE dstport = '22'", "a number with text",
         "write 22 without quotes"),
        ("SELECT 1 FROM vpc_flow WHERE dstport IN (22, '80')", "a number with text",
         "write 80 without quotes"),
        ("SELECT 1 FROM vpc_flow WHERE account_id IN ('1', 123456789010)", "text with a number",
         "write '123456789010' in single quotes"),
        ('SELECT 1 FROM vpc_flow WHERE srcaddr = "1.2.3.4"', "Column 1.2.3.4 could not",
         "text takes single quotes: '1.2.3.4'"),
        ("SELECT min(start) FROM vpc_flow", "Column start could not", "here it is start_time"),
        ('SELECT min("end") FROM vpc_flow', "Column end could not", "here it is end_time"),
        ("SELECT 1 FROM vpc_flow WHERE date = DATE '2026-11-25'", "Column date could not",
         "here it is CAST(dt AS date)"),
        ('SELECT 1 FROM vpc_flow WHERE action = "REJECT"', "Column reject could not",
         "text takes single quotes: 'REJECT'"),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT count(*) FROM t",
         "WITH RECURSIVE is not allowed", "sequence(1, n)"),
        ("SELECT 1 FROM (WITH RECURSIVE t(n) AS (SELECT 1) SELECT n FROM t) AS x",
         "WITH RECURSIVE is not allowed", "leave RECURSIVE out"),
        ("show tables", "only SELECT is allowed, not show", "tailrace tables"),
        ("DESCRIBE vpc_flow", "only SELECT is allowed, not DESCRIBE", "tailrace tables"),
        ("DROP TABLE vpc_flow", "only SELECT is allowed, not DROP", "begin with SELECT"),
        ("SELECT 1 FROM vpc_flow WHERE", "something is missing in WHERE", "Athena"),
        ("SELECT :who", "the parameter :who is not declared", "known: from_time"),
        ("SELECT INTERVAL DAY '1'", "this is no interval", "INTERVAL '1' DAY"),
        ("SELECT max(DISTINCT) FROM vpc_flow", "nothing follows DISTINCT", "count(DISTINCT x)"),
        ("SELECT x FROM (ARRAY[1]) t(x)", "these are no rows", "UNNEST(a)"),
        ("SELECT CAST(ARRAY[1] AS array())", "a type of many values", "ARRAY(bigint)"),
        ("SELECT DISTINCT bytes FROM vpc_flow ORDER BY -1", "ordered by what it shows", "select"),
        ("SELECT 1 +", "the SQL cannot be read", "Athena"),
        ("SELECT 'a", "the SQL cannot be read", "Athena"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_a_hint(sql, message, hint):
    with pytest.raises(QueryFailed, match=message) as caught:
        to_duckdb(sql)
    assert hint in caught.value.fix


@pytest.mark.parametrize(
    ("sql", "column"),
    [
        ("SELECT srcaddr, FROM vpc_flow", 15),
        ("SELECT srcaddr,, dstaddr FROM vpc_flow", 15),
        ("SELECT 1, 2,", 12),
        ("SELECT coalesce(srcaddr,) FROM vpc_flow", 24),
        ("SELECT 1 FROM vpc_flow WHERE dstport IN (22,)", 44),
        ("SELECT srcaddr FROM vpc_flow GROUP BY srcaddr, ORDER BY srcaddr", 46),
    ],
)
def test_a_comma_that_nothing_follows_is_refused_as_athena_does(sql, column):
    with pytest.raises(QueryFailed, match="nothing follows a comma") as caught:
        to_duckdb(sql)
    assert caught.value.where == f"line 1, column {column}"


def test_the_place_of_a_mistake_is_named():
    with pytest.raises(QueryFailed, match="nope") as caught:
        to_duckdb("SELECT 1,\n  nope(2)")
    assert caught.value.where == "line 2, column 3"
