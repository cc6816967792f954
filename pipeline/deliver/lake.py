"""Parquet files in the landing zone of the embedded lake.

lake/landing/<table>/arrival_dt=YYYY-MM-DD/arrival_hour=HH/<shard>-<first sequence number>.parquet:
the name is a function of the records, so a retry writes the same file again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.deliver.erased import Erased, LeftOut
from pipeline.deliver.files import DISK, Disk, write_whole
from pipeline.deliver.lake_file import LANDING, LakeFile, digest_of
from pipeline.schema import HOUR_MS, Field, Range, Table, Type
from pipeline.triggers import Record

# Only what a reader can prune by in time order: statistics on all columns cost a sixth of the CPU.
STATISTICS = ("event_time", "ingest_time")
FEW = 255
WORTH_PACKING = 256
ROWS_A_GROUP = 1 << 20
VALUES_AT_ONCE = 1 << 16


@dataclass
class LakeSink:
    """Writes landing files under `folder`; `written` is what the catalogue does not know yet.

    replay  id of a replay, part of the names of its files; "" for the first attempt
    flush   first sequence number of the flush that its rows belong to; None: of the records
    erased  what must not come back; `left_out` is what of it came, and nobody has noted yet
    """

    folder: Path
    replay: str = ""
    flush: int | None = None
    written: list[LakeFile] = field(default_factory=list)
    disk: Disk = DISK
    erased: Erased = Erased()  # noqa: RUF009 - it never changes
    left_out: list[LeftOut] = field(default_factory=list)

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Write the rows, one file for each hour of arrival; what was erased stays away."""
        for hour, part in by_hour(rows, records):
            left = self.erased.left(table.name, part)
            if len(left) < len(part):
                flush = int(records[0].position) if self.flush is None else self.flush
                place = f"{_time_of(hour):%Y-%m-%dT%H}", records[0].shard, flush
                self.left_out.append(LeftOut(table.name, place, len(part) - len(left)))
            if len(left):
                self.written.append(self._write_hour(table, left, records, hour))

    def take(self) -> list[LakeFile]:
        """What was written since the last time it was asked."""
        taken, self.written = self.written, []
        return taken

    def take_left_out(self) -> list[LeftOut]:
        """What was left out since the last time it was asked."""
        taken, self.left_out = self.left_out, []
        return taken

    def _write_hour(
        self, table: Table, rows: pa.Table, records: Sequence[Record], hour: int
    ) -> LakeFile:
        first, last = (int(records[end].position) for end in (0, -1))
        shard = records[0].shard
        name = f"{shard:02d}-{first:012d}{self.replay and '-r'}{self.replay}.parquet"
        path = f"{folder_of(table, hour)}/{name}"
        content = parquet_of(table, rows)
        home = self.folder.parent
        write_whole(self.folder / path, lambda whole: _put(whole, content), self.disk, home)
        extent = pc.min_max(rows["event_time"].combine_chunks().cast(pa.int64()))
        return LakeFile(
            path,
            LANDING,
            table.name,
            f"{_time_of(hour):%Y-%m-%dT%H}",
            len(rows),
            content.size,
            digest_of(content),
            extent["min"].as_py(),
            extent["max"].as_py(),
            shard,
            first if self.flush is None else self.flush,
            last,
        )


