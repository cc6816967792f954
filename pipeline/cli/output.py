"""Values as text, for people and for programs; log text can never drive the terminal."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from pipeline.queries.forms import json_lines

if TYPE_CHECKING:
    import pyarrow as pa

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
BARS = "▁▂▃▄▅▆▇█"
_WITHIN_A_LINE = re.compile(r"[^\n\t]+")


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


def laid_out(text: str) -> str:
    """Visible text that keeps its newlines and tabs."""
    return _WITHIN_A_LINE.sub(lambda found: visible(found.group()), text)


def say(text: str) -> None:
    """Write lines to stderr; text of a log may be in them, and must not drive the terminal."""
    sys.stderr.write("\n".join(map(visible, text.split("\n"))))


def as_json(text: str, stream: TextIO) -> str:
    """JSON as it goes to a stream: exact, but harmless on a terminal, where it means the same."""
    return CONTROL.sub(_escaped, text) if stream.isatty() else text


def print_json(content: object) -> None:
    """Something as JSON on stdout, in lines and UTF-8, harmless on a terminal."""
    import msgspec

    from pipeline.cli import streams

    streams.as_data(sys.stdout)
    text = msgspec.json.format(msgspec.json.encode(content)).decode()
    sys.stdout.write(as_json(text + "\n", sys.stdout))


def write_json_lines(rows: "pa.Table", stream: TextIO) -> None:
    """Each row as one JSON object to a stream, harmless on a terminal."""
    lines = json_lines(rows)
    stream.writelines((as_json(line, stream) for line in lines) if stream.isatty() else lines)


def _escaped(found: re.Match[str]) -> str:
    # Newlines stand between values; within them they are escaped anyway.
    return "\n" if found.group() == "\n" else f"\\u{ord(found.group()):04x}"


def counted(count: int, noun: str) -> str:
    """A number and its noun: 1 row, 2,000 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def sparkline(counts: Sequence[int]) -> str:
    """Counts as bars, the highest as high as a line is."""
    most = max([*counts, 1])
    return "".join(BARS[count * (len(BARS) - 1) // most] for count in counts)
