"""What can be queried: each table, and as `<name>_landing` what of it is not folded in yet."""

from pipeline.lake.tables import DT, all_tables, columns
from pipeline.schema import Table

LANDING = "_landing"
DAY = DT.name

__all__ = ["DAY", "LANDING", "all_tables", "columns_of", "table_of"]


def table_of(view: str) -> str:
    """Name of the table that a view shows."""
    return view.removesuffix(LANDING)


def columns_of(table: Table) -> dict[str, str]:
    """SQL type of each column of its views, by name."""
    return {field.name: field.type.sql for field in columns(table)}
