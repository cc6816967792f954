"""What is generated for the stack: YAML that says what it was made of, SQL without parameters."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml as pyyaml
from sqlglot import exp

from pipeline.derive import catalog, delivery, named_queries, subscriptions, views, yaml
from pipeline.queries import SavedQuery, load, run
from tests.infra.stack import TEMPLATES, Stack, template
from tests.queries.homes import bring

every_query = pytest.mark.parametrize("query", load().values(), ids=lambda each: each.name)


@pytest.mark.parametrize("module", [catalog, delivery, named_queries, subscriptions, views])
def test_a_page_is_yaml_of_its_template(module: Any) -> None:
    assert pyyaml.safe_load(module.page()) == module.template()


@pytest.mark.parametrize(
    "value",
    [
        *("yes", "No", "null", "~", "1", "1e3", "2026-11-01", "12:30", "a: b", "a #b", "", "- a"),
        *("'quoted' and \"quoted\"", "Grüße\tund\u2028mehr", "x" * 200, "{a}", "*", "&a", "!a"),
        *("two\nlines", "two\n\n  lines of which one is deeper\nand a third", "AWS::Glue::Table"),
        *(True, False, 0, -7, 1.5, None, [], {}, [[]], [{"a": [1, {"b": "c" * 100}]}]),
    ],
)
def test_every_value_comes_back_from_yaml_as_it_was(value: Any) -> None:
    template = {"Key": value, "List": [value, {"Deep": value}], "Map": {"a-b": {"c": value}}}
    assert pyyaml.safe_load(yaml.page("A page.", template)) == template


def test_what_fits_stands_on_one_line_and_a_text_of_lines_on_its_own() -> None:
    assert yaml.page("A page.", {"A": {"B": [1, "c"]}, "D": {"SQL": "SELECT 1\nFROM t"}}) == (
        "# Made from the declarations by `python -m pipeline.derive`; do not edit.\n"
        "# A page.\n\n"
        "A: {B: [1, c]}\n\n"
        "D:\n  SQL: |-\n    SELECT 1\n    FROM t\n"
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three flows of ten minutes ago: named queries look at the clock themselves."""
    ended = int(time.time()) - 600
    flows = [
        f"1 eni-a 10.0.1.5 10.0.2.{last} 40000 5432 6 10 {size} {ended} ACCEPT OK egress"
        for last, size in ((8, 100), (9, 1000), (9, 10))
    ]
    folder = tmp_path_factory.mktemp("named")
    bring(folder, flows, arrival=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}")
    return folder


@every_query
def test_a_named_query_is_answered_with_the_columns_of_the_saved_one(
    query: SavedQuery, home: Path
) -> None:
    answer = run(sql=named_queries.rendered(query), home=home)
    assert answer.table.column_names == [column.name for column in query.columns]


@pytest.mark.parametrize("name", ["top_talkers", "top_pairs", "row_counts"])
def test_a_named_query_says_what_the_saved_one_says(name: str, home: Path) -> None:
    answer = run(sql=named_queries.rendered(load()[name]), home=home)
    assert answer.table.num_rows > 0
    assert answer.table.to_pydict() == run(name, home=home).table.to_pydict()


@every_query
def test_a_named_query_is_sql_of_athena_without_parameters(query: SavedQuery) -> None:
    text = named_queries.rendered(query)
    tree = sqlglot.parse_one(text, read="athena")
    assert isinstance(tree, exp.Query)
    assert not list(tree.find_all(exp.Placeholder, exp.Parameter))
    # Amazon Athena's quota of a statement.
    assert len(text.encode()) < 262_144


def test_a_named_query_has_its_defaults_and_a_window_that_ends_now() -> None:
    query = SavedQuery(
        "tiny",
        "SELECT ':top' FROM t WHERE dt BETWEEN :first_day AND :last_day\n"
        "    AND event_time >= :from_time AND event_time < :to_time LIMIT :top",
        since="1h",
        params=load()["top_talkers"].params,
    )
    now = "CAST(now() AS timestamp(3))"
    start = f"({now} - INTERVAL '1' HOUR)"
    assert named_queries.rendered(query) == (
        f"SELECT ':top' FROM t WHERE dt BETWEEN CAST(CAST({start} AS date) AS varchar)"  # noqa: S608 - own words
        f" AND CAST(CAST({now} AS date) AS varchar)\n"
        f"    AND event_time >= {start} AND event_time < {now} LIMIT 20"
    )


def test_named_queries_stand_in_the_workgroup_under_the_names_of_the_files() -> None:
    made = Stack().nested("Queries").of_type("AWS::Athena::NamedQuery").values()
    assert [each["Name"] for each in made] == list(load())
    assert {each["WorkGroup"] for each in made} == {"Workgroup"}
    assert {each["Database"] for each in made} == {"Tables.Outputs.Database"}
    # Athena API Reference, CreateNamedQuery.
    assert all(len(each["Name"]) <= 128 and len(each["Description"]) <= 1024 for each in made)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda each: each.name)
def test_what_may_be_empty_has_a_default(path: Path) -> None:
    """LocalStack takes an empty value of a parameter without a default for none at all."""
    written = template(path.name)
    conditions = json.dumps(written.get("Conditions", {}))
    empty = set(re.findall(r'"Fn::Equals": \[\{"Ref": "(\w+)"\}, ""\]', conditions))
    assert {each for each in empty if "Default" not in written["Parameters"][each]} == set()
