"""What an audit says: findings, and the sums by source and hour of arrival."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.deliver.lake_file import CURATED, LakeFile
from pipeline.schema import HOUR_MS

HOUR_FORMAT = "%Y-%m-%dT%H"

# What the ledger and the table `batch` both say of a record.
SAID = (
    *("seq", "source", "shard", "arrival_ms", "events_in", "rows", "rejected", "dropped"),
    "attempt",
)
# What the ledger says of a record that has an object in the quarantine.
KEPT = (
    *("seq", "source", "shard", "arrival_ms", "rejected", "attempt", "flush", "object"),
    "touched",
)
COUNTS = ("events_in", "rows", "rejected", "dropped", "erased", "duplicates")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the audit has to say; `unbalances`: it breaks the promise."""

    kind: str
    where: str
    detail: str
    source: str = ""
    hour: int = 0
    unbalances: bool = True


@dataclass(slots=True)
class Hour:
    """The sums of one source over the records that arrived in one hour."""

    source: str
    hour: int
    events_in: int = 0
    rows: int = 0
    rejected: int = 0
    dropped: int = 0
    erased: int = 0
    duplicates: int = 0
    balanced: bool = True
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The hour as 2026-11-25T14:00:00Z."""
        return f"{datetime.fromtimestamp(self.hour * HOUR_MS / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def as_json(self) -> dict[str, object]:
        """As it stands in the audit's JSON."""
        names = [
            name for name in ("source", *COUNTS, "balanced") if name != "erased" or self.erased
        ]
        return {"hour": self.name} | {name: getattr(self, name) for name in names}

    @property
    def unaccounted(self) -> int:
        """Events that are neither a row, a reject nor a drop, nor erased."""
        return self.events_in - self.rows - self.rejected - self.dropped - self.erased


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit found."""

    hours: Sequence[Hour]
    findings: Sequence[Finding]

    @property
    def balanced(self) -> bool:
        """Whether the promise holds."""
        return not any(finding.unbalances for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """As `tailrace audit --json` prints it; `erased` where something of the hour was."""
        return {
            "balanced": self.balanced,
            "hours": [hour.as_json() for hour in self.hours],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
        }


@dataclass(slots=True)
class Entries:
    """The ledger as far as it can be read.

    kept     those of its records that have an object in the quarantine
    damaged  sequences of which it cannot be read
    """

    hours: dict[tuple[str, int], Hour] = field(default_factory=dict)
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SAID})
    kept: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in KEPT})
    damaged: set[int] = field(default_factory=set)


def hour_of(file: LakeFile) -> int:
    """Hour of arrival of a landing file; 0 for a curated one, which holds those of many.

    Raises ValueError or TypeError where the catalogue names none.
    """
    if file.zone == CURATED and file.arrival_hour == "":
        return 0
    return hour_number(file.arrival_hour)


def hour_number(text: str) -> int:
    """An hour of arrival, counted from the epoch. Raises ValueError or TypeError for none."""
    at = datetime.strptime(text, HOUR_FORMAT).replace(tzinfo=UTC)
    return int(at.timestamp() * 1000) // HOUR_MS


def source_of(file: LakeFile) -> str:
    return file.table.replace("_", "-")


def sequences(first: int, last: int) -> str:
    return f"sequence {first}" if first == last else f"sequences {first} to {last}"
