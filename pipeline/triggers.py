"""Carriers: what an invocation, a file or a request brings, as records with their position.

Out comes a payload as it arrived; opening it (base64, gzip, envelopes) is `decode`'s work. Of
objects in S3 only the notices come; fetching them is the function's work.

Sources: AWS Lambda Developer Guide ("Using Lambda with Kinesis", "... CloudWatch Logs",
"... Amazon Data Firehose", "... Amazon SQS"); Amazon S3 User Guide, "Event message structure".
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeGuard
from urllib.parse import unquote_plus

from pipeline.errors import UsageError

# The year 10000, which neither Python nor Parquet's readers have.
MOST_MS = 253_402_300_800_000
# Of a sequence number and of a shard's name (Kinesis API Reference, "SequenceNumberRange").
MOST_DIGITS, SHARD_DIGITS = 129, 12
MOST_SHARD = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Record:
    """One payload and where it came from.

    payload        as it arrived
    position       what the carrier calls it: sequence number, record id, object key, path
    arrival_ms     arrival in the stream, or of the file; epoch milliseconds
    identity       base of the identity of its lines, where they have none of their own
    first_ordinal  ordinal of its first line (a slice of a file does not begin at 0)
    formats        declared formats of its plain lines; empty: by log group, else the default of
                   the source
    header         format that a header line earlier in the same file has set; "" for none
    log_group      log group that its plain lines are said to come from; "" for none
    time_ms        time of the last line before it in the same file; None for none
    base64         the payload is base64, as Lambda events carry bytes
    opened         plain lines: a slice of a file that was opened before, looked into no further
    shard          shard of the stream, 0 where there is none
    refused        why it was refused before it came here ("reason: detail"); "" for not
    plain          lines before it in the same file were no envelopes, so none of its own is one
    """

    payload: bytes
    position: str
    arrival_ms: int
    identity: str
    first_ordinal: int = 0
    formats: tuple[str, ...] = ()
    header: str = ""
    log_group: str = ""
    time_ms: int | None = None
    base64: bool = False
    opened: bool = False
    shard: int = 0
    refused: str = ""
    plain: bool = False

    @property
    def is_unique(self) -> bool:
        """Whether no other record can have its identity: a place in a stream, a fresh request."""
        carrier, _, rest = self.identity.partition("/")
        # One that an idempotency key stands for has more parts.
        return carrier in ("stream", "kinesis") or (carrier == "request" and "/" not in rest)


def name_of(path: str) -> str:
    """A path as text that can be stored; bytes of it that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Carrier(StrEnum):
    """Who calls a function, by the shape of the event."""

    KINESIS = "aws:kinesis"
    QUEUE = "aws:sqs"
    S3 = "aws:s3"
    AWSLOGS = "awslogs"


def carrier_of(event: Any) -> Carrier:
    """Who sent an event.

    Raises UsageError when it is nobody's that is known.
    """
    names = "Kinesis, SQS, S3 or CloudWatch Logs"
    if isinstance(event, dict) and "awslogs" in event:
        return Carrier.AWSLOGS
    records = event.get("Records") if isinstance(event, dict) else None
    if records and _all_objects(records):
        with _expecting(names):
            return Carrier(records[0]["eventSource"])
    raise _wrong_event(names)


