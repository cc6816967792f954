"""What Firehose could not deliver: objects below `errors/<table>/` of the lake's bucket.

An object holds one JSON object a line: attemptsMade, arrivalTimestamp (epoch milliseconds),
errorCode, errorMessage, rawData (base64 of what was put). What was put are whole lines of JSON, so
it can be put again as it is.

Source: Amazon Data Firehose Developer Guide, "Handle data transformation failures", "Convert input
data format"; the message is not told anywhere, for it repeats what was in the record.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.deployed.stage import ERRORS

CODE_LENGTH = 64
UNREADABLE = "no error record of Firehose"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One record that was not delivered; `content`: whole lines, b"" where it cannot be read."""

    code: str
    arrival_ms: int
    content: bytes

    @property
    def rows(self) -> int:
        """How many lines it has."""
        return self.content.count(b"\n")


@dataclass(slots=True)
class Sum:
    """What several records have in common.

    codes  how many rows, by error code
    """

    records: int = 0
    rows: int = 0
    unreadable: int = 0
    first_ms: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, one: Undelivered) -> None:
        """Count one record."""
        self.records += 1
        self.rows += one.rows
        self.unreadable += not one.content
        self.codes[one.code] += one.rows or 1
        if one.arrival_ms and (not self.first_ms or one.arrival_ms < self.first_ms):
            self.first_ms = one.arrival_ms


def table_of(key: str) -> str:
    """The table that an object below `errors/` is about."""
    return key.removeprefix(f"{ERRORS}/").partition("/")[0]


def read(lines: Iterable[bytes]) -> Iterator[Undelivered]:
    """The records of an object, given its lines."""
    for line in lines:
        if line.strip():
            yield _record(line)


def _record(line: bytes) -> Undelivered:
    try:
        said: Any = json.loads(line)
        content = base64.b64decode(said["rawData"], validate=True)
        code, arrived = said.get("errorCode"), said.get("arrivalTimestamp")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return Undelivered(UNREADABLE, 0, b"")
    # Converting Firehose takes records apart: a row comes back without its newline.
    content = content if content.endswith(b"\n") or not content else content + b"\n"
    arrival_ms = arrived if isinstance(arrived, int) and 0 < arrived < 1 << 43 else 0
    return Undelivered(str(code or "no code")[:CODE_LENGTH], arrival_ms, content)
