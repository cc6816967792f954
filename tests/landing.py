"""Records brought into a lake folder by the real sink, without a stream before it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from pipeline.batch import Ports, process
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LakeFile
from pipeline.deliver.memory import MemoryQuarantine
from pipeline.deliver.quarantine import QuarantineFolder
from pipeline.schema import Table
from pipeline.sources import find
from pipeline.triggers import Record
from tests.processed import LANDED_MS, context


def landed(folder: Path, records: Sequence[Record], source: str = "vpc-flow") -> list[LakeFile]:
    """Process records into `folder`; the files that were written."""
    sink = LakeSink(folder)
    process(records, find(source), Ports(sink, MemoryQuarantine()), context(), LANDED_MS)
    return sink.take()


def kept(folder: Path, records: Sequence[Record], source: str = "vpc-flow") -> QuarantineFolder:
    """Process records with a quarantine in `folder`."""
    quarantine = QuarantineFolder(folder / "quarantine")
    ports = Ports(LakeSink(folder / "lake"), quarantine)
    process(records, find(source), ports, context(), LANDED_MS)
    return quarantine


def file_of(files: Sequence[LakeFile], table: str = "vpc_flow") -> LakeFile:
    """The one file of a table."""
    (found,) = [file for file in files if file.table == table]
    return found


def rows_of(folder: Path, file: LakeFile, table: Table) -> pa.Table:
    """Rows of a file in the table's schema."""
    return parquet.read_table(folder / file.path, partitioning=None).cast(table.arrow_schema)
