"""Log lines wrapped the way each carrier brings them."""

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

ARRIVAL_MS = 1_795_615_200_250  # 2026-11-25T14:00:00.250Z
SENT_MS = 1_795_614_600_000
LINE = (
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249"
    " 1418530010 1418530070 ACCEPT OK"
)
# 56 digits, as CloudWatch gives them.
FIRST_ID = 31_953_106_606_966_983_378_809_025_079_804_211_143_289_615_424_298_221_568


def log_event(message: str = LINE, number: int = 0, **changes: Any) -> dict[str, Any]:
    """One log event; `number` counts up from the first event of its envelope."""
    return {"id": str(FIRST_ID + number), "timestamp": SENT_MS, "message": message} | changes


def log_events(messages: Sequence[str]) -> list[dict[str, Any]]:
    """Log events with ids in a row."""
    return [log_event(message, number) for number, message in enumerate(messages)]


def envelope(events: Sequence[Any], **changes: Any) -> bytes:
    """The JSON of a subscription envelope."""
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789010",
        "logGroup": "flow-logs",
        "logStream": "eni-1235b8ca123456789-all",
        "subscriptionFilters": ["tailrace"],
        "logEvents": list(events),
    }
    return json.dumps(whole | changes).encode()


def control() -> bytes:
    """The probe that CloudWatch sends to see whether the destination is there."""
    message = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    return envelope([log_event(message)], messageType="CONTROL_MESSAGE")


def kinesis_event(payloads: Sequence[bytes]) -> dict[str, Any]:
    """What Lambda hands over for records of one shard."""
    return {
        "Records": [
            {
                "kinesis": {
                    "sequenceNumber": str(49_590_338_271_490_256_608 + number),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": ARRIVAL_MS / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-000000000003:{49_590_338_271_490_256_608 + number}",
                "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789010:stream/flow-logs",
            }
            for number, payload in enumerate(payloads)
        ]
    }


def awslogs_event(payload: bytes) -> dict[str, Any]:
    """What Lambda hands over for a subscription without a stream."""
    return {"awslogs": {"data": base64.b64encode(payload).decode()}}


def firehose_event(payloads: Sequence[bytes]) -> dict[str, Any]:
    """What Lambda hands over for a Firehose transformation."""
    return {
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789010:deliverystream/flow-logs",
        "records": [
            {
                "recordId": f"record-{number}",
                "data": base64.b64encode(payload).decode(),
                "approximateArrivalTimestamp": ARRIVAL_MS,
            }
            for number, payload in enumerate(payloads)
        ],
    }


def wrapped(lines: Sequence[str]) -> bytes:
    """Lines as flow logs sent through Firehose look."""
    return b"".join(json.dumps({"message": line}).encode() + b"\n" for line in lines)


def gzipped(text: bytes) -> bytes:
    """One gzip member."""
    return gzip.compress(text, compresslevel=1, mtime=0)
