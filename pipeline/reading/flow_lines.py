"""Flow log lines: what `vpc-flow` and `tgw-flow` share.

All words of a header look like field names and at least two, and half, of them are known: AWS adds
fields, and a header with a new one is no line of data.

Source: Amazon VPC User Guide, "Flow log records".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.decode import Lines, LogBatch, with_plain_ends
from pipeline.errors import UsageError
from pipeline.reading import formatted
from pipeline.reading.delimited import BOM, SPACE, Faults, Reading, read_spaced, screen
from pipeline.reading.parsed import Formats, Parsed
from pipeline.schema import Field, Type

WORD = re.compile(r"[a-z][a-z0-9-]*\Z")
FEW = 100
FORMAT_FROM = (
    "in the first line of a file in S3, or with\n"
    "    aws ec2 describe-flow-logs --query 'FlowLogs[].[FlowLogId,LogFormat]'"
)


@dataclass(frozen=True, slots=True)
class FlowLog:
    """The fields a kind of flow log may have, by the log's own names, and its default format."""

    fields: dict[str, Field]
    default_format: str
    times: tuple[str, ...] = ("end_time", "start_time")

    @property
    def default(self) -> tuple[str, ...]:
        """The format of lines for which none is declared."""
        return (self.default_format,)

    def layout(self, format_text: str) -> tuple[Field, ...]:
        """The fields of a format, "${version} ${account-id} ..." or the same as plain words.

        A name nobody knows becomes a text field that lands in `extra`.
        Raises UsageError for a word that is no field name, or a field named twice.
        """
        words = format_text.replace("${", " ").replace("}", " ").split()
        for word in words:
            if not WORD.match(word):
                raise _wrong_format(f"{word!r} is no field name", format_text)
            if words.count(word) > 1:
                raise _wrong_format(f"{word!r} is named twice", format_text)
        if not words:
            raise _wrong_format("it names no field", format_text)
        return tuple(self.fields.get(word) or _unknown(word) for word in words)

    def check(self, format_text: str) -> None:
        """Raise UsageError when this is no format."""
        self.layout(format_text)

    def has_time(self, formats: Sequence[str]) -> bool:
        """Whether all these formats carry a time (the default format does)."""
        return all(any(each.name in self.times for each in self.layout(text)) for text in formats)

    def header(self, line: bytes) -> str:
        """The format that a header line sets; "" when the line is none."""
        words = [word for word in line.decode("ascii", "replace").split(" ") if word]
        known = sum(word in self.fields for word in words)
        looks = known > 1 and known * 2 >= len(words) and len(set(words)) == len(words)
        return " ".join(words) if looks and all(map(WORD.match, words)) else ""

    def headers(self, lines: Lines) -> dict[int, str]:
        """The format that each header line sets, by its index, in order."""
        if len(lines) == 0:
            return {}
        first = lines.first_bytes
        maybe = (first == SPACE) | ((first >= ord("a")) & (first <= ord("z")))
        at = np.flatnonzero(maybe)
        if len(at) > FEW:
            at = at[_only_header_bytes(lines.select(maybe))]
        found = {int(each): self.header(lines[int(each)]) for each in at}
        return {each: header for each, header in found.items() if header}

    def carry(self, text: bytes, before: str) -> str:
        """The header in force behind some lines of a file, `before` being the one ahead of them."""
        lines = Lines.of_text(with_plain_ends(text.removeprefix(BOM)))
        return next(reversed(formatted.bounded(self.headers(lines)).values()), before)

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch by the format declared for it."""
        return formatted.parse(self, batch, formats)

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no line holds, and the indexes of blank lines."""
        return screen(lines)

    def read(self, lines: Lines, fields: tuple[Field, ...], latest_ms: np.ndarray) -> Reading:
        """One column a field; a run of spaces is one border."""
        return read_spaced(lines, fields, latest_ms)

    def count(self, line: bytes) -> int:
        """How many fields a line has."""
        return len(line.split())

    def columns(self, reading: Reading) -> dict[str, pa.Array]:
        """The columns as they are, by name."""
        return formatted.named(reading)


def _unknown(name: str) -> Field:
    return Field("", Type.VARCHAR, "A field nobody has declared.", log_name=name)


def _wrong_format(what: str, format_text: str) -> UsageError:
    return UsageError(
        f"the format cannot be used: {what}",
        f"in {format_text[:300]!r}",
        "take it from the flow log itself: aws ec2 describe-flow-logs --query "
        "'FlowLogs[].LogFormat', or from the first line of a file in S3",
    )


def _only_header_bytes(lines: Lines) -> np.ndarray:
    # Where every line begins with a letter (formats that start with an id), looking at each one in
    # Python costs 1 us; lines with a dot, a colon or a capital letter are ruled out here for 0.1.
    strange = np.ones(256, bool)
    strange[list(b"abcdefghijklmnopqrstuvwxyz0123456789- \n")] = False
    data = np.frombuffer(lines.data, np.uint8)
    return ~np.logical_or.reduceat(strange[data], lines.starts)
