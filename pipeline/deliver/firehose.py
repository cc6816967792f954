"""The sink of the deployed stack: rows as JSON lines to one Firehose stream a table.

Firehose makes Parquet of them, by the table's columns in Glue. Encoded, packed and sent piece by
piece, so that memory stays flat: what waits is one piece of lines and the records of one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.batch.ports import Quarantine
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.oversize import Fitting
from pipeline.deliver.packing import RECORD_BYTES, calls, packed
from pipeline.deliver.put_batch import Batch
from pipeline.schema import Table
from pipeline.triggers import Record

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient


@dataclass(frozen=True, slots=True)
class FirehoseSink:
    """Sends rows to the stream of their table.

    client      with one attempt of its own (`pipeline.aws.one_attempt`): attempts are counted here
    streams     what the names of the streams begin with, before the name of the table
    quarantine  where rows are kept whole that are too long for a record
    most_bytes  of a record; a row may be as long
    """

    client: "FirehoseClient"
    streams: str
    quarantine: Quarantine
    attempts: Attempts
    most_bytes: int = RECORD_BYTES

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Send rows; those that had arrived before a DeliveryError arrive again with the next try.

        Raises DeliveryError when Firehose, or the quarantine, did not take them all.
        """
        stream = f"{self.streams}{table.name}"
        lines = Fitting(table, records, self.quarantine, self.most_bytes).lines(rows)
        for call in calls(packed(lines, self.most_bytes)):
            Batch(self.client, stream, call).put(self.attempts)
