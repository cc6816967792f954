"""One invocation: records reach their source, and what is not delivered comes again."""

import json
import tracemalloc
from dataclasses import replace
from traceback import format_exception
from typing import Any

import pytest

from pipeline.errors import DeliveryError, Unforeseen, UsageError
from pipeline.invoke import Taken, left_of, take
from pipeline.schema import BATCH, REJECT
from pipeline.sources import find
from tests.carriers import (
    ARRIVAL_MS,
    LINE,
    SENT_MS,
    awslogs_event,
    control,
    envelope,
    gzipped,
    kinesis_event,
    log_events,
)
from tests.deliver.firehose_service import FirehoseService, error
from tests.deliver.firehose_service import taken as delivered
from tests.deliver.s3_service import S3Service
from tests.deliver.virtual_time import VirtualTime
from tests.invoke.stacks import MemoryHome, aws_stack, memory_stack, s3_event

NOW_MS = ARRIVAL_MS + 5_000
FLOW, APP = find("vpc-flow").table, find("app-log").table
FIRST = 49_590_338_271_490_256_608


def flows(*lines: str) -> bytes:
    return gzipped(envelope(log_events(lines or (LINE,))))


def words(*lines: str, group: str = "/aws/lambda/shop") -> bytes:
    return gzipped(envelope(log_events(lines), logGroup=group))


def forever() -> float:
    return 60.0


def taken(home: MemoryHome, event: Any, left: Any = forever) -> Taken:
    return take(event, memory_stack(home), left, NOW_MS)


def queue_event(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m-{number}", "eventSource": "aws:sqs", "body": json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
    }


def test_records_of_one_shard_go_to_the_source_of_their_log_group() -> None:
    home = MemoryHome()
    done = taken(home, kinesis_event([flows(), words("ERROR no such cart"), flows()]))
    assert done.answer() == {"batchItemFailures": []}
    assert home.sink.rows(FLOW)["dstport"].to_pylist() == [22, 22]
    assert home.sink.rows(APP)["log_group"].to_pylist() == ["/aws/lambda/shop"]
    assert done.sources == {"app-log": 1, "vpc-flow": 1}
    assert done.totals() == {
        "events_in": 3,
        "rows": 3,
        "rejected": 0,
        "dropped": 0,
        "bytes_in": done.totals()["bytes_in"],
    }
    assert done.first == str(FIRST)


@pytest.mark.fault("F2", "F6")
def test_the_lowest_sequence_number_that_is_not_delivered_comes_again() -> None:
    home = MemoryHome(full={"app_log"})
    done = taken(home, kinesis_event([flows(), words("a"), flows(), words("b")]))
    assert done.answer() == {"batchItemFailures": [{"itemIdentifier": str(FIRST + 1)}]}
    assert [str(error) for error in done.failures] == ["app_log takes nothing"]
    # What has a sink of its own is there; it comes again with the rest, and is one in the view.
    assert len(home.sink.rows(FLOW)) == 2


@pytest.mark.fault("F13")
def test_sequence_numbers_are_compared_as_numbers() -> None:
    event = kinesis_event([words("a"), flows()])
    for number, record in zip(("99", "100"), event["Records"], strict=True):
        record["kinesis"]["sequenceNumber"] = number
    done = taken(MemoryHome(full={"vpc_flow", "app_log"}), event)
    assert done.again == ["99"]


@pytest.mark.fault("F6")
def test_bad_records_are_no_failure_wherever_they_stand() -> None:
    home = MemoryHome()
    done = taken(
        home, kinesis_event([b"\x1f\x8b broken", flows(LINE, "no flow"), gzipped(control())])
    )
    assert done.again == []
    reasons = home.sink.rows(REJECT)["reason"].to_pylist()
    assert sorted(reasons) == ["field_count", "gzip_corrupt"]
    assert len(home.quarantine.objects) == 2
    assert done.totals()["dropped"] == 1


