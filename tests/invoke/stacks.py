"""Stacks to send events to: in memory, or the AWS home over services that fail as they are told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pyarrow as pa

from pipeline import triggers
from pipeline.batch import Ports
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.errors import DeliveryError
from pipeline.invoke import AwsHome, Left, Routes, Stack, stack_of
from pipeline.invoke.fetching import Fetched
from pipeline.schema import Table
from pipeline.settings import Delivery, Settings
from tests.deliver.firehose_service import FirehoseService
from tests.deliver.s3_service import S3Service
from tests.deliver.virtual_time import VirtualTime
from tests.processed import context

SOURCES = {"flow-logs": "vpc-flow", "s3://logs/AWSLogs/*": "vpc-flow"}
STREAMS = "tailrace-staging-"
DELIVERY = Delivery(streams=STREAMS, lake="s3://lake/lake", quarantine="s3://kept/quarantine")


@dataclass
class MemoryHome:
    """A home in memory.

    full     names of tables that take nothing
    objects  what lies in S3, by URI
    """

    sink: MemorySink = field(default_factory=MemorySink)
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    full: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)

    def ports(self, left: Left) -> Ports:
        return Ports(self, self.quarantine)

    def write(self, table: Table, rows: pa.Table, records: Any) -> None:
        if table.name in self.full:
            raise DeliveryError(f"{table.name} takes nothing")
        self.sink.write(table, rows, records)

    @contextmanager
    def fetch(self, notice: triggers.Notice, left: Left) -> Iterator[Fetched]:
        if notice.uri not in self.objects:
            raise DeliveryError(f"{notice.uri} is not there")
        yield Fetched(BytesIO(self.objects[notice.uri]))


def memory_stack(home: MemoryHome, sources: Mapping[str, str] | None = None) -> Stack:
    """A stack over a home in memory."""
    routes = Routes.of(Settings(sources=dict(SOURCES if sources is None else sources)))
    return Stack(context(own_log_groups=["/aws/lambda/tailrace-"]), routes, home)


def aws_stack(
    firehose: FirehoseService, s3: S3Service, time: VirtualTime, delivery: Delivery = DELIVERY
) -> Stack:
    """A stack over the AWS home, with real clients whose calls go to services of ours."""
    home = AwsHome(delivery, firehose.client(), s3.client(), time.sleep)
    return stack_of(Settings(sources=SOURCES), home)


def s3_event(*keys: str, bucket: str = "logs") -> dict[str, Any]:
    """What S3 tells of new objects."""
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventTime": "2026-11-25T14:00:00.250Z",
                "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
            }
            for key in keys
        ]
    }
