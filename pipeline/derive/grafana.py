"""docs/grafana.json: a dashboard of all saved queries for Grafana, over Athena.

A row for each subject, folded in but for the first: what is not seen is not asked, and costs
nothing. The window is Grafana's time range, by the macros of its data source, which are found by
their text: behind `$__timeFrom()` stands a blank, for versions of it take a second parenthesis too.

Sources: Grafana documentation, "Dashboard JSON model" (classic); "Amazon Athena query editor",
macros; grafana/athena-datasource, src/types/query.types.ts.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.derive.named_queries import day, defaults, interval
from pipeline.queries import Column, SavedQuery, load
from pipeline.queries.dialect.athena import spelled_out
from pipeline.queries.front_matter import SUBJECTS
from pipeline.queries.window import span

SOURCE = {"type": "grafana-athena-datasource", "uid": "${datasource}"}
# As it is chosen in the data source.
CHOSEN = {each: "__default" for each in ("region", "catalog", "database")}
TIME_SERIES, TABLE = 0, 1
FROM, TO = (f"CAST($__{name}() AS timestamp(3))" for name in ("timeFrom", "timeTo"))
SERIES, COLUMNS = "series", 24
# In the order of a row: by what `panel` says.
ORDER = ("figures", SERIES, "ranking", "health", "table")
HIGH = 9
UNITS = {"bytes": "decbytes", "share": "percentunit", "usd": "currencyUSD", "seconds": "s"}
COUNTED = "locale"
DOCS = "Tailrace: saved queries over Athena. Made from sql/; docs/grafana.md says how to use it."


def page() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's classic model."""
    return {
        "title": "Tailrace",
        "uid": "tailrace",
        "description": DOCS,
        "tags": ["tailrace", "athena"],
        "schemaVersion": 39,
        "version": 1,
        "id": None,
        "editable": True,
        "timezone": "utc",
        "time": {"from": "now-1h", "to": "now"},
        # Each refresh asks Athena anew, which has its price.
        "refresh": "",
        "templating": {"list": [_choice()]},
        "annotations": {"list": []},
        "links": [],
        "panels": list(_rows()),
    }


def _choice() -> dict[str, Any]:
    """Which data source is asked: one for each stage."""
    return {
        "name": "datasource",
        "label": "Stage",
        "type": "datasource",
        "query": SOURCE["type"],
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "current": {},
    }


def _rows() -> Iterator[dict[str, Any]]:
    saved, y, number = load().values(), 0, 0
    for place, (subject, title) in enumerate(SUBJECTS.items()):
        own = [query for query in saved if query.subject == subject]
        own.sort(key=lambda query: (ORDER.index(query.panel), query.name))
        panels, bottom = _placed(own, y + 1, number + 2)
        row = {
            "id": number + 1,
            "type": "row",
            "title": title,
            "collapsed": place > 0,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": panels if place > 0 else [],
        }
        yield row
        if place == 0:
            yield from panels
        # Folded in it has the height of its title.
        y, number = y + 1 if place else bottom, number + 1 + len(panels)


def _placed(own: Sequence[SavedQuery], y: int, number: int) -> tuple[list[dict[str, Any]], int]:
    """Panels in two columns, series over both; and where they end."""
    panels: list[dict[str, Any]] = []
    x = 0
    for query in own:
        wide = COLUMNS if query.panel == SERIES else COLUMNS // 2
        if x + wide > COLUMNS:
            x, y = 0, y + HIGH
        place = {"x": x, "y": y, "w": wide, "h": HIGH}
        panels.append(_panel(query, number + len(panels), place))
        x += wide
    return panels, y + HIGH


def _panel(query: SavedQuery, number: int, place: dict[str, int]) -> dict[str, Any]:
    series = query.panel == SERIES
    needs = f" It needs {query.needs}." if query.needs else ""
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "connectionArgs": CHOSEN,
        "format": TIME_SERIES if series else TABLE,
        "rawSQL": rendered(query),
    }
    return {
        "id": number,
        "type": "timeseries" if series else "table",
        "title": query.title,
        "description": f"{query.description}.{needs} The same: tailrace query {query.name}",
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [target],
        "fieldConfig": _drawn(query) if series else _shown(query),
        "options": _legend() if series else {"showHeader": True, "cellHeight": "sm"},
    }


def rendered(query: SavedQuery) -> str:
    """The statement with its defaults, and Grafana's time range."""
    window = {
        "from_time": FROM,
        "to_time": TO,
        "first_day": day(FROM),
        "last_day": day(TO),
    }
    if query.lookback:
        earlier = f"({FROM} - {interval(span(query.lookback))})"
        window |= {"lookback_time": earlier, "lookback_day": day(earlier)}
    return spelled_out(query.sql, defaults(query) | window)


def _shown(query: SavedQuery) -> dict[str, Any]:
    """Columns of a table in their units, shares as bars."""
    overrides = [
        _override({"id": "byName", "options": each.name}, _properties(each))
        for each in query.columns
        if each.unit
    ]
    return {"defaults": {"custom": {"filterable": True}}, "overrides": overrides}


def _properties(column: Column) -> dict[str, Any]:
    unit = {"unit": UNITS.get(column.unit, column.unit if column.unit == "ms" else COUNTED)}
    if column.unit != "share":
        return unit
    bar = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    return unit | {"min": 0, "max": 1, "custom.cellOptions": bar}


def _drawn(query: SavedQuery) -> dict[str, Any]:
    """Of a series what is of the unit of its first value; the rest is told by its tooltip.

    By expression: where a column of text splits a series, its name stands behind the column's.
    """
    values = [each for each in query.columns if each.unit]
    overrides = []
    for each in values:
        found = _properties(each)
        if each.unit != values[0].unit:
            found["custom.hideFrom"] = {"viz": True, "legend": True, "tooltip": False}
        matcher = {"id": "byRegexp", "options": rf"/^{each.name}\b/"}
        overrides.append(_override(matcher, found))
    custom = {"drawStyle": "line", "fillOpacity": 15, "showPoints": "never", "spanNulls": False}
    return {"defaults": {"custom": custom}, "overrides": overrides}


def _override(matcher: dict[str, str], properties: dict[str, Any]) -> dict[str, Any]:
    told = [{"id": name, "value": value} for name, value in properties.items()]
    return {"matcher": matcher, "properties": told}


def _legend() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