@pytest.mark.fault("F24")
def test_our_own_logs_are_dropped_and_counted() -> None:
    home = MemoryHome()
    own = words("START", "END", group="/aws/lambda/tailrace-staging-log-etl")
    assert taken(home, kinesis_event([own])).totals()["dropped"] == 2
    assert home.sink.rows(BATCH)["dropped_own_log"].to_pylist() == [2]


@pytest.mark.fault("F30")
def test_two_seconds_before_the_end_the_first_record_not_begun_is_reported() -> None:
    home, ticks = MemoryHome(), iter([4_000] * 4 + [1_999])
    left = left_of(lambda: next(ticks))
    done = taken(home, kinesis_event([flows(), words("a"), flows()]), left)
    assert done.again == [str(FIRST + 1)]
    assert len(home.sink.rows(FLOW)) == 2
    assert len(home.sink.rows(APP)) == 0
    with pytest.raises(DeliveryError, match="the time of the invocation is up"):
        raise done.failures[0]


@pytest.mark.fault("F30")
def test_records_that_nobody_had_the_time_to_look_at_come_again() -> None:
    home, ticks = MemoryHome(), iter([4_000, 4_000, 1_999, 4_000])
    left = left_of(lambda: next(ticks))
    done = taken(home, kinesis_event([flows(), flows(), words("a")]), left)
    assert done.again == [str(FIRST + 2)]
    assert len(home.sink.rows(FLOW)) == 2


def test_a_subscription_without_a_stream_is_taken_whole_or_comes_again() -> None:
    home = MemoryHome()
    done = taken(home, awslogs_event(flows()))
    assert done.answer() == {"batchItemFailures": []}
    assert home.sink.rows(FLOW)["ingest_time"].cast("int64").to_pylist() == [SENT_MS]
    with pytest.raises(DeliveryError, match="vpc_flow takes nothing"):
        taken(MemoryHome(full={"vpc_flow"}), awslogs_event(flows())).answer()


@pytest.mark.fault("F18")
def test_a_subscription_that_calls_again_writes_the_same_ledger() -> None:
    """Its events do not say when they came: the newest log event does."""
    home, event = MemoryHome(), awslogs_event(gzipped(envelope(log_events([LINE, "no flow"]))))
    stack, newest_ms = memory_stack(home), max(each["timestamp"] for each in log_events(["", ""]))
    for later_ms in (5_000, 65_000):
        take(event, stack, forever, newest_ms + later_ms)
    for table in (BATCH, REJECT):
        rows = home.sink.rows(table)
        assert rows["ingest_time"].cast("int64").to_pylist() == [newest_ms] * 2
        assert len(set(rows["record_id"].to_pylist())) == 1
    assert len(home.quarantine.objects) == 1


@pytest.mark.parametrize("late_ms", [3_600_000, 7 * 3_600_000, -1])
def test_log_events_that_are_old_or_not_yet_arrive_now(late_ms: int) -> None:
    """An hour that is closed is not read again: what comes late must not land there."""
    home, newest_ms = MemoryHome(), log_events([LINE])[0]["timestamp"]
    event = awslogs_event(flows())
    take(event, memory_stack(home), forever, newest_ms + late_ms)
    assert home.sink.rows(FLOW)["ingest_time"].cast("int64").to_pylist() == [newest_ms + late_ms]


def test_an_object_is_read_with_its_header_and_known_by_its_content() -> None:
    lines = b"srcaddr dstaddr end\n10.0.0.1 10.0.0.2 1795615000\n10.0.0.3 10.0.0.4 1795615060\n"
    home = MemoryHome(objects={"s3://logs/AWSLogs/a b.log.gz": gzipped(lines)})
    done = taken(home, s3_event("AWSLogs/a+b.log.gz"))
    assert home.sink.rows(FLOW)["dstaddr"].to_pylist() == ["10.0.0.2", "10.0.0.4"]
    assert done.totals() | {"bytes_in": 0} == {
        "events_in": 3,
        "rows": 2,
        "rejected": 0,
        "dropped": 1,
        "bytes_in": 0,
    }
    again = MemoryHome(objects={"s3://logs/AWSLogs/other": lines})
    taken(again, s3_event("AWSLogs/other"))
    assert again.sink.rows(FLOW)["record_id"] == home.sink.rows(FLOW)["record_id"]


