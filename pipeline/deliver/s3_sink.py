"""The other sink of the deployed stack: Parquet straight into the landing zone in S3.

landing/<table>/arrival_dt=YYYY-MM-DD/arrival_hour=HH/<shard>-<first position>-<digest>.parquet: the
name is a function of the records, so a retry writes the same object again; the digest is of all
their positions, so that other records never overwrite it, whatever the first of them is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from pipeline.batch.quarantine import key_safe
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.lake import by_hour, folder_of, parquet_of
from pipeline.schema import HOUR_MS, Table
from pipeline.triggers import Record

KIND = "application/vnd.apache.parquet"
# AWS's own layer of pyarrow has no zstd, and Athena reads both.
CODEC = "snappy"
DIGEST = 8


@dataclass(frozen=True, slots=True)
class S3Sink:
    """Writes landing objects below a lake in S3.

    replay      id of a replay, part of the names of its objects; "" for the first attempt
    written_ms  when a replay writes: its objects lie in the folder of that hour, because landing
                before the watermark is read no more; None: in the hour of arrival
    """

    lake: Bucket
    replay: str = ""
    written_ms: int | None = None

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Put the rows, one object for each hour of arrival.

        Raises DeliveryError when S3 does not take them all.
        """
        name = self._name(records)
        for hour, part in self._hours(rows, records):
            content = parquet_of(table, part, CODEC).to_pybytes()
            self.lake.put(f"{folder_of(table, hour)}/{name}", content, KIND)

    def _hours(self, rows: pa.Table, records: Sequence[Record]) -> Sequence[tuple[int, pa.Table]]:
        if self.written_ms is not None:
            return [(self.written_ms // HOUR_MS, rows)]
        return list(by_hour(rows, records))

    def _name(self, records: Sequence[Record]) -> str:
        first = records[0]
        end = f"{self.replay and '-r'}{self.replay}.parquet"
        return f"{first.shard:02d}-{key_safe(first.position)}-{_digest(records)}{end}"


def _digest(records: Sequence[Record]) -> str:
    """Of shard and position of all records, in their order."""
    digest = sha256()
    for record in records:
        position = record.position.encode(errors="surrogatepass")
        # With its length, so that two positions are not one longer one.
        digest.update(f"{record.shard}:{len(position)}:".encode() + position)
    return digest.hexdigest()[:DIGEST]
