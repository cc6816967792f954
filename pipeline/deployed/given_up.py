"""What Lambda gave up, through the function's own code once more.

An object below `aws/lambda/` is an invocation record. It holds the event itself: `payload` from an
event source mapping, `requestPayload` from an asynchronous call; or only says where in the stream
the records are (`KinesisBatchInfo`), which then has them as long as its retention lasts.

Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams
event source", "Adding a destination" (asynchronous invocation).
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pipeline import invoke
from pipeline.batch import Fault, Ports, guarded
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.deployed.again import Hands, Replayed
from pipeline.deployed.objects import Stored
from pipeline.deployed.shards import Batch, event_of
from pipeline.deployed.stage import LAMBDA_RECORDS
from pipeline.errors import DeliveryError
from pipeline.invoke.fetching import Fetched, fetched
from pipeline.triggers import Notice

MOST_BYTES = 64 << 20
NO_EVENT = "it holds no event, and does not say where one is"


@dataclass(frozen=True, slots=True)
class DryHome:
    """The home of a function without what it would write."""

    home: invoke.AwsHome

    def ports(self, left: invoke.Left) -> Ports:
        """Ports in memory."""
        return Ports(MemorySink(), MemoryQuarantine())

    def fetch(self, notice: Notice, left: invoke.Left) -> AbstractContextManager[Fetched]:
        """The bytes of an object."""
        return self.home.fetch(notice, left)


def take_again(hands: Hands, stack: invoke.Stack, kinesis: Any) -> Iterator[Replayed]:
    """Take what Lambda gave up, record by record of its invocations.

    stack    with the settings of the function, and an AwsHome
    kinesis  a client of Kinesis

    Raises TailraceError where S3 does not list the objects, or Kinesis does not answer.
    """
    for stored in hands.waiting(hands.deployed.quarantine_bucket, f"{LAMBDA_RECORDS}/"):
        try:
            yield _again(hands, stored, stack, kinesis)
        except DeliveryError as error:
            yield Replayed(LAMBDA_RECORDS, stored.uri, fault=error.what)


def _again(hands: Hands, stored: Stored, stack: invoke.Stack, kinesis: Any) -> Replayed:
    told = _read(hands, stored)
    event, lost = _event(told, kinesis)
    if event is None:
        return Replayed(LAMBDA_RECORDS, stored.uri, lost=lost)
    # Arrival, where the event tells none: as stored, so that a second run writes the same rows.
    now_ms = _moment_ms(told, stored)
    own = replace(stack, home=_home(hands, stored, stack.home))
    taken = guarded(lambda: invoke.take(event, own, hands.attempts.left_s, now_ms))
    if isinstance(taken, Fault):
        return Replayed(LAMBDA_RECORDS, stored.uri, lost=lost, fault=taken.detail)
    sums = taken.totals()
    failed = "; ".join(error.what for error in taken.failures)
    if not (failed or lost):
        hands.mark(stored, sums["rows"])
    return Replayed(LAMBDA_RECORDS, stored.uri, sums["rows"], sums["rejected"], lost, failed)


def _home(hands: Hands, stored: Stored, home: invoke.Home) -> invoke.Home:
    if not isinstance(home, invoke.AwsHome):
        return home
    if hands.wanted.dry:
        return DryHome(home)
    written_ms = round(hands.wanted.now.timestamp() * 1000)
    written = (sha256(stored.key.encode()).hexdigest()[:8], written_ms)
    # Who runs it looks on, and can grant what is missing: nothing is waited for.
    return replace(home, replay=written, outlasts=False)


def _read(hands: Hands, stored: Stored) -> dict[str, Any]:
    """What an object says; nothing where it is no JSON object."""
    if stored.bytes > MOST_BYTES:
        return {}
    notice = Notice(stored.bucket, stored.key, 0)
    with fetched(hands.reader(), notice, hands.attempts) as found:
        return _object(found.file.read())


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _event(told: dict[str, Any], kinesis: Any) -> tuple[dict[str, Any] | None, str]:
    """The event that failed, and what of it is lost."""
    for name in ("payload", "requestPayload"):
        held = told.get(name)
        event = _object(held) if isinstance(held, str) else held
        if isinstance(event, dict) and event:
            return event, ""
    batch = Batch.of(told.get("KinesisBatchInfo"))
    return event_of(kinesis, batch) if batch else (None, NO_EVENT)


def _moment_ms(told: dict[str, Any], stored: Stored) -> int:
    try:
        moment = datetime.fromisoformat(str(told.get("timestamp")))
    except ValueError:
        moment = stored.modified
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
