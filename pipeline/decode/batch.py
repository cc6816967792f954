"""One columnar batch of all lines of an invocation, with where each of them came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.decode.envelope import Stream
from pipeline.decode.lines import Lines
from pipeline.errors import Drop, Reason
from pipeline.triggers import Record

DECODER_VERSION = 1
NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of lines with one origin: an envelope, or plain lines of one record.

    record         index of the record in the batch
    stream         provenance; None for plain lines of which nothing is known
    count          lines in the run
    first_ordinal  ordinal of its first line in the record (envelope: in the envelope)
    formats        formats declared for the run itself; empty: by its stream
    header         format that a header line before the run has set; "" for none
    ids            CloudWatch event ids; None for plain lines
    """

    record: int
    stream: Stream | None
    count: int
    first_ordinal: int = 0
    formats: tuple[str, ...] = ()
    header: str = ""
    ids: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A record, or one line of it, that cannot be opened; `line` is None for the whole record."""

    record: int
    line: int | None
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class LogBatch:
    """All lines of some records, in order; the arrays have one item a line.

    record     int32 index of its record
    ordinal    int64 place in its record, file or envelope
    record_id  int64 identity
    time_ms    int64 CloudWatch timestamp; for plain lines NO_TIME
    failures   what could not be opened (such a line is in the batch, but not to be parsed)
    dropped    events left out before they became lines, by (record index, name)
    """

    records: Sequence[Record]
    lines: Lines
    segments: Sequence[Segment]
    record: np.ndarray
    ordinal: np.ndarray
    record_id: np.ndarray
    time_ms: np.ndarray
    failures: Sequence[Failure] = ()
    dropped: dict[tuple[int, Drop], int] = field(default_factory=dict)

    @classmethod
    def closed(cls, record: Record) -> "LogBatch":
        """A record that is not opened: no lines."""
        none = np.empty(0, np.int64)
        lines = Lines.of_text(b"")
        return cls([record], lines, [], np.empty(0, np.int32), none, none, none)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def arrival_ms(self) -> np.ndarray:
        """int64 arrival of each line's record, epoch milliseconds."""
        each = np.array([record.arrival_ms for record in self.records], np.int64)
        arrivals: np.ndarray = each[self.record]
        return arrivals

    @property
    def segment_starts(self) -> np.ndarray:
        """int64 index of the first line of each segment."""
        counts = np.array([segment.count for segment in self.segments], np.int64)
        return np.cumsum(counts) - counts

    @property
    def segment_of(self) -> np.ndarray:
        """int32 index of the segment of each line."""
        counts = [segment.count for segment in self.segments]
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    def event_id(self, line: int) -> str | None:
        """CloudWatch id of a line's event; None for a plain line."""
        at = int(np.searchsorted(self.segment_starts, line, "right")) - 1
        ids = self.segments[at].ids
        return ids[line - int(self.segment_starts[at])] if ids is not None else None