def kinesis(event: dict[str, Any]) -> list[Record]:
    """Records of a Kinesis event; the identity is stream, shard and sequence number.

    Raises UsageError when it is no Kinesis event.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not _all_objects(records) or any(r.get("eventSource") != "aws:kinesis" for r in records):
        raise _wrong_event("Kinesis")
    with _expecting("Kinesis"):
        return [_of_kinesis(record) for record in records]


def _of_kinesis(record: dict[str, Any]) -> Record:
    inner = record["kinesis"]
    shard, _, _ = record["eventID"].partition(":")
    stream = record["eventSourceARN"].rpartition("/")[2]
    sequence = _sequence(inner["sequenceNumber"])
    return Record(
        inner["data"].encode(),
        sequence,
        _moment_ms(inner["approximateArrivalTimestamp"] * 1000),
        f"kinesis/{stream}/{shard}/{sequence}",
        base64=True,
        shard=_shard_number(shard),
    )


def awslogs(event: dict[str, Any], now_ms: int) -> list[Record]:
    """The one record of a CloudWatch Logs subscription event, which tells neither arrival nor id.

    Raises UsageError when it is no such event.
    """
    inner = event.get("awslogs") if isinstance(event, dict) else None
    data = inner.get("data") if isinstance(inner, dict) else None
    if not isinstance(data, str):
        raise _wrong_event("CloudWatch Logs")
    with _expecting("CloudWatch Logs"):
        payload = data.encode()
    position = sha256(payload).hexdigest()[:32]
    return [Record(payload, position, now_ms, f"awslogs/{position}", base64=True)]


def firehose(event: dict[str, Any]) -> list[Record]:
    """Records of a Firehose transformation event; behind a Kinesis stream they keep its identity.

    Raises UsageError when it is no Firehose event.
    """
    records = event.get("records") if isinstance(event, dict) else None
    if not _all_objects(records) or "deliveryStreamArn" not in event:
        raise _wrong_event("Firehose")
    with _expecting("Firehose"):
        return [_of_firehose(event, record) for record in records]


def _of_firehose(event: dict[str, Any], record: dict[str, Any]) -> Record:
    return Record(
        record["data"].encode(),
        record["recordId"],
        _moment_ms(record["approximateArrivalTimestamp"]),
        _firehose_identity(event, record),
        base64=True,
    )


def _firehose_identity(event: dict[str, Any], record: dict[str, Any]) -> str:
    stream = (event.get("sourceKinesisStreamArn") or "").rpartition("/")[2]
    meta = record.get("kinesisRecordMetadata")
    if not (meta and stream):
        name = event["deliveryStreamArn"].rpartition("/")[2]
        return f"firehose/{name}/{record['recordId']}"
    identity = f"kinesis/{stream}/{meta['shardId']}/{meta['sequenceNumber']}"
    # Firehose takes aggregated records apart; the parts share a sequence number.
    part = meta.get("subsequenceNumber")
    return f"{identity}/{part}" if part else identity


@dataclass(frozen=True, slots=True)
class Notice:
    """Word that an object lies in S3; `arrival_ms`: when it came, epoch milliseconds."""

    bucket: str
    key: str
    arrival_ms: int

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}"


def s3(event: dict[str, Any]) -> list[Notice]:
    """Notices of an S3 event; marks of folders (empty, the key ends in /) are none.

    Raises UsageError when it is no S3 event.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not _all_objects(records):
        raise _wrong_event("S3")
    with _expecting("S3"):
        return [_notice(record) for record in records if not _is_folder(record)]


def _is_folder(record: dict[str, Any]) -> bool:
    told = record["s3"]["object"]
    return bool(told["key"].endswith("/") and not told.get("size"))


def _notice(record: dict[str, Any]) -> Notice:
    arrived = datetime.fromisoformat(record["eventTime"])
    # Keys come as a form would send them: a blank is "+".
    key = unquote_plus(record["s3"]["object"]["key"])
    return Notice(record["s3"]["bucket"]["name"], key, _moment_ms(arrived.timestamp() * 1000))


def queue(event: dict[str, Any]) -> list[tuple[str, str]]:
    """Messages of an SQS event: id, body.

    Raises UsageError when it is no such event.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not _all_objects(records) or any(r.get("eventSource") != Carrier.QUEUE for r in records):
        raise _wrong_event("SQS")
    with _expecting("SQS"):
        return [(record["messageId"], record["body"]) for record in records]


def s3_message(body: str) -> list[Notice]:
    """Notices in a message's body; the one with which S3 tries a new configuration out has none.

    Raises UsageError when the body is not S3's.
    """
    with _expecting("S3"):
        told = json.loads(body)
    if isinstance(told, dict) and told.get("Event") == "s3:TestEvent":
        return []
    return s3(told)


def http_body(body: bytes, request: str, arrival_ms: int) -> Record:
    """A posted body; `request` is the scoped idempotency key, or a fresh request id."""
    return Record(body, request, arrival_ms, f"request/{request}")


def _all_objects(records: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(records, list) and all(isinstance(record, dict) for record in records)


@contextmanager
def _expecting(name: str) -> Iterator[None]:
    """What an event of this carrier has: where it lacks it, it is none."""
    try:
        yield
    except (
        LookupError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        RecursionError,
    ) as error:
        raise _wrong_event(name) from error


def _wrong_event(name: str) -> UsageError:
    return UsageError(
        f"this is no {name} event",
        "in the event that the function was called with",
        f"call it from a {name} trigger, or use the function made for this carrier",
    )


def _moment_ms(ms: float) -> int:
    """A moment that a calendar has. Raises ValueError for any other."""
    if not 0 <= ms < MOST_MS:
        raise ValueError(f"no moment: {ms}")
    return round(ms)


def _sequence(number: str) -> str:
    """A sequence number; it is compared as a number. Raises ValueError where it is none."""
    if len(number) > MOST_DIGITS or not _is_digits(number):
        raise ValueError(f"no sequence number: {number[:MOST_DIGITS]}")
    return number


def _shard_number(shard: str) -> int:
    """The number of a shard; 0 where its name has none that a column takes."""
    digits = shard.rpartition("-")[2]
    number = int(digits) if len(digits) <= SHARD_DIGITS and _is_digits(digits) else 0
    return number if number <= MOST_SHARD else 0


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
