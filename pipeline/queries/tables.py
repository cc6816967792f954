"""What can be queried: each table, and as `<name>_landing` what of it is not folded in yet.

The declarations come with the parsers of their sources, which take 0.15 s of CPU to load. What a
saved query reads is known without them: `python -m pipeline.derive` writes sql/columns.json.
"""

from collections.abc import Iterable, Mapping

import msgspec

from pipeline.queries.catalogue import folder
from pipeline.schema import DT, Field, Table, Type

NAME = "columns.json"
LANDING = "_landing"
DAY = DT.name
_TYPES = {each.sql: each for each in Type}


def all_tables() -> Mapping[str, Table]:
    """Every table by its name, as it is declared."""
    from pipeline.lake import tables

    return tables.all_tables()


def noted(names: Iterable[str]) -> dict[str, Table] | None:
    """Tables with the names and types of their columns alone, as they were written down.

    None where one of them was not.
    """
    try:
        content = (folder() / NAME).read_bytes()
        found = msgspec.json.decode(content, type=dict[str, dict[str, str]])
        return {name: _table(name, found[name]) for name in names}
    except (OSError, KeyError, msgspec.MsgspecError):
        return None


def _table(name: str, columns: Mapping[str, str]) -> Table:
    fields = (Field(column, _TYPES[kind], "") for column, kind in columns.items())
    return Table(name, "", tuple(fields))


def table_of(view: str) -> str:
    """Name of the table that a view shows."""
    return view.removesuffix(LANDING)


def columns_of(table: Table) -> dict[str, str]:
    """SQL type of each column of its views, by name."""
    from pipeline.lake.tables import columns

    return {field.name: field.type.sql for field in columns(table)}
