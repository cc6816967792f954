"""The AWS home as one function has it: what the core needs, made once and kept while it is warm."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Protocol

from pipeline import aws
from pipeline.batch import Context, Ports
from pipeline.batch.context import context_of
from pipeline.counters.tally import Tally
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.firehose import FirehoseSink
from pipeline.deliver.packing import RECORD_BYTES
from pipeline.deliver.s3_quarantine import S3Quarantine
from pipeline.deliver.s3_sink import S3Sink
from pipeline.enrich.aws_ranges import NONE, AwsRanges
from pipeline.errors import NotConfigured
from pipeline.invoke.counted import tally_from_settings
from pipeline.invoke.fetching import Fetched, fetched
from pipeline.invoke.posted import opening
from pipeline.invoke.ranges import kept_ranges
from pipeline.invoke.routes import Routes
from pipeline.invoke.secret import visitor_key
from pipeline.settings import Delivery, Settings, load
from pipeline.triggers import Notice, Record

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_s3 import S3Client

# Seconds that work may still take; at 0 nothing more is begun.
Left = Callable[[], float]


class Home(Protocol):
    """Where the batches of one invocation go, and where its objects come from."""

    def ports(self, left: Left) -> Ports:
        """Ports that give up when no time is left."""

    def fetch(self, notice: Notice, left: Left) -> AbstractContextManager[Fetched]:
        """The bytes of an object, in a file of our own.

        Raises DeliveryError when S3 does not give them all.
        """


@dataclass(frozen=True, slots=True)
class Stack:
    """What a function works with; `home` is the AWS one, or one in memory.

    opens  what each record of a stream is replaced by first; None: nothing
    tally  what counts the records of a stream; None: nothing does
    """

    context: Context
    routes: Routes
    home: Home
    opens: Callable[[Record], Record] | None = None
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class AwsHome:
    """Firehose or S3 for rows, S3 for what cannot become rows.

    firehose, s3  with one attempt of their own
    record_bytes  of a record of Firehose, at most
    replay        id of a replay, and when it writes: as S3Sink has them
    outlasts      as Attempts has it
    """

    delivery: Delivery
    firehose: "FirehoseClient"
    s3: "S3Client"
    sleep: Callable[[float], None] = time.sleep
    random: Random = field(default_factory=Random)
    record_bytes: int = RECORD_BYTES
    call_s: float = aws.CONNECT_S + aws.READ_S
    replay: tuple[str, int] | None = None
    outlasts: bool = True

    def ports(self, left: Left) -> Ports:
        """Ports that give up when no time is left."""
        attempts = self._attempts(left)
        quarantine = S3Quarantine(Bucket.at(self.s3, self.delivery.quarantine, attempts))
        if self.delivery.mode == "s3":
            lake = Bucket.at(self.s3, self.delivery.lake, attempts)
            sink = S3Sink(lake, *self.replay) if self.replay else S3Sink(lake)
            return Ports(sink, quarantine)
        streams, most = self.delivery.streams, self.record_bytes
        firehose = FirehoseSink(self.firehose, streams, quarantine, attempts, most)
        return Ports(firehose, quarantine)

    def fetch(self, notice: Notice, left: Left) -> AbstractContextManager[Fetched]:
        """The bytes of an object, in a file of our own."""
        return fetched(self.s3, notice, self._attempts(left))

    def _attempts(self, left: Left) -> Attempts:
        return Attempts(left, self.sleep, self.random, call_s=self.call_s, outlasts=self.outlasts)


def from_settings() -> Stack:
    """The stack that the environment of a function names.

    Raises NotConfigured where it does not say where to deliver to, UsageError where a setting is
    wrong.
    """
    settings = load()
    check_delivery(settings.delivery)
    session = aws.session()
    one = aws.one_attempt()
    firehose, s3 = session.client("firehose", config=one), session.client("s3", config=one)
    home = AwsHome(settings.delivery, firehose, s3)
    return stack_of(settings, home, kept_ranges(settings.lookups, s3))


def views_from_settings() -> Stack:
    """The same for a function that takes page views from a stream of API Gateway.

    They are counted where the settings name a table for that.

    Raises also TailraceError where the key of the hashes of visitors cannot be read.
    """
    settings = load()
    opens = opening(visitor_key(settings.delivery.visitor_secret))
    tally = tally_from_settings(time.time) if settings.counters.table else None
    return replace(from_settings(), opens=opens, tally=tally)


def stack_of(settings: Settings, home: Home, aws_ranges: AwsRanges = NONE) -> Stack:
    """What a function works with, as the settings say."""
    return Stack(context_of(settings, aws_ranges=aws_ranges), Routes.of(settings), home)


def check_delivery(delivery: Delivery) -> None:
    """Raise NotConfigured where the settings do not say where to deliver to."""
    needed = {
        "TAILRACE_DELIVERY_QUARANTINE": delivery.quarantine,
        "TAILRACE_DELIVERY_LAKE": delivery.lake or delivery.mode != "s3",
        "TAILRACE_DELIVERY_STREAMS": delivery.streams or delivery.mode != "firehose",
    }
    for variable, given in needed.items():
        if not given:
            raise NotConfigured(
                f"{variable} is not set",
                f"in the environment of a function that delivers to {delivery.mode}",
                "deploy the stack's own template, which sets it",
            )
