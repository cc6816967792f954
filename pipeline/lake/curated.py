"""Curated files: their names, and how the events of a day become some.

lake/curated/<table>/dt=YYYY-MM-DD/v<version>-<number>.parquet: by date of the event, in its order,
each event once. A version is written beside the one before it and is never written again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.deliver.files import DISK, Disk, remove, write_whole
from pipeline.deliver.lake import layout
from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile, digest_of_file
from pipeline.lake import footer
from pipeline.lake.footer import Folded, Footer
from pipeline.schema import Table

NAME = re.compile(r"v([1-9][0-9]*)-([0-9]{2,})\.parquet")
DAY = re.compile(r"dt=([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows in a row group and in a file at most, and how many are sorted at once.

    A day sorted at once would spill nearly all of its rows.
    """

    group: int = 1 << 17
    file: int = 1 << 24
    at_once: int = 1 << 18


SIZES = Sizes()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of one day of a table, and the landing files that make it.

    erased  events of these that were erased
    """

    table: Table
    day: str
    number: int
    folded: tuple[Folded, ...]
    sizes: Sizes = SIZES
    erased: int = 0

    def footer(self, part: int, last: bool) -> Footer:
        """What file number `part` says of itself."""
        head = self.table.name, self.day, self.number, part, last
        return Footer(*head, self.folded, self.erased)

    @property
    def first_ms(self) -> int:
        """The first moment of the day."""
        return first_ms_of(self.day)


def write(
    lake: Path, version: Version, rows: Iterator[pa.RecordBatch], disk: Disk = DISK
) -> list[LakeFile]:
    """Write the events of a day, which come in order; the files as the catalogue will know them.

    Raises DeliveryError when the disk does not take them.
    """
    written: list[LakeFile] = []
    groups = _in_groups(rows, version)
    group = next(groups, None)
    if group is None and version.erased:
        # What was folded into the day has to be known, also when nothing of it is left.
        group = version.table.arrow_schema.empty_table()
    while group is not None:
        part = _Part(version, len(written), groups, group)
        folder = f"{CURATED}/{version.table.name}/dt={version.day}"
        path = f"{folder}/v{version.number}-{part.number:02d}.parquet"
        write_whole(lake / path, part.fill, disk, lake.parent)
        written.append(part.noted(path, lake / path))
        group = part.following
    return written


def _in_groups(batches: Iterator[pa.RecordBatch], version: Version) -> Iterator[pa.Table]:
    """The same rows in row groups of one size; the last one may be smaller."""
    schema, size = version.table.arrow_schema, version.sizes.group
    rows = schema.empty_table()
    for batch in batches:
        rows = pa.concat_tables([rows, pa.Table.from_batches([batch]).cast(schema)])
        while len(rows) >= size:
            yield rows[:size]
            rows = rows[size:]
    if len(rows):
        yield rows


class _Part:
    """One file: takes row groups until it is full or there are no more."""

    def __init__(
        self, version: Version, number: int, groups: Iterator[pa.Table], first: pa.Table
    ) -> None:
        self.version, self.number, self.groups = version, number, groups
        self.following: pa.Table | None = first
        self.count = 0
        # Of a file without rows.
        self.first_ms = self.last_ms = version.first_ms

    def fill(self, path: Path) -> None:
        schema = self.version.table.arrow_schema
        options: dict[str, Any] = layout(self.version.table) | {
            "compression": "zstd",
            "compression_level": 1,
            "write_page_checksum": True,
        }
        with parquet.ParquetWriter(path, schema, **options) as writer:
            if self.following is not None and not len(self.following):
                self.following = None
            while self.following is not None and self.count < self.version.sizes.file:
                self._measure(self.following)
                writer.write_table(self.following, row_group_size=len(self.following))
                self.following = next(self.groups, None)
            said = self.version.footer(self.number, last=self.following is None)
            writer.add_key_value_metadata(footer.encoded(said))

    def _measure(self, rows: pa.Table) -> None:
        ends = pc.min_max(rows["event_time"].cast(pa.int64()))
        if not self.count:
            self.first_ms = ends["min"].as_py()
        self.last_ms = ends["max"].as_py()
        self.count += len(rows)

    def noted(self, path: str, at: Path) -> LakeFile:
        number = self.version.number
        return LakeFile(
            path,
            CURATED,
            self.version.table.name,
            "",
            self.count,
            at.stat().st_size,
            digest_of_file(at),
            self.first_ms,
            self.last_ms,
            self.number,
            number,
            number,
        )


def first_ms_of(day: str) -> int:
    """The first moment of a day (YYYY-MM-DD) in epoch milliseconds.

    Raises ValueError when it is none.
    """
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def on_disk(lake: Path, table: str) -> Iterator[Path]:
    """Every file of a table in the curated zone that has the name of one."""
    for path in (lake / CURATED / table).glob("dt=*/v*-*.parquet"):
        if NAME.fullmatch(path.name) and DAY.fullmatch(path.parent.name) and path.is_file():
            yield path


def version_of(path: Path) -> int:
    """Version of a curated file by its name."""
    found = NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def clear(lake: Path, table: str, files: Sequence[LakeFile], disk: Disk = DISK) -> None:
    """Remove files of versions that never came into force, as far as nothing is lost with them.

    files  what the catalogue knows of the table. All that a version holds must be in landing or in
           the version in force: it may be the catalogue that is damaged.
    """
    known = {file.path for file in files}
    strays = [
        path
        for path in sorted(on_disk(lake, table))
        if path.relative_to(lake).as_posix() not in known
    ]
    for path in strays:
        live = [file for file in files if file.folded is None and file.retired_ms is None]
        there = {file.path for file in live if file.zone == LANDING}
        try:
            for file in live:
                if file.zone == CURATED and Path(file.path).parent.name == path.parent.name:
                    there |= {each.file.path for each in footer.read(lake / file.path).folded}
            held = {each.file.path for each in footer.read(path).folded}
        except ValueError:
            continue
        if held <= there:
            remove(path, disk)
