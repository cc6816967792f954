"""Where a stage's records and rows can be seen: its stream, and the objects of its landing zone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pipeline.decode import PARQUET_MAGIC
from pipeline.deployed.stage import LAKE, Deployed

if TYPE_CHECKING:
    import boto3

LANDING = f"{LAKE}/landing"
READ_S = 20


@dataclass
class Places:
    """What has come to the places of a stage since a moment; what was read once is remembered."""

    session: "boto3.Session"
    deployed: Deployed
    since: datetime
    _rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _at: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client, made anew."""
        from botocore.config import Config

        make: Any = self.session.client
        # boto3 would wait five times for a minute where an emulator hangs.
        config = Config(read_timeout=READ_S, retries={"total_max_attempts": 2, "mode": "standard"})
        return make(service, config=config)

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Shard and payload of the records that came since it was asked last."""
        kinesis, stream = self.client("kinesis"), self.deployed.output("StreamName")
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            name = shard["ShardId"]
            at: str | None = self._at.get(name) or self._start(kinesis, stream, name)
            while at:
                found = kinesis.get_records(ShardIterator=at)
                self._at[name] = at = found.get("NextShardIterator") or ""
                yield from ((name, each["Data"]) for each in found["Records"])
                if not found.get("MillisBehindLatest"):
                    break

    def landed(self, table: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Keys and rows of a table's objects, Parquet or, of who makes none, lines of JSON."""
        s3, bucket = self.client("s3"), self.deployed.lake_bucket
        pages = s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{LANDING}/{table}/"):
            for each in page.get("Contents", ()):
                key = each["Key"]
                # An object of no bytes is what a function that raised leaves on LocalStack.
                if each["LastModified"] < self.since or not each["Size"]:
                    continue
                if key not in self._rows:
                    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    self._rows[key] = rows_of(body)
                yield key, self._rows[key]

    def _start(self, kinesis: Any, stream: str, shard: str) -> str:
        wanted = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self.since}
        found = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **wanted)
        return str(found["ShardIterator"])


def is_parquet(content: bytes) -> bool:
    """Whether an object is what its name says."""
    return content.startswith(PARQUET_MAGIC)


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """Rows of an object of landing."""
    import pyarrow.parquet as pq

    if is_parquet(content):
        rows: list[dict[str, Any]] = pq.read_table(BytesIO(content)).to_pylist()
        return rows
    return [json.loads(line) for line in content.splitlines() if line.strip()]
