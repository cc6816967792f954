"""What can be queried: each table, as `<name>_landing` what of it is not folded in yet, and what
several tables have in common.

The declarations come with the parsers of their sources, which take 0.15 s of CPU to load. What a
saved query reads is known without them: `python -m pipeline.derive` writes sql/columns.json.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.queries.catalogue import folder
from pipeline.schema import DT, Field, Table, Type

NAME = "columns.json"
LANDING = "_landing"
DAY = DT.name
_TYPES = {each.sql: each for each in Type}


class Columns(msgspec.Struct):
    """Content of sql/columns.json.

    tables  by table, SQL type of each column
    shared  by shared view, the SELECT over each of its tables
    """

    tables: dict[str, dict[str, str]]
    shared: dict[str, dict[str, str]]


# Made here and not at the first use: msgspec 0.22 dies where two threads have theirs at once.
_columns = msgspec.json.Decoder(Columns)


@dataclass(frozen=True, slots=True)
class Shown:
    """What some views show.

    tables  those that are read, by name
    shared  the SELECT of each shared view among them, by its name
    """

    tables: Mapping[str, Table]
    shared: Mapping[str, str]


def all_views() -> Mapping[str, Table]:
    """Every table and shared view by its name, as it is declared."""
    from pipeline.lake import tables

    return tables.all_views()


def declared() -> Columns:
    """What can be queried, as it is declared."""
    from pipeline.lake.shared import shared_views
    from pipeline.lake.tables import all_tables

    return Columns(
        {
            name: {field.name: field.type.sql for field in table}
            for name, table in all_tables().items()
        },
        {name: dict(view.parts) for name, view in shared_views().items()},
    )


def noted() -> Columns | None:
    """What can be queried, as it was written down; None where it cannot be read."""
    try:
        return _columns.decode((folder() / NAME).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None


def shown_by(views: Iterable[str], columns: Columns) -> Shown:
    """What these views show. Raises KeyError where one, or a type, is not among `columns`."""
    names = {name_of(view) for view in views}
    shared = {name: columns.shared[name] for name in sorted(names) if name in columns.shared}
    read = sorted((names - shared.keys()).union(*shared.values()))
    return Shown(
        {name: _table(name, columns.tables[name]) for name in read},
        {name: "\nUNION ALL\n".join(parts.values()) for name, parts in shared.items()},
    )


def _table(name: str, columns: Mapping[str, str]) -> Table:
    fields = (Field(column, _TYPES[kind], "") for column, kind in columns.items())
    return Table(name, "", tuple(fields))


def name_of(view: str) -> str:
    """Name of the table, or of the shared view, that a view belongs to."""
    return view.removesuffix(LANDING)


def columns_of(table: Table) -> dict[str, str]:
    """SQL type of each column of its views, by name."""
    from pipeline.lake.tables import columns

    return {field.name: field.type.sql for field in columns(table)}
