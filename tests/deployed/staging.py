"""A stage with records in its lake, brought there by the function's own code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from pipeline import invoke
from pipeline.deployed.asking import Asking
from pipeline.deployed.audit import audit
from pipeline.deployed.scope import Scope, window_of
from pipeline.deployed.stage import find
from pipeline.invoke import AwsHome, stack_of
from pipeline.ledger.findings import Audit, Finding
from pipeline.settings import Delivery, Settings
from tests.carriers import ARRIVAL_MS, awslogs_event, kinesis_event
from tests.deployed.cloud import KEPT, LAKE, Cloud
from tests.deployed.lake import Lake
from tests.homes import flow

# Flows end at 14:00 on the day that they arrive.
END = 1_795_615_200
HOUR_MS = 3_600_000
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
SINCE = datetime(2026, 11, 25, 13, 20, tzinfo=UTC)
DELIVERY = Delivery(mode="s3", lake=f"s3://{LAKE}/lake", quarantine=f"s3://{KEPT}/quarantine")


def lines(*numbers: int) -> bytes:
    """Flow lines of the day; their bytes are the numbers."""
    return b"".join(flow(number, END) for number in numbers)


@dataclass
class Staging:
    """The stage; `folder` holds what lies below lake/ in its bucket, for DuckDB."""

    folder: Path
    cloud: Cloud = field(default_factory=Cloud)
    watermark: datetime | None = None
    sequence: int = 0
    shown: set[str] = field(default_factory=set)

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    def bring(self, *payloads: bytes, arrival_ms: int = ARRIVAL_MS) -> None:
        """One invocation with records of one shard that arrived at one time."""
        event = kinesis_event(payloads)
        for each in event["Records"]:
            number = int(each["kinesis"]["sequenceNumber"]) + self.sequence
            each["kinesis"] |= {
                "sequenceNumber": str(number),
                "approximateArrivalTimestamp": arrival_ms / 1000,
            }
        self.sequence += len(payloads)
        self.take(event, arrival_ms + 5_000)

    def bring_logs(self, payload: bytes, now_ms: int) -> None:
        """One invocation by CloudWatch Logs itself."""
        self.take(awslogs_event(payload), now_ms)

    def take(self, event: Any, now_ms: int) -> None:
        """One invocation of the function."""
        session = self.cloud.session()
        home = AwsHome(DELIVERY, session.client("firehose"), session.client("s3"))
        stack = stack_of(Settings(sources={"flow-logs": "vpc-flow", "*": "vpc-flow"}), home)
        taken = invoke.take(event, stack, lambda: 60.0, now_ms)
        assert not taken.again
        self.show()

    def show(self) -> None:
        """Show DuckDB what is new in the bucket."""
        for (bucket, key), (content, _) in self.cloud.objects.items():
            if bucket == LAKE and key.startswith("lake/") and key not in self.shown:
                self.shown.add(key)
                path = self.folder / key.removeprefix("lake/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def files(self, table: str) -> list[Path]:
        """Landing files of a table, sorted."""
        return sorted((self.landing / table).rglob("*.parquet"))

    def change(self, table: str, change: Callable[[pa.Table], pa.Table], file: int = 0) -> None:
        """Put other rows in the place of those of one of a table's files."""
        path = self.files(table)[file]
        parquet.write_table(change(parquet.read_table(path, partitioning=None)), path)

    def audited(self, since: datetime = SINCE, now: datetime = NOW) -> Audit:
        """The audit of it."""
        session = self.cloud.session()
        deployed = find(session, "staging")
        self.lake = Lake(self.folder, self.watermark)
        window = window_of(deployed, since, now)
        return audit(Scope(deployed, session, Asking(self.lake), window, now))

    def wrong(self) -> list[tuple[str, str, str]]:
        """What the audit finds that breaks the promise: kind, where, detail."""
        return said(finding for finding in self.audited().findings if finding.unbalances)


def said(findings: Any) -> list[tuple[str, str, str]]:
    """Findings as kind, where, detail."""
    found: Sequence[Finding] = list(findings)
    return [(each.kind, each.where, each.detail) for each in found]
