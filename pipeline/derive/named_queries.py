"""infra/queries.yaml: the saved queries as Athena's console shows them, with their defaults.

There nobody binds: parameters stand as literals, the window as what is computed from the time of
the query. Who wants another one changes the text, or asks `tailrace query`.
"""

from datetime import timedelta
from typing import Any

from pipeline.derive import yaml
from pipeline.derive.stack import VERSION, logical_id
from pipeline.queries import SavedQuery, load
from pipeline.queries.dialect.athena import literal, spelled_out
from pipeline.queries.window import span

SECOND = timedelta(seconds=1)
_ABOUT = "Emulators have no saved queries. The texts are those of sql/, with defaults filled in."
# Athena's sessions are in UTC, as the tables are.
_NOW = "CAST(now() AS timestamp(3))"


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    text = {"Type": "String"}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: saved queries.",
        "Parameters": {"Database": text, "Workgroup": text},
        "Resources": {logical_id(name): _named(query) for name, query in load().items()},
    }


def rendered(query: SavedQuery) -> str:
    """The statement with its defaults, and a window that ends when it is asked."""
    return spelled_out(query.sql, defaults(query) | _window(query))


def defaults(query: SavedQuery) -> dict[str, str]:
    """Defaults of its parameters as SQL, by their names."""
    return {
        each.name: literal(each.read(each.default))
        for each in query.params
        if each.default is not None
    }


def _window(query: SavedQuery) -> dict[str, str]:
    """SQL of what a window fills, by its name."""
    length = span(query.since)
    back = length + span(query.lookback) if query.lookback else length
    start, earlier = (f"({_NOW} - {interval(each)})" for each in (length, back))
    return {
        "from_time": start,
        "to_time": _NOW,
        "first_day": day(start),
        "last_day": day(_NOW),
        "lookback_time": earlier,
        "lookback_day": day(earlier),
    }


def interval(length: timedelta) -> str:
    """A length of time as SQL."""
    hours, rest = divmod(length, timedelta(hours=1))
    return f"INTERVAL '{length // SECOND}' SECOND" if rest else f"INTERVAL '{hours}' HOUR"


def day(moment: str) -> str:
    """The day of a moment as SQL, as partitions are named."""
    return f"CAST(CAST({moment} AS date) AS varchar)"


def _named(query: SavedQuery) -> dict[str, Any]:
    return {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {
            "Database": {"Ref": "Database"},
            "WorkGroup": {"Ref": "Workgroup"},
            "Name": query.name,
            "Description": f"{query.title}: {query.description}. The last {query.since}.",
            "QueryString": rendered(query),
        },
    }
