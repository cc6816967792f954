"""tailrace tables: the data dictionary."""

import sys
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import streams
from pipeline.cli.output import print_json

if TYPE_CHECKING:
    from pipeline.schema import Table


def tables(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="One table only.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What can be asked: every table and column, with type, unit and meaning.

    \b
    tailrace tables
    tailrace tables vpc_flow
    tailrace tables --json | jq '.[].name'
    """
    from pipeline.lake.tables import all_views, find_table

    found = [find_table(name)] if name else list(all_views().values())
    if as_json:
        print_json([as_object(each) for each in found])
        return
    for each in found:
        sys.stdout.write(_shown(each) + "\n")


def _shown(table: "Table") -> str:
    from pipeline.cli.table import listing
    from pipeline.lake.tables import columns

    width = streams.width()
    title = f"{table.name}: {table.doc}"
    title = title if width is None else textwrap.fill(title, width)
    rows = [(f.name, f.type.sql, f.unit, f.doc) for f in columns(table)]
    return f"{title}\n\n{listing(('column', 'type', 'unit', 'meaning'), rows, width)}"


def as_object(table: "Table") -> dict[str, object]:
    """A table as --json prints it."""
    from pipeline.lake.tables import columns

    return {
        "name": table.name,
        "doc": table.doc,
        "columns": [
            {
                "name": f.name,
                "type": f.type.sql,
                "unit": f.unit,
                "doc": f.doc,
                "log_name": f.log_name,
            }
            for f in columns(table)
        ],
    }
