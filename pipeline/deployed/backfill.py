"""A stack's backfill from outside: what it would take, started, watched.

infra/backfill.asl.yaml says what an execution is told, and what it leaves.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import aws
from pipeline.aws import told
from pipeline.backfill import Notes, Request
from pipeline.backfill.notes import numbers_of
from pipeline.backfill.plan import Object as Planned
from pipeline.backfill.plan import batches_of, slices_of
from pipeline.backfill.shards import Shards
from pipeline.deployed.erased import erasures_since
from pipeline.deployed.executions import RUNNING, Machine
from pipeline.deployed.function import configuration
from pipeline.deployed.objects import listed
from pipeline.deployed.stage import Deployed
from pipeline.errors import UsageError
from pipeline.estimate import backfill as estimate
from pipeline.invoke import Routes
from pipeline.queries.window import Window
from pipeline.settings import of_function

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

MACHINE = "BackfillMachineArn"
SCHEME = "s3://"
HOUR_S = 3600


def of_prefix(deployed: Deployed, uri: str, source: str, window: Window | None) -> Request:
    """Objects below s3://bucket/prefix, stored in a window.

    Raises UsageError where it names no place, or one that the stack may not read.
    """
    bucket, prefix = place_of(uri)
    allowed = (deployed.outputs.get("InboxBucket", ""), deployed.parameters.get("BackfillBucket"))
    if bucket not in allowed:
        raise UsageError(
            f"the stack {deployed.stack} may not read the bucket {bucket}",
            "--prefix",
            f"allow it: 'BackfillBucket={bucket}' among the overrides in samconfig.toml, then"
            f" make deploy STAGE={deployed.stage}",
        )
    first, last = window.bounds_ms if window else (0, Request().to_ms)
    return Request(bucket, prefix, "", first, last, source)


def place_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix of s3://bucket/prefix. Raises UsageError for what is none."""
    bucket, _, prefix = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not bucket:
        raise UsageError(f"not a place in S3: {uri!r}", "--prefix", "write s3://bucket/prefix")
    return bucket, prefix


