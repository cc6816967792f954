"""The ports of the core: what a home must bring so that a batch can be processed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from pipeline.enrich import Lookups
from pipeline.errors import Drop, Reason
from pipeline.reading.parsed import Formats
from pipeline.schema import Table
from pipeline.settings import Limits
from pipeline.triggers import Record


class Sink(Protocol):
    """Takes rows."""

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Take rows of a table, in the table's schema (text may be dictionary-encoded).

        The same records again write the same rows in the same place.
        Raises DeliveryError when it does not take them all.
        """


class Quarantine(Protocol):
    """Keeps what could not become rows."""

    def keep(self, key: str, content: bytes, record: Record, rejects: int) -> None:
        """Keep an object; the same key again holds the same bytes.

        Raises DeliveryError when it cannot be kept.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a batch goes."""

    sink: Sink
    quarantine: Quarantine


@dataclass(frozen=True, slots=True)
class Context:
    """What a batch is processed with."""

    lookups: Lookups
    limits: Limits
    formats: Formats = field(default_factory=Formats)
    own_log_groups: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: events_in = rows + rejected + all that was dropped.

    flush       position of the first of the records that were written at once with it
    identities  sum of what the identities of its rows are hashed to, modulo 2^64, as int64
    """

    record: Record
    flush: str
    events_in: int
    rows: int
    rejected: int
    dropped: Mapping[Drop, int]
    reasons: Mapping[Reason, int]
    object: str | None
    identities: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch.

    miscounts  (fields declared, fields found): lines refused for it
    """

    outcomes: Sequence[Outcome]
    miscounts: Mapping[tuple[int, int], int] = field(default_factory=dict)
