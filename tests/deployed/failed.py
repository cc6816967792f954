"""Objects that Firehose and Lambda leave behind where something failed."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.carriers import ARRIVAL_MS

STREAM_ARN = "arn:aws:kinesis:eu-west-1:123456789010:stream/flow-logs"
ERROR = "DataFormatConversion.ParseError"
REFUSED = "errors/vpc_flow/format-conversion-failed/dt=2026-11-25/staging-1"
GIVEN_UP = "aws/lambda/af6f/shardId-000000000003/2026/11/25/2026-11-25T14.20.00-1"


def firehose_errors(*contents: bytes, code: str = ERROR) -> bytes:
    """An object of Firehose: a line for each record that it could not deliver."""
    return b"".join(
        json.dumps(
            {
                "attemptsMade": 1,
                "arrivalTimestamp": ARRIVAL_MS + 9_000,
                "errorCode": code,
                "errorMessage": "secret: the data could not be parsed",
                "attemptEndingTimestamp": ARRIVAL_MS + 70_000,
                "rawData": base64.b64encode(content).decode(),
            }
        ).encode()
        + b"\n"
        for content in contents
    )


def of_mapping(event: Any = None, size: int = 1, first: int = 49_590_338_271_490_256_608) -> bytes:
    """An invocation record of an event source mapping; without an event it only says where."""
    told = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 6},
        "version": "1.0",
        "timestamp": "2026-11-25T14:20:00.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000003",
            "startSequenceNumber": str(first),
            "endSequenceNumber": str(first + size - 1),
            "approximateArrivalOfFirstRecord": "2026-11-25T14:00:00.250Z",
            "approximateArrivalOfLastRecord": "2026-11-25T14:00:00.250Z",
            "batchSize": size,
            "streamArn": STREAM_ARN,
        },
    }
    # As text, as the mapping writes it.
    return json.dumps(told | ({"payload": json.dumps(event)} if event else {})).encode()


def of_call(event: Any) -> bytes:
    """An invocation record of an asynchronous call."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-25T14:20:00.021Z",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        }
    ).encode()


def of_stream(payloads: Sequence[bytes]) -> list[dict[str, Any]]:
    """Records as GetRecords gives them."""
    return [
        {
            "SequenceNumber": str(49_590_338_271_490_256_608 + number),
            "PartitionKey": "a",
            "Data": base64.b64encode(payload).decode(),
            "ApproximateArrivalTimestamp": ARRIVAL_MS / 1000,
        }
        for number, payload in enumerate(payloads)
    ]


def moment(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
