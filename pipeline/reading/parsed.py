"""What a reader of lines gives back, and the formats that it is told."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.decode import Stream
from pipeline.errors import Drop, Reason


@dataclass(slots=True)
class Rejects:
    """Lines that can never become rows, side by side."""

    line: list[int] = field(default_factory=list)
    reason: list[Reason] = field(default_factory=list)
    detail: list[str] = field(default_factory=list)

    def add(self, line: int, reason: Reason, detail: str) -> None:
        """Refuse one line."""
        self.line.append(line)
        self.reason.append(reason)
        self.detail.append(detail)

    def __len__(self) -> int:
        return len(self.line)


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """What became of the lines of a batch: each is in exactly one of rows, rejects and dropped.

    rows       columns of the format, `event_time` (null where the line has none), `extra`
    line       int64 index in the batch of each row, ascending
    dropped    int64 indexes in the batch, by name
    miscounts  (fields declared, fields found): lines refused for it
    headers    by index, in order: header lines and the format that each has set behind it
    record_id  int64 of each row, where events have an identity of their own; None: the batch's
    """

    rows: pa.Table
    line: np.ndarray
    rejects: Rejects
    dropped: Mapping[Drop, np.ndarray] = field(default_factory=dict)
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)
    headers: Mapping[int, str] = field(default_factory=dict)
    record_id: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Formats:
    """Declared formats: by log group or `group:stream`, and for everything else."""

    by_group: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    otherwise: tuple[str, ...] = ()

    def of(self, stream: Stream | None) -> tuple[str, ...]:
        """Candidate formats of a stream; empty: the source's default."""
        if stream is not None and self.by_group:
            exact = self.by_group.get(f"{stream.group}:{stream.name}")
            return exact or self.by_group.get(stream.group) or self.otherwise
        return self.otherwise
