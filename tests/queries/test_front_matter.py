"""Front matter against the body, both ways."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.errors import HomeError, UsageError
from pipeline.queries import Column, Parameter, ask, find, load, parse
from pipeline.queries.answer import columns_of
from pipeline.queries.catalogue import folder, readable
from pipeline.queries.front_matter import read
from pipeline.settings import Prices
from tests.queries.checks import problems
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:00")
HEAD = """\
-- name: small
-- title: Small
-- description: a small one
-- subject: traffic
-- panel: table
-- since: 15m
"""
PARAMS = "-- param: top integer 1..50 = 5 -- rows at most\n"
COLUMNS = "-- column: srcaddr varchar\n-- column: bytes bigint (bytes) -- of all flows\n"
BODY = """\
--
-- Why it is so.
SELECT srcaddr, sum(bytes) AS bytes
FROM vpc_flow
WHERE dt BETWEEN :first_day AND :last_day
    AND event_time >= :from_time AND event_time < :to_time
GROUP BY srcaddr
ORDER BY bytes DESC, srcaddr
LIMIT :top
"""


@pytest.fixture
def saved(tmp_path):
    def save(text=HEAD + PARAMS + COLUMNS + BODY):
        path = tmp_path / "small.sql"
        path.write_text(text)
        return read(path)

    return save


def test_front_matter_says_all_there_is_to_know(saved):
    query = saved()
    assert (query.name, query.title, query.panel, query.since) == ("small", "Small", "table", "15m")
    assert query.params == (Parameter("top", "integer", "5", (1, 50), "rows at most"),)
    assert query.columns == (
        Column("srcaddr", "varchar"),
        Column("bytes", "bigint", "bytes", "of all flows"),
    )
    assert query.sql.startswith("SELECT srcaddr")
    assert query.sql.endswith("LIMIT :top")
    assert problems(query) == []


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        (HEAD, "", 1, "does not say name, title, description, subject, panel, since"),
        ("-- panel: table\n", "", 1, "does not say panel"),
        ("-- panel: table", "-- panels: table", 5, "panels is unknown"),
        ("-- panel: table", "-- panel: table\n-- panel: map", 6, "panel is unknown or said twice"),
        ("-- name: small", "-- name: other", 1, "the name is other, the file's is small"),
        (
            "-- subject: traffic",
            "-- subject: weather",
            4,
            "the subject is one of traffic, web, security",
        ),
        ("since: 15m", "since: soon", 6, "not a length of time: 'soon'; write it like"),
        ("since: 15m", "since: 15m\n-- lookback: 9", 7, "not a length of time: '9'"),
        ("top integer", "top of integer", 7, "not a parameter"),
        ("top integer", "top timestamp", 7, "the type is one of varchar, boolean, double, integer"),
        ("top integer 1..50 = 5", "top varchar 1..50", 7, "only a number has limits"),
        ("top integer 1..50", "top integer 50..1", 7, "only a number has limits, the lower one"),
        ("= 5", "= 51", 7, "the default is not a whole number from 1 to 50"),
        ("= 5", "= five", 7, "the default is not a whole number"),
        ("top integer", "to_time integer", 7, "the parameter has a name of the window's"),
        (PARAMS, PARAMS + PARAMS, 8, "the parameter is declared twice"),
        ("top integer 1..50 = 5", "rate double = prices.nta", 7, "not a price; .*prices.nta"),
        ("top integer 1..50 = 5", "rate integer = prices.nat", 7, "not a price; known as double"),
        ("-- column: srcaddr varchar", "-- column: srcaddr", 8, "not a column"),
        (BODY, "--\n", 10, "there is no statement"),
        ("a small one", "kl\xe4glich", 3, "it is no UTF-8"),
    ],
)
def test_broken_front_matter_names_file_and_line(tmp_path, before, after, line, message):
    path = tmp_path / "small.sql"
    text = (HEAD + PARAMS + COLUMNS + BODY).replace(before, after, 1)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(HomeError, match=message) as caught:
        read(path)
    assert caught.value.where == f"at {path}:{line}"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "gone.sql").symlink_to("nowhere")
    (tmp_path / "folder.sql").mkdir()
    for name, why in (("gone.sql", "No such file"), ("folder.sql", "Is a directory")):
        with pytest.raises(HomeError, match=f"a saved query cannot be read: {why}") as caught:
            read(tmp_path / name)
        assert caught.value.where == f"at {tmp_path / name}"


def test_a_folder_without_queries_is_an_error_of_its_own(tmp_path):
    with pytest.raises(HomeError, match="there are no saved queries") as caught:
        load(within=tmp_path)
    assert caught.value.where == f"in {tmp_path}"


def test_one_bad_file_leaves_the_others_readable(saved, tmp_path):
    saved()
    (tmp_path / "bad.sql").write_text("SELECT 1")
    assert [query.name for query in readable(tmp_path)] == ["small"]
    with pytest.raises(HomeError, match="the front matter does not say name"):
        load(within=tmp_path)


def test_a_lookback_beyond_all_time_is_the_time_from_the_epoch_on(saved):
    query = saved(HEAD + "-- lookback: 999999w\n" + PARAMS + COLUMNS + BODY)
    values = parse(NOW, since="1h").values(query.lookback)
    assert values["lookback_day"] == "1970-01-01"


def test_columns_that_are_not_those_of_the_answer_are_refused():
    table = pa.table({"srcaddr": ["10.0.1.5"], "bytes": [1]})
    right = Column("srcaddr", "varchar"), Column("Bytes", "bigint")
    assert columns_of(table, right) == right
    for wrong in (right[:1], right[::-1], (*right, right[0])):
        with pytest.raises(HomeError, match="declares are not those of its answer") as caught:
            columns_of(table, wrong)
        assert caught.value.where == "the answer has srcaddr, bytes"


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (PARAMS, "", "the parameter :top is not declared"),
        (PARAMS, PARAMS + "-- param: port integer\n", "parameter port is not used"),
        ("-- column: srcaddr varchar\n", "", "the columns are srcaddr, bytes"),
        ("SELECT srcaddr, sum(bytes) AS bytes", "SELECT sum(bytes) AS bytes, srcaddr",
         "the columns are bytes, srcaddr"),
        ("dt BETWEEN :first_day AND :last_day\n    AND ", "", "vpc_flow is read without bounds"),
        (" AND event_time < :to_time", "", "vpc_flow is read without bounds"),
        ("event_time >= :from_time AND", "event_time > :from_time AND",
         "vpc_flow is read without bounds"),
        (" AND event_time < :to_time", " AND event_time < :to_time OR true",
         "vpc_flow is read without bounds"),
        ("sum(bytes)", "skewness(bytes)", "the function skewness is not allowed in a query"),
        ("DESC, srcaddr", "DESC", "srcaddr does not break ties"),
        ("LIMIT :top", "LIMIT 5", "it has no ORDER BY and LIMIT :top"),
        ("bytes bigint (bytes)", "bytes bigint", "bytes has no unit"),
    ],
)  # fmt: skip
def test_a_body_that_says_otherwise_is_found(saved, before, after, problem):
    query = saved((HEAD + PARAMS + COLUMNS + BODY).replace(before, after))
    assert problem in problems(query)


@pytest.mark.parametrize(
    ("columns", "group", "order", "problem"),
    [
        ("srcport AS port, srcaddr", "srcport, srcaddr", "srcaddr, port", ""),
        ("srcport AS port, srcaddr", "1, srcaddr", "srcaddr, port", ""),
        ("srcport AS port, srcaddr", "srcport, srcaddr", "srcaddr", "port does not break ties"),
        ("srcport, srcaddr", "1, 2", "srcaddr", "srcport does not break ties"),
    ],
)
def test_ties_are_broken_by_every_key_whatever_it_is_called(saved, columns, group, order, problem):
    query = saved()
    sql = query.sql.replace("SELECT srcaddr", f"SELECT {columns}")
    sql = sql.replace("GROUP BY srcaddr", f"GROUP BY {group}").replace(
        "DESC, srcaddr", f", {order}"
    )
    ties = [each for each in problems(replace(query, sql=sql)) if each.endswith("ties")]
    assert ties == ([problem] if problem else [])


def test_a_price_is_the_default_that_the_settings_say(saved):
    param = "-- param: rate double 0..9 = prices.nat -- USD per GB\n"
    query = saved(HEAD + PARAMS + param + COLUMNS + BODY)
    rate = Parameter("rate", "double", "0.045", (0, 9), "USD per GB", "nat")
    assert query.params[1] == rate
    assert query.at(Prices(nat=0.5)).params[1] == replace(rate, default="0.5")
    assert query.at(Prices(nat=0.5)).params[0] == query.params[0]


@pytest.mark.parametrize("nat", [0.0, 1e-07, 0.1 + 0.2, 999.5])
def test_every_price_that_can_be_set_can_be_bound(nat):
    bound = ask("nat_cost", now=NOW, prices=Prices(nat=nat)).bound
    assert bound["usd_per_gb"] == nat


def test_a_price_that_is_given_wins_over_the_settings():
    given = {"usd_per_gb": "7"}
    asked = ask("nat_cost", params=given, now=NOW, prices=Prices(nat=2.0))
    assert asked.bound["usd_per_gb"] == 7.0


def test_prices_of_the_catalogue_are_those_in_force():
    assert find("nat_cost", Prices(nat=2.0)).params[0].default == "2.0"
    assert load(Prices(nat=2.0))["s3_through_nat"].params[0].default == "2.0"
    assert load(Prices(nat=2.0))["cross_az"].params[0].default == "0.01"


def test_a_lookback_asks_for_its_own_bounds(saved):
    query = replace(saved(), lookback="7d")
    wider = query.sql.replace(":first_day", ":lookback_day").replace(":from_time", ":lookback_time")
    assert problems(query) == []
    assert problems(replace(query, sql=wider)) == []
    assert "vpc_flow is read without bounds" in problems(replace(query, sql=wider, lookback=""))


@pytest.mark.parametrize("name", load())
def test_saved_query_and_its_front_matter_agree(name):
    query = load()[name]
    assert query.name == name == query.path.stem
    assert problems(query) == []


def test_catalogue_fits_a_terminal():
    assert [name for name, query in load().items() if len(query.description) > 60] == []


def test_sql_lies_beside_the_package_in_a_checkout():
    assert (folder() / "top_talkers.sql").is_file()


@pytest.mark.parametrize("name", ["top_talkers", "top-talkers"])
def test_hyphens_and_underscores_name_the_same_query(name):
    assert find(name).name == "top_talkers"


def test_unknown_query_names_the_nearest():
    with pytest.raises(UsageError, match="there is no query called top-talker") as caught:
        find("top-talker")
    assert caught.value.where.startswith("nearest: top_talkers")
    assert caught.value.fix == "all of them: tailrace query"


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "", "top_talkers.sql"])
def test_a_name_is_no_path(name):
    with pytest.raises(UsageError, match="there is no query called"):
        find(name)
