"""Values of answers as people read them: their unit says how."""

from datetime import datetime

from pipeline.cli.table import Cell
from pipeline.queries import Column

NUMBERS = ("tinyint", "smallint", "integer", "bigint", "real", "double", "decimal")
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


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
    if isinstance(value, list):
        return ", ".join(map(_one_of, value))
    return str(value)


def _whole(value: int, unit: str) -> str:
    if unit == "bytes":
        return size(value)
    return f"{value:,}" if unit else str(value)


def _part(value: float, unit: str) -> str:
    if unit == "share":
        # Nearly nothing and nearly all are neither 0.0 % nor 100.0 %.
        return f"{value:.1%}" if 0.01 <= value < 0.9995 or value == 1 else f"{value:.2%}"
    if not unit:
        return str(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.2g}"


def _one_of(value: object) -> str:
    # A map is a list of pairs.
    return f"{value[0]}={value[1]}" if isinstance(value, tuple) else str(value)


def size(count: float) -> str:
    """Bytes with three significant digits, in decimal units."""
    place = 0
    while abs(count) >= 999.5 and place < len(UNITS) - 1:
        count /= 1000
        place += 1
    return f"{count:.3g} {UNITS[place]}" if place else f"{count:.0f} B"
