"""Values as text, for people and for programs; log text can never drive the terminal."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def iso(moment: datetime) -> str:
    """UTC time as 2026-11-25T14:00:00Z, with milliseconds only where there are some."""
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"


def short_times(moments: list[datetime]) -> list[str]:
    """UTC times in short: without the day when all are of today, else without the seconds."""
    now = datetime.now(UTC)
    form = "%m-%d %H:%MZ"
    if all(moment.date() == now.date() for moment in moments):
        form = "%H:%M:%SZ"
    elif any(moment.year != now.year for moment in moments):
        form = "%Y-%m-%d %H:%MZ"
    return [moment.strftime(form) for moment in moments]


def visible(text: str) -> str:
    """Text with control and direction characters written out, as \\x1b."""
    return CONTROL.sub(lambda m: m.group().encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Write lines to stderr; text of a log may be in them, and must not drive the terminal."""
    sys.stderr.write("\n".join(map(visible, text.split("\n"))))


def counted(count: int, noun: str) -> str:
    """A number and its noun: 1 row, 2,000 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def json_lines(rows: "pa.Table") -> Iterator[str]:
    """Each row as one JSON object: timestamps ISO-8601 with Z, maps as objects, nulls kept."""
    import msgspec
    from pyarrow import types

    maps = [field.name for field in rows.schema if types.is_map(field.type)]
    for row in rows.to_pylist():
        for name in maps:
            row[name] = dict(row[name]) if row[name] is not None else None
        yield msgspec.json.encode({k: plain(v) for k, v in row.items()}).decode() + "\n"


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return iso(value) if isinstance(value, datetime) else value
