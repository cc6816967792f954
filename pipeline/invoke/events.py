"""Events as AWS sends them, made here: what came once comes again through the same code.

Sources: AWS Lambda Developer Guide, "Using Lambda with Kinesis"; Amazon S3 User Guide, "Event
message structure".
"""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus


def of_records(stream_arn: str, shard: str, records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Records of a shard, as GetRecords gives them, as an event source mapping brings them."""
    return {"Records": [_of_record(stream_arn, shard, each) for each in records]}


def _of_record(stream_arn: str, shard: str, record: dict[str, Any]) -> dict[str, Any]:
    sequence = record["SequenceNumber"]
    return {
        "eventSource": "aws:kinesis",
        "eventID": f"{shard}:{sequence}",
        "eventSourceARN": stream_arn,
        "kinesis": {
            "sequenceNumber": sequence,
            "partitionKey": record["PartitionKey"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


def of_object(bucket: str, key: str, stored_ms: int) -> dict[str, Any]:
    """Word of an object that was stored then, as S3 sends it."""
    stored = datetime.fromtimestamp(stored_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventTime": stored,
                "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
            }
        ]
    }
