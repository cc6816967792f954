"""What a source is: a table, a columnar parser, and the enrichers of its rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.decode import LogBatch, Stream
from pipeline.enrich import Enricher
from pipeline.errors import Drop, Reason
from pipeline.schema import Table


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
    """

    rows: pa.Table
    line: np.ndarray
    rejects: Rejects
    dropped: Mapping[Drop, np.ndarray] = field(default_factory=dict)
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)
    headers: Mapping[int, str] = field(default_factory=dict)


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


Parse = Callable[[LogBatch, Formats], Parsed]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of log.

    name           as on the command line, with hyphens
    table          its table, enrichment included
    parse          columnar and total: every line comes out once
    enrich         in the order they run; each declares the fields it adds
    check_format   raises UsageError for a declared format that is none; None: takes no format
    has_time       whether lines of these formats carry a time of their own
    carry          (lines of a file, header so far) -> the header in force after them
    carry_time     (lines of a file, time so far, arrival) -> time that a line without one inherits
    """

    name: str
    table: Table
    parse: Parse
    enrich: Sequence[Enricher] = ()
    check_format: Callable[[str], None] | None = None
    has_time: Callable[[Sequence[str]], bool] = lambda formats: True
    carry: Callable[[bytes, str], str] | None = None
    carry_time: Callable[[bytes, int | None, int], int | None] | None = None
