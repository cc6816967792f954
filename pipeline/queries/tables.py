"""The tables that can be queried: those of the sources and the pipeline's own."""

from collections.abc import Mapping

from pipeline.schema import BATCH, REJECT, Table, Type
from pipeline.sources import all_sources

LANDING = "_landing"
DAY = "dt"


def all_tables() -> Mapping[str, Table]:
    """Every declared table by its name; each can also be read as `<name>_landing`."""
    declared = [source.table for source in all_sources().values()]
    return {table.name: table for table in (*declared, REJECT, BATCH)}


def table_of(view: str) -> str:
    """Name of the table that a view shows."""
    return view.removesuffix(LANDING)


def columns_of(table: Table) -> dict[str, str]:
    """SQL type of each column of its views, by name."""
    return {field.name: field.type.sql for field in table} | {DAY: Type.VARCHAR.sql}
