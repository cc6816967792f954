"""Values of answers as people read them: their unit says how."""

from datetime import datetime

from pipeline.cli.output import visible
from pipeline.cli.streams import cut
from pipeline.cli.table import NULL, Cell
from pipeline.queries import Column
from pipeline.queries.forms import iso

NUMBERS = ("tinyint", "smallint", "integer", "bigint", "real", "double", "decimal")
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# A table is for people: longer texts are cut in it, and are whole in the other forms.
LONGEST = 200
LEAST_USD = 0.0001


def is_number(column: Column) -> bool:
    """Whether a column holds numbers, which stand to the right and are never cut."""
    return column.type.partition("(")[0] in NUMBERS


def cell(value: object, column: Column) -> Cell:
    """A value as text; times stay what they are, for a table knows how much room they have.

    Whole numbers are grouped where their unit says that something was counted: a port is no number
    of ports.
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return _whole(value, column.unit)
    if isinstance(value, float):
        return _part(value, column.unit)
    return _clipped(_text(value))


def _clipped(text: str) -> str:
    # Cut first as well: a megabyte need not be looked through for a line.
    return cut(visible(text[: LONGEST + 1]), LONGEST)


def _text(value: object) -> str:
    if value is None:
        return NULL
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)


def _whole(value: int, unit: str) -> str:
    if unit == "bytes":
        return size(value)
    return f"{value:,}" if unit else str(value)


def _part(value: float, unit: str) -> str:
    if unit == "share":
        # Nearly nothing and nearly all are neither 0.0 % nor 100.0 %.
        return f"{value:.1%}" if 0.01 <= value < 0.9995 or value == 1 else f"{value:.2%}"
    if unit == "usd":
        return _money(value)
    if not unit:
        return str(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.2g}"


def _money(value: float) -> str:
    # Small sums stand under one another; what is nearly nothing is not nothing.
    if 0 < value < LEAST_USD:
        return f"<{LEAST_USD:.4f}"
    return f"{value:,.4f}" if value < 1 else f"{value:,.2f}"


def size(count: float) -> str:
    """Bytes with three significant digits, in decimal units."""
    place = 0
    while abs(count) >= 999.5 and place < len(UNITS) - 1:
        count /= 1000
        place += 1
    return f"{count:.3g} {UNITS[place]}" if place else f"{count:.0f} B"
