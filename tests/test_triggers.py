"""Carriers: the records of an event, with the position and the identity that the carrier gives."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import triggers
from pipeline.errors import UsageError
from pipeline.triggers import Record

EVENTS = Path(__file__).parent / "events"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found


def test_a_kinesis_record_is_stream_shard_and_sequence_number() -> None:
    first, second = triggers.kinesis(event("kinesisStreamEvent"))
    assert first == Record(
        b"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
        "49590338271490256608559692538361571095921575989136588898",
        1_545_084_650_987,
        "kinesis/lambda-stream/shardId-000000000006/"
        "49590338271490256608559692538361571095921575989136588898",
        base64=True,
        shard=6,
    )
    assert second.position == "49590338271490256608559692540925702759324208523137515618"
    assert second.arrival_ms == 1_545_084_711_166


def test_an_awslogs_event_is_one_record_that_arrives_now() -> None:
    (record,) = triggers.awslogs(event("cloudWatchLogEvent"), 1_795_615_200_250)
    assert record.payload.startswith(b"H4sIAAAAAAAAAHWPwQqCQBCGX0Xm7EFtK")
    assert (record.arrival_ms, record.base64) == (1_795_615_200_250, True)


def test_a_firehose_record_keeps_the_identity_of_the_stream_before_it() -> None:
    first, second = triggers.firehose(event("kinesisFirehoseKinesisEvent"))
    assert first == Record(
        b"SGVsbG8gV29ybGQ=",
        "record1",
        1_664_028_820_148,
        "kinesis/kinesis-source/shardId-000000000000/"
        "49546986683135544286507457936321625675700192471156785154",
        base64=True,
    )
    assert second.identity.startswith("kinesis/kinesis-source/shardId-000000000001/")


def test_a_firehose_record_without_a_stream_is_known_by_its_record_id() -> None:
    first, second = triggers.firehose(event("kinesisFirehosePutEvent"))
    assert first.identity == "firehose/delivery-stream-name/record1"
    assert second.identity == "firehose/delivery-stream-name/record2"
    assert (first.arrival_ms, second.arrival_ms) == (1_664_029_185_290, 1_664_029_186_945)


def test_parts_of_one_aggregated_kinesis_record_are_not_one_record() -> None:
    found = event("kinesisFirehoseKinesisEvent")
    metadata = found["records"][0]["kinesisRecordMetadata"]
    found["records"][1]["kinesisRecordMetadata"] = metadata | {"subsequenceNumber": 1}
    first, second = triggers.firehose(found)
    assert first.identity != second.identity


def test_a_body_is_known_by_its_request() -> None:
    assert triggers.http_body(b"a", "vpc-flow/key-1", 5) == Record(
        b"a", "vpc-flow/key-1", 5, "request/vpc-flow/key-1"
    )


def test_two_different_awslogs_records_are_not_one() -> None:
    (first,) = triggers.awslogs({"awslogs": {"data": "YQ=="}}, 5)
    (second,) = triggers.awslogs({"awslogs": {"data": "Yg=="}}, 5)
    assert first.identity != second.identity


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        "text",
        {"Records": None},
        {"Records": [None]},
        {"Records": ["aws:kinesis"]},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"Service": "Amazon S3", "Event": "s3:TestEvent"},
        {"awslogs": None},
        {"awslogs": {"data": None}},
        pytest.param(event("s3Event"), id="s3"),
    ],
)
@pytest.mark.fault("F34")
def test_an_event_of_another_carrier_is_a_usage_error(wrong: Any) -> None:
    with pytest.raises(UsageError, match="this is no Kinesis event"):
        triggers.kinesis(wrong)
    with pytest.raises(UsageError, match="this is no CloudWatch Logs event"):
        triggers.awslogs(wrong, 5)
    with pytest.raises(UsageError, match="this is no Firehose event"):
        triggers.firehose(wrong)


@pytest.mark.fault("F34")
@pytest.mark.parametrize(
    "change",
    [
        {"sequenceNumber": None},
        {"sequenceNumber": 7},
        {"sequenceNumber": ""},
        {"sequenceNumber": "-7"},
        {"sequenceNumber": "\uff11"},
        {"sequenceNumber": "9" * 130},
        {"approximateArrivalTimestamp": float("inf")},
        {"approximateArrivalTimestamp": float("nan")},
        {"approximateArrivalTimestamp": 1e17},
        {"approximateArrivalTimestamp": -1},
        {"approximateArrivalTimestamp": "1545084650.987"},
        {"data": 7},
        {"data": "\ud800"},
    ],
)
def test_a_kinesis_record_that_none_can_be_is_a_usage_error(change: dict[str, Any]) -> None:
    found = event("kinesisStreamEvent")
    found["Records"][0]["kinesis"] |= change
    with pytest.raises(UsageError, match="this is no Kinesis event"):
        triggers.kinesis(found)


@pytest.mark.fault("F34")
def test_a_shard_beyond_what_a_column_takes_has_no_number() -> None:
    found = event("kinesisStreamEvent")
    found["Records"][0]["eventID"] = "shardId-002147483648:1"
    found["Records"][1]["eventID"] = "shardId-002147483647:1"
    assert [record.shard for record in triggers.kinesis(found)] == [0, (1 << 31) - 1]


@pytest.mark.fault("F34")
def test_text_that_is_no_text_and_times_that_are_none_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="this is no CloudWatch Logs event"):
        triggers.awslogs({"awslogs": {"data": "\ud800"}}, 5)
    for time in ("0001-01-01T00:00:00+23:00", "1969-12-31T23:59:59Z", "now", 7):
        found = event("s3Event")
        found["Records"][0]["eventTime"] = time
        with pytest.raises(UsageError, match="this is no S3 event"):
            triggers.s3(found)
    found = event("kinesisFirehosePutEvent")
    found["records"][0]["approximateArrivalTimestamp"] = 1e300
    with pytest.raises(UsageError, match="this is no Firehose event"):
        triggers.firehose(found)


def test_a_mark_of_a_folder_is_empty() -> None:
    found = event("s3Event")
    told = found["Records"][0]["s3"]["object"]
    told |= {"key": "AWSLogs/", "size": 0}
    assert triggers.s3(found) == []
    told["size"] = 7
    assert [notice.key for notice in triggers.s3(found)] == ["AWSLogs/"]


def test_an_event_mixed_from_two_carriers_is_a_usage_error() -> None:
    mixed = {"Records": event("kinesisStreamEvent")["Records"] + event("s3Event")["Records"]}
    with pytest.raises(UsageError, match="this is no Kinesis event"):
        triggers.kinesis(mixed)
