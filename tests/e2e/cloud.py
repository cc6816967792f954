"""A target with the stack on it: its clients, its buckets, the command asked of it."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from io import BytesIO
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from infra.emulators import stack
from infra.emulators.running import Running
from pipeline.lake.tables import find_table
from tests.homes import Ran, run

T = TypeVar("T")
LANDING = "lake/landing"
PARQUET = b"PAR1"


def until(look: Callable[[], T | None], what: str, seconds: float = 90, every: float = 0.5) -> T:
    """What a look finds at last; fails when it finds nothing in time."""
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(every)
    return found


@dataclass
class Cloud:
    """An emulator that runs with a stage on it; `stage`: "" for the one that is called like it."""

    running: Running
    stage: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return self.running.kind

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = stack.client(self.running, service)
        return self._clients[service]

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage or self.target

    @cached_property
    def outputs(self) -> dict[str, str]:
        described = self.client("cloudformation").describe_stacks(StackName=f"tailrace-{self.name}")
        return {
            each["OutputKey"]: each["OutputValue"] for each in described["Stacks"][0]["Outputs"]
        }

    def tailrace(self, *words: str) -> Ran:
        """Run the command as somebody who has this for their AWS."""
        return run(*words, **self.running.environment())

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Content of the objects under a prefix, by key; `bucket`: an output of the stack."""
        s3, name = self.client("s3"), self.outputs[bucket]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}

    def landed(self, table: str) -> list[dict[str, Any]]:
        """Rows of a table that have landed, whatever Firehose made of them."""
        objects = self.objects("LakeBucket", f"{LANDING}/{table}/")
        return [row for content in objects.values() for row in _rows(content, table)]

    def records(self) -> list[bytes]:
        """Payloads of all records of the stream, in order of shards."""
        return list(self._records(self.outputs["StreamName"]))

    def _records(self, stream: str) -> Iterator[bytes]:
        kinesis = self.client("kinesis")
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            at = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = kinesis.get_shard_iterator(StreamName=stream, **at)["ShardIterator"]
            found = kinesis.get_records(ShardIterator=iterator)
            yield from (each["Data"] for each in found["Records"])


def opened(payload: bytes) -> dict[str, Any]:
    """The envelope in a payload."""
    found: dict[str, Any] = json.loads(gzip.decompress(payload))
    return found


def _rows(content: bytes, table: str) -> list[dict[str, Any]]:
    """Rows of a file, in the types of the declaration."""
    schema = find_table(table).arrow_schema
    if content.startswith(PARQUET):
        found = pq.read_table(BytesIO(content))
        rows: list[dict[str, Any]] = found.select(schema.names).cast(schema).to_pylist()
        return rows
    lines = [json.loads(line) for line in content.splitlines()]
    typed = [
        {field.name: _value(line.get(field.name), field.type) for field in schema} for line in lines
    ]
    return pa.Table.from_pylist(typed, schema).to_pylist()


def _value(found: Any, kind: pa.DataType) -> Any:
    if found is not None and pa.types.is_timestamp(kind):
        return datetime.fromisoformat(found).replace(tzinfo=None)
    return list(found.items()) if found is not None and pa.types.is_map(kind) else found
