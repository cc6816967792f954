"""An account in which a stage can be backfilled: the cloud of tests/deployed, with a stream of
several shards, and a state machine whose executions run at once."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from pipeline import aws, invoke
from pipeline.backfill import Backfill, Notes, Request
from pipeline.invoke import AwsHome, stack_of
from pipeline.settings import Settings
from tests.deployed.cloud import LAKE, OUTPUTS, Cloud, _place
from tests.deployed.staging import DELIVERY, Staging

LOGS, INBOX = "logs", "inbox"
STREAM = OUTPUTS["StreamArn"]
SOURCES = {
    "s3://logs/AWSLogs/*": "vpc-flow",
    "s3://inbox/AWSLogs/*": "vpc-flow",
    "flow-logs": "vpc-flow",
}
NOW = datetime(2026, 11, 25, 20, 10, tzinfo=UTC)
DAY = timedelta(days=1)
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:tailrace-staging-backfill"


@dataclass
class Account(Cloud):
    """What is there.

    now     the time
    before  called with the name of every operation: it may raise
    shards  records by shard, in order: sequence number, payload, arrival
    """

    now: datetime = NOW
    before: Callable[[str], None] = lambda name: None
    shards: dict[str, list[tuple[int, bytes, datetime]]] = field(default_factory=dict)
    page_records: int = 2
    unreadable: set[str] = field(default_factory=set)
    runs: Callable[[Any], str] = lambda said: "SUCCEEDED"
    executions: dict[str, str] = field(default_factory=dict)
    outputs_of: dict[str, Any] = field(default_factory=dict)

    def put(self, bucket: str, key: str, content: bytes, stored: datetime | None = None) -> None:
        """Store an object, now unless it is said when."""
        self.objects[bucket, key] = content, stored or self.now

    def add(self, shard: str, payload: bytes, at: datetime) -> None:
        """A record of a shard."""
        records = self.shards.setdefault(shard, [])
        records.append((49_590 * 10**50 + 1_000 * len(self.shards) + len(records), payload, at))

    def _send(self, request: AWSPreparedRequest, event_name: str, **more: object) -> AWSResponse:
        self.before(event_name.split(".")[2])
        return super()._send(request, event_name, **more)

    def _PutObject(self, request: AWSPreparedRequest) -> AWSResponse:
        bucket, key, _ = _place(request)
        if "If-None-Match" in request.headers and (bucket, key) in self.objects:
            return self._refused(request, "s3", 412, "PreconditionFailed")
        return super()._PutObject(request)

    def _GetObject(self, request: AWSPreparedRequest) -> AWSResponse:
        if _place(request)[1] in self.unreadable:
            return self._refused(request, "s3", 403, "AccessDenied")
        return super()._GetObject(request)

    def _ListShards(self, asked: Any) -> Any:
        assert asked["StreamARN"] == STREAM
        return {"Shards": [{"ShardId": each} for each in self.shards]}

    def _DescribeStreamSummary(self, asked: Any) -> Any:
        return {"StreamDescriptionSummary": {"RetentionPeriodHours": 24}}

    def _GetShardIterator(self, asked: Any) -> Any:
        records = self.shards[asked["ShardId"]]
        if asked["ShardIteratorType"] == "AT_TIMESTAMP":
            since = datetime.fromtimestamp(asked["Timestamp"], UTC)
            since = max(since, self.now - DAY)
            first = sum(at < since for _, _, at in records)
        else:
            behind = int(asked["StartingSequenceNumber"])
            behind -= asked["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
            first = sum(number <= behind for number, _, _ in records)
        return {"ShardIterator": f"{asked['ShardId']}/{first}"}

    def _GetRecords(self, asked: Any) -> Any:
        shard, _, first = asked["ShardIterator"].partition("/")
        end = int(first) + asked.get("Limit", self.page_records)
        found = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "any",
                "Data": base64.b64encode(payload).decode(),
                "ApproximateArrivalTimestamp": at.timestamp(),
            }
            for number, payload, at in self.shards[shard][int(first) : end]
        ]
        behind_ms = 1000 if end < len(self.shards[shard]) else 0
        return {
            "Records": found,
            "NextShardIterator": f"{shard}/{min(end, len(self.shards[shard]))}",
            "MillisBehindLatest": behind_ms,
        }

    def _ListExecutions(self, asked: Any) -> Any:
        found = [
            {
                "executionArn": arn,
                "stateMachineArn": asked["stateMachineArn"],
                "name": arn.rpartition(":")[2],
                "status": status,
                "startDate": 0,
            }
            for arn, status in self.executions.items()
            if status == asked["statusFilter"]
        ]
        return {"executions": found}

    def _StartExecution(self, asked: Any) -> Any:
        """It runs at once."""
        arn = f"{MACHINE.replace('stateMachine', 'execution')}:{asked['name']}"
        self.executions[arn] = self.runs(json.loads(asked["input"]))
        return {"executionArn": arn, "startDate": 0}

    def _DescribeExecution(self, asked: Any) -> Any:
        arn = asked["executionArn"]
        return {
            "executionArn": arn,
            "stateMachineArn": MACHINE,
            "status": self.executions[arn],
            "startDate": 0,
            "output": json.dumps(self.outputs_of.get(arn, {})),
        }

    def _GetMetricStatistics(self, asked: Any) -> Any:
        return {"Datapoints": [{"Sum": 3_000_000.0}, {"Sum": 1_000_000.0}]}


@dataclass
class Stage(Staging):
    """A stage of this account; what lands can be audited."""

    cloud: Account = field(default_factory=Account)
    sources: dict[str, str] = field(default_factory=lambda: dict(SOURCES))
    formats: dict[str, Any] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cloud.outputs["BackfillMachineArn"] = MACHINE
        self.cloud.parameters["BackfillBucket"] = LOGS
        self.cloud.environment["TAILRACE_SOURCES"] = json.dumps(self.sources)
        self.cloud.environment["TAILRACE_DELIVERY_MODE"] = "s3"

    def backfill(self) -> Backfill:
        """What the function works with."""
        session = self.cloud.session()
        s3 = session.client("s3", config=aws.one_attempt())
        home = AwsHome(DELIVERY, session.client("firehose"), s3, sleep=self.slept.append)
        return Backfill(
            LAKE,
            s3,
            session.client("kinesis", config=aws.one_attempt()),
            stack_of(Settings(sources=self.sources, formats=self.formats), home),
            clock=lambda: self.cloud.now,
            sleep=self.slept.append,
        )

    def notes(self, request: Request) -> Notes:
        """The notes of a request."""
        return Notes(self.cloud.session().client("s3"), LAKE, request.id)

    def take_objects(self, event: Any) -> None:
        """One invocation of the function that reads objects as they come."""
        taken = invoke.take(event, self.backfill().stack, lambda: 60.0, 0)
        assert not taken.failures
        self.show()