def test_a_large_object_comes_in_slices_whose_lines_count_on() -> None:
    lines = b"srcaddr end\n" + b"".join(
        f"10.0.{number // 250}.{number % 250} 1795615000\n".encode() for number in range(60_000)
    )
    home = MemoryHome(objects={"s3://logs/AWSLogs/x": lines})
    stack = memory_stack(home)
    limits = stack.context.limits.__class__(slice_bytes=200_000)
    context = stack.context.__class__(stack.context.lookups, limits)
    sliced = stack.__class__(context, stack.routes, home)
    done = take(s3_event("AWSLogs/x"), sliced, forever, NOW_MS)
    assert done.sources["vpc-flow"] > 1
    whole = MemoryHome(objects=home.objects)
    taken(whole, s3_event("AWSLogs/x"))
    assert home.sink.rows(FLOW)["record_id"] == whole.sink.rows(FLOW)["record_id"]
    assert len(set(home.sink.rows(FLOW)["record_id"].to_pylist())) == 60_000
    assert len(set(home.sink.rows(BATCH)["record_id"].to_pylist())) == done.sources["vpc-flow"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PAR1 x PAR1", "parquet_unsupported"),
        (gzipped(b"a" * 5_000)[:-9], "gzip_truncated"),
    ],
)
def test_an_object_that_cannot_be_read_is_one_reject(content: bytes, reason: str) -> None:
    home = MemoryHome(objects={"s3://logs/AWSLogs/x": content})
    taken(home, s3_event("AWSLogs/x"))
    assert home.sink.rows(REJECT)["reason"].to_pylist() == [reason]
    assert home.sink.rows(FLOW).num_rows == 0


def test_messages_of_a_queue_fail_one_by_one() -> None:
    home = MemoryHome(objects={"s3://logs/AWSLogs/b": LINE.encode()})
    event = queue_event(
        s3_event("AWSLogs/gone"),
        s3_event("AWSLogs/b", "AWSLogs/folder/"),
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"},
    )
    done = taken(home, event)
    assert done.answer() == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert len(home.sink.rows(FLOW)) == 1


@pytest.mark.fault("F34")
@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        "Records",
        {"Records": []},
        {"Records": None},
        {"Records": [None]},
        {"Records": [{"eventSource": "aws:sns"}]},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": 7}, "eventID": "a:b"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "m"}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
        {"awslogs": None},
        {"awslogs": {"data": 7}},
        {"detail-type": "Scheduled Event"},
    ],
)
def test_an_event_of_the_wrong_kind_is_named_and_nothing_is_done(event: Any) -> None:
    home = MemoryHome()
    with pytest.raises(UsageError, match=r"this is no .* event"):
        taken(home, event)
    assert home.sink.writes == []


@pytest.mark.fault("F6", "F34")
@pytest.mark.parametrize(
    "body", ["no JSON", "null", "{}", '{"Records": [{"eventSource": "aws:s3"}]}']
)
def test_a_message_that_is_none_of_s3s_comes_again_alone(body: str) -> None:
    home = MemoryHome(objects={"s3://logs/AWSLogs/b": LINE.encode()})
    event = queue_event(s3_event("AWSLogs/b"), s3_event("AWSLogs/b"))
    event["Records"][0]["body"] = body
    done = taken(home, event)
    assert done.again == ["m-0"]
    assert [error.what for error in done.failures] == ["this is no S3 event"]
    assert len(home.sink.rows(FLOW)) == 1


