"""What a stack gave up on the way, sent again: safe to run twice, for rows have their identities.

Rows that Firehose could not write go to Firehose once more, as they were; invocations that Lambda
gave up go through the function's own code. A mark beside the object says that it was done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from pipeline import invoke
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.ndjson import Lines
from pipeline.deliver.packing import calls, packed
from pipeline.deliver.put_batch import Batch
from pipeline.errors import UsageError
from pipeline.stack.remains import ErrorObject, Remains

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

# A person waits: as long as the function would have had.
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one object; `left`: why it was not sent again, "" when it was."""

    uri: str
    told: str
    left: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Sends again what `remains` has; `dry_run`: only tells.

    stack  what the function works with, for who runs this
    """

    remains: Remains
    firehose: "FirehoseClient"
    stack: invoke.Stack
    clock: Callable[[], float]
    dry_run: bool = False

    def run(self) -> Iterator[Sent]:
        """Each object as it is done.

        Raises DeliveryError when a sink does not take it, TailraceError when S3 does not answer;
        what was done before stands.
        """
        for error in self.remains.errors():
            yield self._error(error)
        for uri in self.remains.given_up():
            yield self._given_up(uri)

    def _error(self, error: ErrorObject) -> Sent:
        if not error.lines:
            return Sent(error.uri, error.told, "it cannot be read")
        if not self.dry_run:
            stream = f"{self.remains.delivery.streams}{error.table}"
            attempts = Attempts(self._left())
            for call in calls(packed([_lines(error.lines)])):
                Batch(self.firehose, stream, call).put(attempts)
            self.remains.mark(error.bucket, error.key)
        return Sent(error.uri, error.told)

    def _given_up(self, uri: str) -> Sent:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        event = _event(self.remains.read(bucket, key))
        if event is None:
            return Sent(uri, "an invocation", "it tells where its records are, and holds none")
        if self.dry_run:
            return Sent(uri, "an invocation")
        try:
            taken = invoke.take(event, self.stack, self._left(), round(self.clock() * 1000))
        except UsageError as error:
            return Sent(uri, "an invocation", error.what)
        if taken.failures:
            raise taken.failures[0]
        self.remains.mark(bucket, key)
        return Sent(uri, f"{taken.totals()['events_in']:,} events")

    def _left(self) -> Callable[[], float]:
        end = self.clock() + PATIENCE_S
        return lambda: end - self.clock()


def _event(content: bytes) -> Any:
    """The event of an invocation that was given up; None where only its place is told."""
    try:
        body = msgspec.json.decode(content, type=dict[str, Any])
        payload = body.get("requestPayload", body.get("payload"))
        return msgspec.json.decode(payload) if isinstance(payload, str) else payload
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _lines(content: bytes) -> Lines:
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n")) + 1
    return Lines(memoryview(content), np.concatenate([[0], ends]))
