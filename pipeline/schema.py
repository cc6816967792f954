"""Tables, declared once.

A column is written in one `Field` and nowhere else. The Arrow schema, the Glue columns, DuckDB's
views and the data dictionary derive from it; a test fails on any drift.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import pyarrow as pa

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Type(Enum):
    """A column type: its name in SQL (Athena), its Glue (Hive) type and its Arrow type.

    Timestamps are UTC without zone, floored to milliseconds: Trino rounds finer ones up, into the
    next day at midnight.
    """

    TIMESTAMP = ("timestamp(3)", "timestamp", pa.timestamp("ms"))
    INT32 = ("integer", "int", pa.int32())
    INT64 = ("bigint", "bigint", pa.int64())
    DOUBLE = ("double", "double", pa.float64())
    BOOLEAN = ("boolean", "boolean", pa.bool_())
    VARCHAR = ("varchar", "string", pa.string())
    MAP = ("map(varchar, varchar)", "map<string,string>", pa.map_(pa.string(), pa.string()))

    def __init__(self, sql: str, glue: str, arrow: pa.DataType) -> None:
        self.sql, self.glue, self.arrow = sql, glue, arrow

    @property
    def duckdb(self) -> str:
        """Its name in DuckDB."""
        return {Type.TIMESTAMP: "timestamp_ms", Type.MAP: "map(varchar, varchar)"}.get(
            self, self.sql
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """A closed set of words."""

    words: tuple[str, ...]


class Domain(Enum):
    """Domains that need no parameters."""

    ADDRESS = "IPv4 or IPv6 address"
    VISITOR = "hash that stands for a visitor"
    EPOCH = "Unix time in seconds, or in milliseconds from 10^11 on"
    UNIX_TIME = "Unix time in seconds, with decimals"
    ISO_TIME = "ISO-8601 time; UTC without an offset"
    ANY_TIME = "Unix time in seconds, or in milliseconds from 10^11 on; or ISO-8601 time"
    CLF_TIME = "[day/month/year:hour:minute:second offset], the common log format's time"
    PERCENT = "percent-encoded UTF-8, decoded"
    ESCAPED = "text with escapes that begin with a backslash, decoded"
    ENDPOINT = "address and port, a colon between them"
    ANY = "any text, empty too"


@dataclass(frozen=True, slots=True)
class Field:
    """One column: `log_name` is the log's own name of it, `domain` what a strict reader accepts."""

    name: str
    type: Type
    doc: str
    unit: str = ""
    log_name: str = ""
    domain: Range | OneOf | Domain | None = None


@dataclass(frozen=True)
class Table:
    """A table: the fields of the log, of the enrichers, and those that every table has."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"table {self.name} declares {sorted(twice)} twice")

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of every Parquet file of this table; all columns may be null."""
        return pa.schema([pa.field(field.name, field.type.arrow) for field in self.fields])

    @cached_property
    def glue_columns(self) -> list[dict[str, str]]:
        """`StorageDescriptor.Columns` of the Glue table (AWS Glue API, `Column`)."""
        return [
            {"Name": field.name, "Type": field.type.glue, "Comment": field.doc[:255]}
            for field in self.fields
        ]


EVENT_TIME = Field("event_time", Type.TIMESTAMP, "Time of the event, UTC; partitions and bounds.")
# Of views alone: partitions have it, and what is in no file of its day.
DT = Field("dt", Type.VARCHAR, "Day of event_time, YYYY-MM-DD: what a query is bounded by.")
IDENTITY = (
    Field(
        "record_id",
        Type.INT64,
        "With event_time the identity of the event; a pure function of its origin.",
    ),
    Field(
        "ingest_time",
        Type.TIMESTAMP,
        "Arrival of the record in the stream, or of the file; never 'now'.",
    ),
    Field("decoder_version", Type.INT32, "Version of the decoder that made the row."),
)
PROVENANCE = (
    Field("log_group", Type.VARCHAR, "CloudWatch log group, where the carrier knows it."),
    Field("log_stream", Type.VARCHAR, "CloudWatch log stream, where the carrier knows it."),
    Field("owner_account_id", Type.VARCHAR, "Account whose log it is, by the carrier."),
    Field("owner_region", Type.VARCHAR, "Region whose log it is, by the carrier."),
)
EXTRA = Field("extra", Type.MAP, "Fields of the log that the table does not know, by their name.")


def declare(name: str, doc: str, *fields: Field, open_format: bool = True) -> Table:
    """A table with the columns that every table has: time first, identity and provenance last.

    `open_format`: the log may carry fields nobody declared; they land in `extra`.
    """
    last = (EXTRA,) if open_format else ()
    return Table(name, doc, (EVENT_TIME, *fields, *last, *IDENTITY, *PROVENANCE))


ATTEMPT = Field(
    "attempt",
    Type.INT32,
    "0 when it first came, one more with each later attempt; the view holds the newest.",
)

REJECT = declare(
    "reject",
    "Lines and records that could not become a row, one row each; event_time is the arrival.",
    Field("source", Type.VARCHAR, "Source that tried to read it."),
    Field("reason", Type.VARCHAR, "Why it was refused, from a closed list."),
    Field("detail", Type.VARCHAR, "The column, the value, what was expected."),
    Field("line", Type.INT64, "Ordinal in its record or file, from 0; null for a whole record."),
    Field("raw_head", Type.VARCHAR, "The first bytes of it, as text.", unit="<= 1 KiB"),
    Field("object", Type.VARCHAR, "Quarantine object that keeps the original bytes."),
    ATTEMPT,
    Field(
        "resolved",
        Type.BOOLEAN,
        "True: a later attempt made a row of it; the view leaves it out.",
    ),
    open_format=False,
)

BATCH = declare(
    "batch",
    "What became of each stream record, one row each; event_time is the arrival.",
    Field("source", Type.VARCHAR, "Source of the record."),
    Field("shard", Type.INT32, "Shard of the stream."),
    Field("sequence", Type.INT64, "Sequence number in the stream."),
    Field("events_in", Type.INT64, "Log events in the record.", unit="events"),
    Field("rows", Type.INT64, "Events that became rows.", unit="rows"),
    Field("rejected", Type.INT64, "Events in the quarantine.", unit="events"),
    Field("dropped", Type.INT64, "Events left out on purpose, all names.", unit="events"),
    *(
        Field(f"dropped_{name}", Type.INT64, f"Dropped: {doc}.", unit="events")
        for name, doc in (
            ("blank", "empty lines"),
            ("header", "header lines"),
            ("control", "CloudWatch reachability probes"),
            ("own_log", "logs of the pipeline itself"),
            ("continued", "last lines without an end that their file went on with"),
        )
    ),
    Field("bytes_in", Type.INT64, "Size of the record as it arrived.", unit="bytes"),
    Field("landed_at", Type.TIMESTAMP, "When its rows were written."),
    ATTEMPT,
    open_format=False,
)