def of_route(deployed: Deployed, source: str, window: Window) -> Request:
    """What the stack itself was brought in a window, as far as it still is where it came to.

    Raises UsageError where that is nowhere.
    """
    route = deployed.output("LogRoute")
    first, last = window.bounds_ms
    if route == "s3":
        return Request(deployed.output("InboxBucket"), "", "", first, last, source)
    if route == "kinesis":
        return Request("", "", deployed.output("StreamArn"), first, last, source)
    raise UsageError(
        f"the stack {deployed.stack} keeps nothing that could be taken again",
        "LogRoute=lambda: CloudWatch Logs calls the function itself",
        "what failed there: --failed; files of yours: --prefix s3://bucket/prefix",
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a request names, as it is now.

    objects     by the source that reads them; of a stream, nothing
    bytes       as stored; of a stream, of all that was written into it in the time
    shards      of a stream
    batches     that it is cut into
    gone_until  what arrived before has left the stream; None: nothing has
    """

    bytes: int
    batches: int
    objects: Counter[str] = field(default_factory=Counter)
    shards: int = 0
    gone_until: datetime | None = None


@dataclass(frozen=True)
class Outside:
    """A stack's backfill, and who looks at it."""

    session: "boto3.Session"
    deployed: Deployed
    request: Request

    def _client(self, name: str) -> Any:
        make: Any = self.session.client
        return make(name, config=aws.patience())

    @property
    def notes(self) -> Notes:
        """What the backfill has noted."""
        s3: S3Client = self._client("s3")
        return Notes(s3, self.deployed.lake_bucket, self.request.id)

    def found(self, now: datetime) -> Found:
        """What there is. Raises TailraceError where a service does not say."""
        return self._in_stream(now) if self.request.stream else self._in_bucket()

    def _in_bucket(self) -> Found:
        environ = configuration(self.session, self.deployed).get("Environment", {})
        routes = Routes.of(of_function(environ.get("Variables", {})))
        request, s3 = self.request, self._client("s3")
        sources: Counter[str] = Counter()
        planned: list[Planned] = []
        for each in listed(s3, request.bucket, request.prefix):
            source = routes.source_of(each.uri)
            at_ms = round(each.modified.timestamp() * 1000)
            is_folder = each.key.endswith("/") and not each.bytes
            if request.holds(at_ms) and not is_folder and request.source in ("", source):
                sources[source] += 1
                planned.append(Planned("", each.bytes, at_ms))
        batches = sum(1 for _ in batches_of(planned, 1))
        return Found(sum(each.bytes for each in planned), batches, sources)

    def _in_stream(self, now: datetime) -> Found:
        request = self.request
        shards = Shards(self._client("kinesis"), request.stream, lambda seconds: None, lambda: now)
        kept_ms, names = shards.kept_since_ms(now), shards.names()
        first = max(request.from_ms, kept_ms)
        gone = _moment(kept_ms) if kept_ms > request.from_ms else None
        batches = len(slices_of(names, first, request.to_ms))
        size = self._written(first, request.to_ms) if first < request.to_ms else 0
        return Found(size, batches, shards=len(names), gone_until=gone)

    def _written(self, first_ms: int, last_ms: int) -> int:
        """Bytes that were written into the stream, by CloudWatch's word."""
        name = self.request.stream.rpartition("/")[2]
        with told("CloudWatch", f"stream {name}"):
            said = self._client("cloudwatch").get_metric_statistics(
                Namespace="AWS/Kinesis",
                MetricName="IncomingBytes",
                Dimensions=[{"Name": "StreamName", "Value": name}],
                StartTime=_moment(first_ms),
                EndTime=_moment(last_ms),
                Period=HOUR_S,
                Statistics=["Sum"],
            )
        sums: list[float] = [each["Sum"] for each in said["Datapoints"]]
        return round(sum(sums))

    def erasures(self) -> int:
        """How many erasures there were since the first of it may have arrived.

        Raises TailraceError where S3 does not say.
        """
        since = _moment(self.request.from_ms)
        return erasures_since(self._client("s3"), self.deployed.lake_bucket, since)

    def work(self, size: int, reads: int, batches: int, source: str) -> estimate.Work:
        """The same as the estimate has it."""
        on_demand = bool(self.request.stream) and self.deployed.number("Shards", 0) == 0
        delivery = self.deployed.output("Delivery")
        return estimate.Work(source, delivery, size, reads, batches, on_demand)

    # Executions.

    @property
    def _machine(self) -> Machine:
        return Machine(self._client("stepfunctions"), self.deployed.output(MACHINE))

    def running(self) -> str:
        """ARN of an execution of the same request that runs; "" for none."""
        found = self._machine.running()
        return next((each.arn for each in found if each.name.startswith(self.request.id)), "")

    def start(self, now: datetime, concurrency: int) -> str:
        """Start an execution; its ARN. Raises TailraceError where Step Functions does not."""
        name = f"{self.request.id}-{now.astimezone(UTC):%Y%m%dT%H%M%S}"
        said = {
            "request": msgspec.to_builtins(self.request),
            "begun_ms": round(now.timestamp() * 1000),
            "concurrency": concurrency,
            "name": name,
            "behind": 0,
        }
        return self._machine.start(name, said)

    def watched(self, arn: str) -> "Iterator[Seen]":
        """How far it is, each time that it is asked, until an execution has ended for good."""
        machine, notes = self._machine, self.notes
        while arn:
            state = machine.status(arn).state
            yield Seen(state, arn, len(notes.done()), _count(notes.parts()))
            if state != RUNNING:
                # By its own word: what is noted may be of a later one already.
                arn = (machine.output(arn) or {}).get("execution", "")


@dataclass(frozen=True, slots=True)
class Seen:
    """An execution as it was seen: batches done of those that are planned until now."""

    status: str
    execution: str
    done: int
    planned: int


def _count(parts: Iterable[str]) -> int:
    return sum(len(numbers_of(name)) for name in parts)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
