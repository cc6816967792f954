"""What `query --explain` prints: the SQL as written and as run, and the values it binds."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.cli.output import iso, visible
from pipeline.settings import Prices

if TYPE_CHECKING:
    from pipeline.queries import Window


# SQL is laid out with newlines and tabs; the values are written out before.
_SHOWN = re.compile(r"[^\n\t]+")


def explained(
    name: str,
    sql: str | None,
    params: Mapping[str, str],
    window: "Window | None",
    now: datetime,
    prices: Prices,
) -> str:
    """Both texts of a saved query or of free SQL, and the values of its parameters.

    What stands in quotes may come from a log: it must not drive the terminal.
    """
    from pipeline.queries import bindings, catalogue, explain

    saved = name or None
    values = bindings(saved, sql=sql, params=params, window=window, now=now, prices=prices)
    written = catalogue.find(name).sql if sql is None else sql
    parts = [
        f"-- as written (Athena)\n{written.strip()}\n",
        f"-- for duckdb\n{explain(saved, sql=sql).strip()}\n",
    ]
    if values:
        told = "".join(f"-- :{each} = {_value(value)}\n" for each, value in values.items())
        parts.append(f"-- with\n{told}")
    return _SHOWN.sub(lambda found: visible(found.group()), "\n".join(parts))


def _value(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else visible(str(value))
