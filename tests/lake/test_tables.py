"""Tables by name, as people type it."""

import pytest

from pipeline.errors import UsageError
from pipeline.lake.tables import all_tables, columns, find_table
from pipeline.sources import NAMES


def test_the_tables_are_those_of_the_sources_and_the_pipelines_own() -> None:
    assert list(all_tables()) == [
        *(name.replace("-", "_") for name in NAMES),
        *("reject", "batch"),
    ]


@pytest.mark.parametrize("name", ["vpc_flow", "vpc-flow"])
def test_hyphens_and_underscores_are_the_same(name: str) -> None:
    assert find_table(name).name == "vpc_flow"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("vpc_flows", r"did you mean vpc_flow\?"), ("zzz", "known: vpc_flow, tgw_flow, app_log, ")],
)
def test_a_wrong_name_is_a_usage_error_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=rf"there is no table called {name}\n  {hint}"):
        find_table(name)


def test_the_day_stands_last_among_the_columns_of_a_view() -> None:
    names = [field.name for field in columns(find_table("vpc_flow"))]
    assert (names[0], names[-1]) == ("event_time", "dt")
