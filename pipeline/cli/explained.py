"""What `query --explain` prints: the SQL that each engine is given, and the values it binds."""

from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.cli.output import laid_out, visible
from pipeline.queries.forms import iso

if TYPE_CHECKING:
    from pipeline.queries import Question


def explained(question: "Question") -> str:
    """The texts of both engines, and the values of the parameters.

    What stands in quotes may come from a log: it must not drive the terminal.
    """
    text, names = question.for_athena
    order = f", ? in the order {', '.join(names)}" if names else ""
    parts = [
        f"-- for athena{order}\n{text.strip()}\n",
        f"-- for duckdb\n{question.for_duckdb.sql.strip()}\n",
    ]
    if question.bound:
        told = "".join(f"-- :{each} = {_value(value)}\n" for each, value in question.bound.items())
        parts.append(f"-- with\n{told}")
    return laid_out("\n".join(parts))


def _value(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else visible(str(value))