@pytest.mark.fault("F25", "F33", "F36")
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_stream_that_is_missing_for_a_minute_is_waited_for(code: str) -> None:
    time, firehose = VirtualTime(end_s=290), FirehoseService()
    firehose.fates = iter(lambda: error(code) if time.now_s < 60 else delivered, None)
    done = take(
        kinesis_event([flows()]), aws_stack(firehose, S3Service(), time), time.left_s, NOW_MS
    )
    assert (done.again, time.now_s >= 60) == ([], True)
    assert len(firehose.rows("tailrace-staging-vpc_flow")) == 1


@pytest.mark.fault("F30", "F33")
def test_what_is_missing_until_the_end_is_told_with_what_to_do() -> None:
    time, firehose = VirtualTime(end_s=290), FirehoseService()
    firehose.fates = iter(lambda: error("AccessDeniedException"), None)
    done = take(
        kinesis_event([flows()]), aws_stack(firehose, S3Service(), time), time.left_s, NOW_MS
    )
    assert done.again == [str(FIRST)]
    assert "allow it to who runs this" in str(done.failures[0])
    assert time.now_s < 290


@pytest.mark.fault("F6")
def test_each_object_of_a_message_is_tried() -> None:
    home = MemoryHome(objects={"s3://logs/AWSLogs/b": LINE.encode()})
    done = taken(home, queue_event(s3_event("AWSLogs/gone", "AWSLogs/b")))
    assert (done.again, len(home.sink.rows(FLOW))) == (["m-0"], 1)
    home = MemoryHome(objects={"s3://logs/AWSLogs/b": LINE.encode()})
    done = taken(home, s3_event("AWSLogs/gone", "AWSLogs/b"))
    assert len(home.sink.rows(FLOW)) == 1
    with pytest.raises(DeliveryError, match="gone"):
        done.answer()


class Defective(MemoryHome):
    """A home that dies of what it is given, and repeats it."""

    def write(self, table: Any, rows: Any, records: Any) -> None:
        raise LookupError(records[0].payload)


@pytest.mark.fault("F6")
def test_a_fault_of_ours_is_told_by_type_and_place_alone() -> None:
    home = Defective(objects={"s3://logs/AWSLogs/b": LINE.encode()})
    with pytest.raises(Unforeseen) as caught:
        taken(home, kinesis_event([LINE.encode()]))
    told = "".join(format_exception(caught.value))
    assert "a fault of ours: LookupError" in told
    assert "test_take.py:" in caught.value.where
    done = taken(home, queue_event(s3_event("AWSLogs/b")))
    assert done.again == ["m-0"]
    for text in (told, str(done.failures[0])):
        assert "123456789010" not in text


class Forgetful(MemoryHome):
    """A home that keeps no rows."""

    def write(self, table: Any, rows: Any, records: Any) -> None:
        pass


@pytest.mark.fault("F35")
def test_what_was_delivered_is_let_go_of() -> None:
    lines = b"srcaddr end\n" + b"10.0.0.1 1795615000\n" * 60_000
    home = Forgetful(objects={"s3://logs/AWSLogs/x": lines})
    stack = memory_stack(home)
    limits = type(stack.context.limits)(slice_bytes=200_000)
    sliced = replace(stack, context=replace(stack.context, limits=limits))
    take(s3_event("AWSLogs/x"), sliced, forever, NOW_MS)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    done = take(s3_event("AWSLogs/x"), sliced, forever, NOW_MS)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert done.totals()["rows"] == 60_000
    assert held < 100_000, held


def test_what_is_put_over_an_object_is_another_record() -> None:
    first = MemoryHome(objects={"s3://logs/AWSLogs/x": LINE.encode()})
    second = MemoryHome(objects={"s3://logs/AWSLogs/x": LINE.replace(" 22 ", " 23 ").encode()})
    assert taken(first, s3_event("AWSLogs/x")).first != taken(second, s3_event("AWSLogs/x")).first
    assert first.sink.rows(BATCH)["record_id"] != second.sink.rows(BATCH)["record_id"]
