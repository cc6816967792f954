"""What of a stack is audited, and with what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.deployed.asking import Asking
from pipeline.deployed.erased import Gone, gone_since
from pipeline.deployed.questions import Questions
from pipeline.deployed.stage import Deployed
from pipeline.errors import UsageError
from pipeline.queries.window import Window
from pipeline.schema import HOUR_MS

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

# Beyond what Firehose collects: it starts, converts and writes, and `batch` goes by a stream of its
# own.
SETTLING_S = 900
MOST_BUFFER_S = 900
LANDED_MINUTES = (SETTLING_S + MOST_BUFFER_S) // 60
# For so long the mapping tries a record again; MaximumRecordAgeInSeconds of the template.
TRIED_H = 6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scope:
    """What is audited: what arrived in a window, in whole hours from its start on.

    now  when it is asked
    """

    deployed: Deployed
    session: "boto3.Session"
    asking: Asking
    window: Window
    now: datetime

    @cached_property
    def s3(self) -> "S3Client":
        """A client of S3."""
        return self.session.client("s3", config=aws.patience())

    @cached_property
    def sqs(self) -> Any:
        """A client of SQS."""
        make: Callable[..., Any] = self.session.client
        return make("sqs", config=aws.patience())

    @cached_property
    def gone(self) -> Gone:
        """What was erased of it. Raises TailraceError where S3 does not say."""
        return gone_since(self.s3, self.deployed.lake_bucket, self.window.from_time)

    @property
    def questions(self) -> Questions:
        """The questions about it."""
        return Questions(self.window, self.window.to_time)

    @property
    def tried_until(self) -> datetime:
        """What arrived before it is not tried any more."""
        return self.window.to_time - timedelta(hours=TRIED_H)

    def is_expired(self, hour: int, days: int) -> bool:
        """Whether what came in an hour is deleted by now, `days` after it came; 0 days: never."""
        age = self.now - EPOCH - timedelta(milliseconds=(hour + 1) * HOUR_MS)
        return bool(days) and age >= timedelta(days=days)


def window_of(deployed: Deployed, since: datetime, now: datetime) -> Window:
    """What can be audited of what arrived since a time: what must have landed by now.

    Raises UsageError where that is nothing.
    """
    settling = SETTLING_S + deployed.number("FirehoseBufferSeconds", MOST_BUFFER_S)
    end = now - timedelta(seconds=settling)
    end = end.replace(microsecond=end.microsecond // 1000 * 1000)
    begin = since.replace(minute=0, second=0, microsecond=0)
    if begin >= end:
        raise UsageError(
            f"nothing that arrived since {begin:%H:%M}Z need have landed yet",
            f"what arrives is in the lake after {settling // 60} minutes at the latest",
            "give a longer --since",
        )
    return Window(begin, end)


def hour_of(moment: datetime) -> int:
    """The hour of a time, as findings count them; without a zone it is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=HOUR_MS)
