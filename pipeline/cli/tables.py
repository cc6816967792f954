"""tailrace tables: the data dictionary."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.schema import Table


def tables(
    name: Annotated[str, typer.Argument(metavar="[TABLE]", help="One table only.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What can be asked: every table and column, with type, unit and meaning.

    \b
    tailrace tables
    tailrace tables vpc_flow
    tailrace tables --json | jq '.[].name'
    """
    import msgspec

    from pipeline.cli.output import table
    from pipeline.lake.tables import all_tables, columns, find_table

    found = [find_table(name)] if name else list(all_tables().values())
    if as_json:
        text = msgspec.json.encode([as_object(each) for each in found])
        sys.stdout.write(msgspec.json.format(text).decode() + "\n")
        return
    for each in found:
        rows = [(f.name, f.type.sql, f.unit, f.doc) for f in columns(each)]
        sys.stdout.write(f"{each.name}: {each.doc}\n\n")
        sys.stdout.write(table(("column", "type", "unit", "meaning"), rows, (False,) * 4) + "\n")


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
