"""sql/columns.json: the columns of every table, for queries that load no declarations."""

import msgspec

from pipeline.queries.tables import declared


def page() -> str:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(declared()), indent=1).decode() + "\n"
