"""docs/grafana.json: what Grafana asks is what the saved queries ask.

Grafana's own part is done here as its data source does it: macros are found by an expression in the
text (grafana/sqlds, macros.go, which has had two), and become timestamps in whole seconds
(grafana/athena-datasource, pkg/athena/macros.go).
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.queries import Window, load, run
from pipeline.queries.dialect.athena import literal
from tests.queries.golden.answers import rows
from tests.queries.homes import moment

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))
MACROS = (r"\$__{}(?:\((.*?)\))?", r"\$__{}\b(?:\((.*?\)?)\))?")
# What its frontend takes for variables of a dashboard.
VARIABLE = re.compile(r"\$(\w+)|\[\[(\w+)|\$\{(\w+)")
NAMED = re.compile(r"The same: tailrace query (\w+)$")
NOW = moment("2026-11-25T15:05")


def panels() -> Iterator[dict[str, Any]]:
    for each in DASHBOARD["panels"]:
        if each["type"] != "row":
            yield each
        yield from each.get("panels", ())


PANELS = {NAMED.findall(panel["description"])[0]: panel for panel in panels()}


def sql_of(panel: dict[str, Any]) -> str:
    (target,) = panel["targets"]
    text: str = target["rawSQL"]
    return text


def expanded(text: str, macro: str, start: datetime, end: datetime) -> str:
    """What Athena is sent for a time range."""
    for name, time in (("timeFrom", start), ("timeTo", end)):
        told = f"TIMESTAMP '{time:%Y-%m-%d %H:%M:%S}'"
        for found in list(re.finditer(macro.format(name), text)):
            text = text.replace(found[0], told)
    return text


def test_every_saved_query_is_on_it_once() -> None:
    assert sorted(PANELS) == list(load())
    assert len(list(panels())) == len(PANELS)


@pytest.mark.parametrize("name", PANELS)
def test_what_it_asks_is_answered_as_the_saved_query(
    name: str, home_of: Callable[[str], Path], hour: Window
) -> None:
    window = hour.from_time, hour.to_time
    text, other = (expanded(sql_of(PANELS[name]), macro, *window) for macro in MACROS)
    assert text == other
    found = run(sql=text, home=home_of(name), now=NOW)
    saved = run(name, window=hour, home=home_of(name), now=NOW)
    assert rows(found) == rows(saved)
    assert found.table.column_names == [each.name for each in load()[name].columns]


def test_most_of_them_have_an_answer(home_of: Callable[[str], Path], hour: Window) -> None:
    empty = [
        name
        for name in PANELS
        if not len(run(name, window=hour, home=home_of(name), now=NOW).table)
    ]
    assert len(empty) < 3, empty


@pytest.mark.parametrize("name", PANELS)
def test_nothing_in_a_text_is_a_variable_but_the_time_range(name: str) -> None:
    found = {each[0] for each in VARIABLE.finditer(sql_of(PANELS[name]))}
    assert {"$__timeFrom"} <= found <= {"$__timeFrom", "$__timeTo"}
    assert "$__timeTo()" in sql_of(PANELS[name])


@pytest.mark.parametrize("name", PANELS)
def test_defaults_stand_as_they_are_declared(name: str) -> None:
    text = sql_of(PANELS[name])
    for each in load()[name].params:
        assert each.default is not None
        assert literal(each.read(each.default)) in text


@pytest.mark.parametrize("name", PANELS)
def test_what_is_said_of_columns_is_said_of_columns_there_are(name: str) -> None:
    columns = {each.name: each for each in load()[name].columns}
    told = set()
    for override in PANELS[name]["fieldConfig"]["overrides"]:
        matched = override["matcher"]["options"]
        if override["matcher"]["id"] == "byRegexp":
            expression = re.compile(matched.strip("/"))
            (matched,) = (each for each in columns if expression.search(each))
            assert expression.search(f"{matched} alb")
        assert matched in columns
        told.add(matched)
    assert told == {each.name for each in columns.values() if each.unit}


def test_a_series_is_in_order_of_time_as_grafana_wants_it() -> None:
    series = [name for name, panel in PANELS.items() if panel["type"] == "timeseries"]
    assert series == [name for name in PANELS if load()[name].panel == "series"]
    for name in series:
        column, *_ = load()[name].columns
        assert column.type == "timestamp(3)"
        assert re.search(rf"^ORDER BY {column.name}\b(?! DESC)", sql_of(PANELS[name]), re.M)
        assert PANELS[name]["targets"][0]["format"] == 0


def test_no_two_panels_share_a_number_or_a_place() -> None:
    everything = [*DASHBOARD["panels"], *(each for row in folded() for each in row["panels"])]
    assert len({each["id"] for each in everything}) == len(everything)
    for level in (DASHBOARD["panels"], *(row["panels"] for row in folded())):
        cells = [cell for each in level for cell in cells_of(each["gridPos"])]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


def folded() -> list[dict[str, Any]]:
    return [each for each in DASHBOARD["panels"] if each["type"] == "row" and each["collapsed"]]


def cells_of(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def test_what_costs_is_asked_by_whoever_looks_and_not_by_the_clock() -> None:
    assert DASHBOARD["refresh"] == ""
    assert len(folded()) == 5
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
    (choice,) = DASHBOARD["templating"]["list"]
    assert (choice["name"], choice["query"]) == ("datasource", "grafana-athena-datasource")
