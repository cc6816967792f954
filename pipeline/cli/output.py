"""Answers as tables, CSV, JSON and JSON lines; log text can never drive the terminal."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
RULE = "─"
WIDTH = 96


def iso(moment: datetime) -> str:
    """UTC time as 2026-11-25T14:00:00Z, with milliseconds only where there are some."""
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"


def visible(text: str) -> str:
    """Text with control and direction characters written out, as \\x1b."""
    return CONTROL.sub(lambda m: m.group().encode("unicode_escape").decode(), text)


def json_lines(rows: pa.Table) -> Iterator[str]:
    """Each row as one JSON object: timestamps ISO-8601 with Z, maps as objects, nulls kept."""
    maps = [field.name for field in rows.schema if pa.types.is_map(field.type)]
    for row in rows.to_pylist():
        for name in maps:
            row[name] = dict(row[name]) if row[name] is not None else None
        yield msgspec.json.encode({k: plain(v) for k, v in row.items()}).decode() + "\n"


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return iso(value) if isinstance(value, datetime) else value


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """A plain table: a rule under the head, two spaces between columns, numbers to the right."""
    cells = [[visible(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    rule = RULE * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def hour_text(hour_ms: int) -> str:
    """An hour of arrival for people."""
    return f"{datetime.fromtimestamp(hour_ms / 1000, UTC):%Y-%m-%d %H:00}"
