"""Records of the stream that nobody has read: gone with the stream, when it is deleted.

No one sign tells: of a shard whose batch is tried again nothing is read meanwhile, and the stream
tells of the others alone. So what it says of all minutes counts, what the function says of the
batches that it was given, and how the last of them ended.

Sources: Amazon Kinesis Data Streams Developer Guide, "Monitoring with CloudWatch",
GetRecords.IteratorAgeMilliseconds: 0 where the reader has caught up; AWS Lambda Developer Guide,
"Types of metrics", IteratorAge; API Reference, "EventSourceMappingConfiguration".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

METRIC = "GetRecords.IteratorAgeMilliseconds"
STREAM, FUNCTION = "StreamName", "FunctionName"
MINUTES = 15
# Metrics come some minutes late.
LATE = timedelta(minutes=5)
PERIOD_S = 60


@dataclass(frozen=True, slots=True)
class Unread:
    """How far the reader of a stream is behind.

    age_ms  of the oldest record that it had not read in the last minutes; None: not known
    at      when it was last looked at
    why     not known, or that not all was worked on all the same
    """

    stream: str
    age_ms: float | None = None
    at: datetime | None = None
    why: str = ""

    @property
    def none(self) -> bool:
        """Whether all had been read, and worked on."""
        return self.age_ms == 0 and not self.why

    def __str__(self) -> str:
        lost = f"The stream {self.stream} is deleted, with every record that nobody has read."
        if self.at is None:
            return f"{lost}\n  How many those are is not known: {self.why}."
        age = self.age_ms or 0
        behind = f"{age / 1000:,.0f} s unread within {MINUTES} minutes" if age else ""
        said = "; ".join(filter(None, (behind, self.why))) or "all had been read"
        return f"{lost}\n  At {self.at:%H:%M} UTC: {said} ({METRIC})."


def unread(cloudwatch: Any, functions: Any, named: Mapping[str, str], now: datetime) -> Unread:
    """What AWS knows of the reader of a stream.

    functions  a client of Lambda
    named      the stack's outputs
    """
    stream = named[STREAM]
    try:
        ages = _points(cloudwatch, "AWS/Kinesis", METRIC, (STREAM, stream), now)
        if not ages:
            return Unread(stream, why=f"nobody has read it for {MINUTES} minutes")
        at = max(ages)
        if at < now - LATE:
            return Unread(stream, why=f"nobody has read it since {at.astimezone(UTC):%H:%M} UTC")
        why = _not_worked_on(cloudwatch, functions, named.get(FUNCTION, ""), now)
    except (ClientError, BotoCoreError) as error:
        return Unread(stream, why=f"AWS does not say ({error})")
    return Unread(stream, max(ages.values()), at.astimezone(UTC), why)


def _not_worked_on(cloudwatch: Any, functions: Any, function: str, now: datetime) -> str:
    """Why what was read may not have been worked on; "" where nothing says so."""
    pages = functions.get_paginator("list_event_source_mappings").paginate(FunctionName=function)
    for page in pages:
        for each in page["EventSourceMappings"]:
            last = each.get("LastProcessingResult", "")
            if last.startswith("PROBLEM"):
                return f"the last batch was not worked on ({last})"
    ages = _points(cloudwatch, "AWS/Lambda", "IteratorAge", (FUNCTION, function), now)
    if oldest := max(ages.values(), default=0):
        return f"{function} was given records {oldest / 1000:,.1f} s old within {MINUTES} minutes"
    return ""


def _points(
    cloudwatch: Any, namespace: str, metric: str, of: tuple[str, str], now: datetime
) -> dict[datetime, float]:
    """The highest values of a metric in the last minutes, by when that was."""
    said = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": of[0], "Value": of[1]}],
        StartTime=now - timedelta(minutes=MINUTES),
        EndTime=now,
        Period=PERIOD_S,
        Statistics=["Maximum"],
    )
    return {each["Timestamp"]: each["Maximum"] for each in said["Datapoints"]}


def way_out(again: str) -> str:
    """How to lose none of them."""
    return (
        'To lose none: deploy it with LogGroups="" and FlowLogVpcId="", so that nothing comes in;'
        f" {again} when this says that all had been read."
    )
