"""Views that show what several tables have in common, so that one query serves them all.

    SELECT status, count(*) FROM http_request GROUP BY status

A source tells which of its columns serve as those of the shape (`Source.request`); nothing is
stored twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.reading.web_requests import SHAPE
from pipeline.schema import DT, EVENT_TIME, IDENTITY, Field, Table, Type
from pipeline.sources import all_sources

SOURCE = Field("source", Type.VARCHAR, "Source that logged it.")
RECORD_ID = IDENTITY[0]


@dataclass(frozen=True, slots=True)
class SharedView:
    """A view over tables; `parts`: by table, which source it is of and its SELECT."""

    table: Table
    parts: Mapping[str, str]

    @property
    def select(self) -> str:
        """Its SELECT, for Trino and DuckDB alike: all its tables together."""
        return "\nUNION ALL\n".join(self.parts.values())


@cache
def shared_views() -> Mapping[str, SharedView]:
    """Every shared view, by name."""
    doc = (
        "Web requests of every source that logs them, in one shape. A request that passed several"
        " of them (CloudFront, then a load balancer) is there once for each."
    )
    table = Table("http_request", doc, (EVENT_TIME, SOURCE, *SHAPE, RECORD_ID))
    parts = {
        source.table.name: _select(source.name, source.table, source.request)
        for source in all_sources().values()
        if source.request is not None
    }
    return {table.name: SharedView(table, parts)}


def _select(source: str, table: Table, request: Mapping[str, str]) -> str:
    own = [(field, request.get(field.name, field.name)) for field in SHAPE]
    shape = ",\n    ".join(_column(field, table, name) for field, name in own)
    return (
        f"SELECT\n    {EVENT_TIME.name},\n    '{source}' AS {SOURCE.name},\n    {shape},\n"
        f"    {RECORD_ID.name},\n    {DT.name}\nFROM {table.name}"
    )


def _column(field: Field, table: Table, own: str) -> str:
    if own not in table:
        return f"CAST(NULL AS {field.type.sql}) AS {field.name}"
    if table[own].type is not field.type:
        return f'CAST("{own}" AS {field.type.sql}) AS {field.name}'
    return f'"{own}" AS {field.name}'
