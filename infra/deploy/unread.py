"""Records of the stream that nobody has read: gone with the stream, when it is deleted.

Source: Amazon Kinesis Data Streams Developer Guide, "Monitoring with CloudWatch",
GetRecords.IteratorAgeMilliseconds: 0 where the reader has caught up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

METRIC = "GetRecords.IteratorAgeMilliseconds"
MINUTES = 15
PERIOD_S = 60


@dataclass(frozen=True, slots=True)
class Unread:
    """How far the reader of a stream is behind.

    age_ms  of the oldest record that it has not read, when it was last looked at; None: not known
    at      when that was
    why     not known
    """

    stream: str
    age_ms: float | None = None
    at: datetime | None = None
    why: str = ""

    @property
    def none(self) -> bool:
        """Whether all had been read."""
        return self.age_ms == 0

    def __str__(self) -> str:
        lost = f"The stream {self.stream} is deleted, with every record that nobody has read."
        if self.at is None:
            return f"{lost}\n  How many those are is not known: {self.why}."
        behind = "all had been read" if self.none else f"{(self.age_ms or 0) / 1000:,.0f} s unread"
        return f"{lost}\n  At {self.at:%H:%M} UTC: {behind} ({METRIC})."


def unread(cloudwatch: Any, stream: str, now: datetime) -> Unread:
    """What CloudWatch knows of the reader of a stream."""
    try:
        said = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName=METRIC,
            Dimensions=[{"Name": "StreamName", "Value": stream}],
            StartTime=now - timedelta(minutes=MINUTES),
            EndTime=now,
            Period=PERIOD_S,
            Statistics=["Maximum"],
        )
    except (ClientError, BotoCoreError) as error:
        return Unread(stream, why=f"CloudWatch does not say ({error})")
    points = said["Datapoints"]
    if not points:
        return Unread(stream, why=f"nobody has read it for {MINUTES} minutes")
    last = max(points, key=lambda each: each["Timestamp"])
    return Unread(stream, last["Maximum"], last["Timestamp"].astimezone(UTC))


def way_out(again: str) -> str:
    """How to lose none of them."""
    return (
        'To lose none: deploy it with LogGroups="" and FlowLogVpcId="", so that nothing comes in;'
        f" {again} when this says that all had been read."
    )
