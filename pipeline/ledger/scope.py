"""What is audited, and what of it can be believed: nothing here trusts log.db."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from pipeline.schema import HOUR_MS
from pipeline.store import Store

# Beyond these nothing is a count or a time (the year 9999), and sums could overflow.
MOST, LAST_MS = 1 << 40, 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Scope:
    """What is audited: a home, and the time of arrival from which on."""

    store: Store
    lake: Path
    quarantine: Path
    since_ms: int


NUMBERS = {"arrival_ms": LAST_MS} | dict.fromkeys(
    ("shard", "events_in", "rows", "rejected", "bytes_in", "flush", "attempt"), MOST
)
SOUND = " and ".join(
    f"typeof({name}) = 'integer' and {name} between 0 and {most}" for name, most in NUMBERS.items()
)


def number(value: object, most: int = MOST) -> TypeGuard[int]:
    """Whether a value is a count or a time."""
    return isinstance(value, int) and 0 <= value <= most


def place_of(row: sqlite3.Row) -> tuple[str, int]:
    """Source and hour of an entry that may be damaged."""
    arrival_ms = row["arrival_ms"]
    return str(row["source"]), arrival_ms // HOUR_MS if number(arrival_ms, LAST_MS) else 0


def regular(path: Path) -> Path:
    """The path of a regular file; raises ValueError where there is something else."""
    # A pipe in its place would never end.
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    return path


def why(error: Exception) -> str:
    """What went wrong, without the path that is named beside it."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