def by_hour(rows: pa.Table, records: Sequence[Record]) -> Iterator[tuple[int, pa.Table]]:
    """Rows by the hour in which their record arrived, counted from the epoch; none without rows."""
    hours = sorted({record.arrival_ms // HOUR_MS for record in records})
    if len(hours) == 1:
        yield hours[0], rows
        return
    arrival = rows["ingest_time"].combine_chunks().cast(pa.int64()).to_numpy() // HOUR_MS
    for hour in hours:
        part = rows.filter(pa.array(arrival == hour))
        if len(part):
            yield hour, part


def folder_of(table: Table, hour: int) -> str:
    """The folder of landing, below the lake's, for what arrived in an hour from the epoch."""
    at = _time_of(hour)
    return f"{LANDING}/{table.name}/arrival_dt={at:%Y-%m-%d}/arrival_hour={at:%H}"


def _time_of(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows a file holds and their first and last event time in epoch milliseconds."""

    rows: int
    first_ms: int | None
    last_ms: int | None


def extent_of(content: bytes | Path) -> Extent:
    """What a file of the lake says of itself, or computed where it does not.

    Raises ValueError when it is none.
    """
    try:
        return _extent(content if isinstance(content, Path) else pa.BufferReader(content))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(str(error)) from error


def _extent(content: pa.BufferReader | Path) -> Extent:
    with parquet.ParquetFile(content) as file:
        return _extent_of(file)


def _extent_of(file: parquet.ParquetFile) -> Extent:
    found = file.metadata
    at = file.schema.names.index("event_time")
    if file.schema_arrow.field("event_time").type != pa.timestamp("ms"):
        raise ValueError("event_time is no time in milliseconds")
    columns = [found.row_group(group).column(at) for group in range(found.num_row_groups)]
    known = [column.statistics for column in columns]
    if known and all(each is not None and each.has_min_max for each in known):
        first = min(int(each.min_raw) for each in known)
        return Extent(found.num_rows, first, max(int(each.max_raw) for each in known))
    times = file.read(["event_time"])["event_time"].combine_chunks().cast(pa.int64())
    ends = pc.min_max(times)
    return Extent(found.num_rows, ends["min"].as_py(), ends["max"].as_py())


def _put(path: Path, content: pa.Buffer) -> None:
    with path.open("wb") as file:
        file.write(content)


def _dictionaries(table: Table) -> list[str]:
    # Off for counts and ports: they repeat too little. On for times, which lie in few seconds.
    # Measured together on v2 flow lines: 18.4 bytes a row instead of 21.6, and less CPU.
    return [field.name for field in table if _repeats(field)]


def _packing(rows: pa.Table, codec: str) -> dict[str, Any]:
    """zstd at its level 1; nothing for a few rows: it costs more than all the rest of such a file.

    Nor for columns without a value: half of the columns, and a twelfth of the CPU of writing.
    """
    if len(rows) < WORTH_PACKING:
        return {"compression": "none"}
    codecs: dict[str, str] = {}
    for declared, column in zip(rows.schema, rows.columns, strict=True):
        packing = "none" if column.null_count == len(rows) else codec
        codecs |= dict.fromkeys(_leaves(declared), packing)
    levels = {leaf: 1 for leaf, codec in codecs.items() if codec == "zstd"}
    return {"compression": codecs, "compression_level": levels}


def _leaves(declared: pa.Field) -> list[str]:
    """Names under which Parquet keeps a column."""
    if pa.types.is_map(declared.type):
        return [f"{declared.name}.key_value.{part}" for part in ("key", "value")]
    return [declared.name]


def _repeats(field: Field) -> bool:
    if field.type is Type.INT32:
        return isinstance(field.domain, Range) and field.domain.high <= FEW
    return field.type in (Type.VARCHAR, Type.TIMESTAMP)


def parquet_of(table: Table, rows: pa.Table, codec: str = "zstd") -> pa.Buffer:
    """A landing file of some rows; `codec` is zstd, or snappy where AWS's tools meet it."""
    sink = pa.BufferOutputStream()
    parquet.write_table(
        rows,
        sink,
        **_packing(rows, codec),
        **layout(table),
        row_group_size=ROWS_A_GROUP,
        max_rows_per_page=ROWS_A_GROUP,
    )
    return sink.getvalue()


def layout(table: Table) -> dict[str, Any]:
    """How every file of the lake is written, landing and curated."""
    return {
        "use_dictionary": _dictionaries(table),
        "column_encoding": {"record_id": "DELTA_BINARY_PACKED"},
        "write_statistics": list(STATISTICS),
        "write_batch_size": VALUES_AT_ONCE,
        # Else the file would say "dictionary" where the table says text.
        "store_schema": False,
    }
