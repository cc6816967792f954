"""Every table of the lake: those of the sources and the pipeline's own."""

from difflib import get_close_matches

from pipeline.errors import UsageError
from pipeline.lake.shared import shared_views
from pipeline.schema import BATCH, DT, REJECT, Field, Table
from pipeline.sources import all_sources


def all_tables() -> dict[str, Table]:
    """Tables by name: the sources' in the order of the registry, then `reject` and `batch`."""
    tables = [*(source.table for source in all_sources().values()), REJECT, BATCH]
    return {table.name: table for table in tables}


def all_views() -> dict[str, Table]:
    """What can be asked by name: every table, and what several show in one shape."""
    return all_tables() | {name: view.table for name, view in shared_views().items()}


def find_table(name: str) -> Table:
    """The table or shared view of this name; hyphens and underscores are the same.

    Raises UsageError for a name that is none, with the nearest one.
    """
    tables = all_views()
    wanted = name.replace("-", "_")
    if wanted not in tables:
        near = get_close_matches(wanted, tables, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(tables)}"
        raise UsageError(f"there is no table called {name}", "", hint)
    return tables[wanted]


def columns(table: Table) -> list[Field]:
    """Columns of the view of a table."""
    return [*table, DT]
