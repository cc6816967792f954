"""Carriers: what an invocation, a file or a request brings, as records with their position.

Out comes a payload as it arrived; opening it (base64, gzip, envelopes) is `decode`'s work.

Sources: AWS Lambda Developer Guide ("Using Lambda with Kinesis", "... CloudWatch Logs",
"... Amazon Data Firehose").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Record:
    """One payload and where it came from.

    payload        as it arrived
    position       what the carrier calls it: sequence number, record id, object key, path
    arrival_ms     arrival in the stream, or of the file; epoch milliseconds
    identity       base of the identity of its lines, where they have none of their own
    first_ordinal  ordinal of its first line (a slice of a file does not begin at 0)
    formats        declared formats of its plain lines (or the one that a header line earlier in the
                   same file has set); empty: by log group, else the default of the source
    log_group      log group that its plain lines are said to come from; "" for none
    time_ms        time of the last line before it in the same file; None for none
    base64         the payload is base64, as Lambda events carry bytes
    opened         plain lines: a slice of a file that was opened before, looked into no further
    shard          shard of the stream, 0 where there is none
    refused        why it was refused before it came here ("reason: detail"); "" for not
    """

    payload: bytes
    position: str
    arrival_ms: int
    identity: str
    first_ordinal: int = 0
    formats: tuple[str, ...] = ()
    log_group: str = ""
    time_ms: int | None = None
    base64: bool = False
    opened: bool = False
    shard: int = 0
    refused: str = ""


def kinesis(event: dict[str, Any]) -> list[Record]:
    """Records of a Kinesis event; the identity is stream, shard and sequence number.

    Raises UsageError when it is no Kinesis event.
    """
    found = []
    for record in _records(event, "aws:kinesis", "Kinesis"):
        inner = record["kinesis"]
        shard, _, _ = record["eventID"].partition(":")
        stream = record["eventSourceARN"].rpartition("/")[2]
        sequence = inner["sequenceNumber"]
        found.append(
            Record(
                inner["data"].encode(),
                sequence,
                _ms(inner["approximateArrivalTimestamp"]),
                f"kinesis/{stream}/{shard}/{sequence}",
                base64=True,
                shard=_shard_number(shard),
            )
        )
    return found


def awslogs(event: dict[str, Any], now_ms: int) -> list[Record]:
    """The one record of a CloudWatch Logs subscription event, which does not tell its arrival.

    Raises UsageError when it is no such event.
    """
    try:
        data = event["awslogs"]["data"]
    except (KeyError, TypeError) as error:
        raise _wrong_event("CloudWatch Logs") from error
    return [Record(data.encode(), "awslogs", now_ms, "awslogs", base64=True)]


def firehose(event: dict[str, Any]) -> list[Record]:
    """Records of a Firehose transformation event; behind a Kinesis stream they keep its identity.

    Raises UsageError when it is no Firehose event.
    """
    if not isinstance(event, dict) or "deliveryStreamArn" not in event:
        raise _wrong_event("Firehose")
    stream = event["deliveryStreamArn"].rpartition("/")[2]
    found = []
    for record in event.get("records", []):
        meta = record.get("kinesisRecordMetadata")
        source = (event.get("sourceKinesisStreamArn") or "").rpartition("/")[2]
        identity = (
            f"kinesis/{source}/{meta['shardId']}/{meta['sequenceNumber']}"
            if meta and source
            else f"firehose/{stream}/{record['recordId']}"
        )
        found.append(
            Record(
                record["data"].encode(),
                record["recordId"],
                int(record["approximateArrivalTimestamp"]),
                identity,
                base64=True,
            )
        )
    return found


def s3_object(content: bytes, key: str, digest: str, arrival_ms: int) -> Record:
    """An S3 object held in memory; `digest` of its decompressed content is its identity."""
    return Record(content, key, arrival_ms, f"content/{digest}")


def http_body(body: bytes, request: str, arrival_ms: int) -> Record:
    """A posted body; `request` is the scoped idempotency key, or a fresh request id."""
    return Record(body, request, arrival_ms, f"request/{request}")


def _records(event: dict[str, Any], event_source: str, name: str) -> Iterable[dict[str, Any]]:
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or any(r.get("eventSource") != event_source for r in records):
        raise _wrong_event(name)
    return records


def _wrong_event(name: str) -> UsageError:
    return UsageError(
        f"this is no {name} event",
        "in the event that the function was called with",
        f"call it from a {name} trigger, or use the function made for this carrier",
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _shard_number(shard: str) -> int:
    digits = shard.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
