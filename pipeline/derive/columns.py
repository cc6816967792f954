"""sql/columns.json: the columns of every table, for queries that load no declarations."""

import msgspec

from pipeline.lake.tables import all_tables


def page() -> str:
    """The file."""
    found = {
        name: {field.name: field.type.sql for field in table}
        for name, table in all_tables().items()
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"
