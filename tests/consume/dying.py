"""A process that dies by SIGKILL on the rows of some flows, as one does that is out of memory."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.deliver.lake import LakeSink
from pipeline.home import writing
from pipeline.schema import Table
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.processed import context

DEADLY = 666


class Deadly(LakeSink):
    """A lake that takes its process with it."""

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        if table.name == "vpc_flow" and pc.any(pc.greater_equal(rows["bytes"], DEADLY)).as_py():
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(table, rows, records)


def consume(folder: Path) -> None:
    """Bring in what waits."""
    with writing(folder, context()) as opened:
        opened.worker.sink = Deadly(folder / "lake")
        opened.worker.clock = lambda: ARRIVAL_MS / 1000
        opened.worker.drain()


if __name__ == "__main__":
    consume(Path(sys.argv[1]))
