"""The sink over Firehose: rows of a batch arrive in the stream of their table, whatever fails."""

import json
from collections import Counter
from random import Random

import pyarrow as pa
import pytest

from pipeline.batch import Ports, process
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.firehose import FirehoseSink
from pipeline.deliver.memory import MemoryQuarantine
from pipeline.deliver.s3_quarantine import S3Quarantine
from pipeline.errors import DeliveryError
from pipeline.schema import BATCH
from pipeline.sources import find
from tests.carriers import envelope, log_events
from tests.deliver.firehose_service import FirehoseService, error, failing, lost, says, unreached
from tests.deliver.s3_service import S3Service
from tests.deliver.s3_service import error as s3_error
from tests.deliver.test_ndjson import owed
from tests.deliver.virtual_time import VirtualTime
from tests.homes import flow, flows
from tests.processed import LANDED_MS, context, processed, record

STREAMS = "tailrace-staging-"
VPC_FLOW = find("vpc-flow").table


def sink_of(service: FirehoseService, quarantine: MemoryQuarantine | None = None) -> FirehoseSink:
    attempts = VirtualTime().attempts()
    return FirehoseSink(service.client(), STREAMS, quarantine or MemoryQuarantine(), attempts)


def test_a_batch_arrives_table_by_table() -> None:
    service, quarantine = FirehoseService(), MemoryQuarantine()
    records = [record(flows(1, 2) + b"bad\n", "41"), record(flow(3), "42")]
    ports = Ports(sink_of(service, quarantine), quarantine)
    process(records, find("vpc-flow"), ports, context(), LANDED_MS)
    expected = processed(records)
    assert [stream for stream, _ in service.calls] == [
        STREAMS + "vpc_flow",
        STREAMS + "reject",
        STREAMS + "batch",
    ]
    for table, rows, _ in expected.sink.writes:
        said = json.loads(json.dumps(owed(rows.cast(table.arrow_schema))))
        assert service.rows(STREAMS + table.name) == said
    assert list(quarantine.objects) == list(expected.objects)


def test_no_rows_make_no_call() -> None:
    service = FirehoseService()
    sink_of(service).write(VPC_FLOW, VPC_FLOW.arrow_schema.empty_table(), [record(b"")])
    assert service.calls == []


def many_rows(count: int) -> pa.Table:
    rows = pa.table({"record_id": list(range(count)), "srcaddr": ["x" * 900] * count})
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(count, field.type.arrow)
        for field in VPC_FLOW
    ]
    return pa.table(columns, VPC_FLOW.arrow_schema.names)


@pytest.mark.fault("F4")
def test_many_rows_go_in_full_records_and_full_calls() -> None:
    service = FirehoseService()
    sink_of(service).write(VPC_FLOW, many_rows(10_000), [record(b"")])
    assert [row["record_id"] for row in service.rows(STREAMS + "vpc_flow")] == list(range(10_000))
    calls = [list(map(len, records)) for _, records in service.calls]
    assert [len(call) for call in calls] == [3, 3, 3, 1]
    sizes = [size for call in calls for size in call]
    assert all(1_023_000 < size <= 1_024_000 for size in sizes[:-1])
    # Each was taken at once: the service refuses what is over a limit.
    assert [record for _, records in service.calls for record in records] == [
        record for _, record in service.accepted
    ]


@pytest.mark.fault("F1", "F3", "F25")
def test_a_firehose_that_fails_in_every_way_loses_no_row() -> None:
    dice = Random(7)

    def fate(count: int):
        ways = [
            failing(range(dice.randrange(count + 1))),
            failing(dice.sample(range(count), dice.randrange(count))),
            lost,
            unreached,
            error("ThrottlingException"),
            says(b"<html>", 200, range(dice.randrange(count))),
        ]
        return dice.choice(ways)(count)

    service = FirehoseService(iter([fate] * 25))
    sink_of(service).write(VPC_FLOW, many_rows(10_000), [record(b"")])
    arrived = Counter(row["record_id"] for row in service.rows(STREAMS + "vpc_flow"))
    assert sorted(arrived) == list(range(10_000))
    assert max(arrived.values()) > 1


@pytest.mark.fault("F5")
def test_a_message_of_a_megabyte_arrives_cut_beside_its_neighbours() -> None:
    service, bucket, time = FirehoseService(), S3Service(), VirtualTime()
    place = Bucket.at(bucket.client(), "s3://quarantine-bucket/quarantine", time.attempts())
    quarantine = S3Quarantine(place)
    sink = FirehoseSink(service.client(), STREAMS, quarantine, time.attempts())
    long = "\\" * 600_000  # of which JSON makes twice as much
    records = [record(envelope(log_events(["before", long, "after"])), "41")]
    process(records, find("app-log"), Ports(sink, quarantine), context(), LANDED_MS)
    before, cut, after = service.rows(STREAMS + "app_log")
    assert (before["message"], after["message"]) == ("before", "after")
    assert cut["fields"]["truncated"] == "message"
    assert cut["message"] == long[: len(cut["message"])]
    assert 500_000 < len(cut["message"]) < 512_000
    assert len(service.rows(STREAMS + "batch")) == 1
    ((name, key),) = bucket.objects
    assert name == "quarantine-bucket"
    assert key.startswith("quarantine/oversize/app_log/dt=2026-11-25/")


@pytest.mark.fault("F5", "F26")
def test_a_row_that_cannot_be_kept_whole_is_not_sent_cut() -> None:
    service, bucket, time = (
        FirehoseService(),
        S3Service(iter([s3_error(503, "SlowDown")] * 99)),
        VirtualTime(),
    )
    place = Bucket.at(bucket.client(), "s3://quarantine-bucket", time.attempts())
    sink = FirehoseSink(service.client(), STREAMS, S3Quarantine(place), time.attempts())
    (table, rows, records), *_ = processed(
        [record(envelope(log_events(["before", "x" * 1_040_000])), "41")], "app-log"
    ).sink.writes
    with pytest.raises(DeliveryError, match="S3 bucket quarantine-bucket did not take it"):
        sink.write(table, rows, records)
    assert service.rows(STREAMS + "app_log") == []


@pytest.mark.fault("F2")
def test_a_table_that_is_not_taken_stops_the_batch_before_it_is_accounted_for() -> None:
    service = FirehoseService(iter([failing([0])] * 99))
    ports = Ports(sink_of(service), MemoryQuarantine())
    with pytest.raises(DeliveryError, match="tailrace-staging-vpc_flow did not take it"):
        process([record(flow(1))], find("vpc-flow"), ports, context(), LANDED_MS)
    assert {stream for stream, _ in service.calls} == {STREAMS + "vpc_flow"}
    assert service.rows(STREAMS + BATCH.name) == []


@pytest.mark.slow
def test_memory_stays_flat_however_many_rows_there_are() -> None:
    def peak(count: int) -> int:
        rows = many_rows(count)
        before = pa.default_memory_pool()
        pool = pa.proxy_memory_pool(before)
        pa.set_memory_pool(pool)
        try:
            sink_of(FirehoseService(keeps=False)).write(VPC_FLOW, rows, [record(b"")])
        finally:
            pa.set_memory_pool(before)
        return pool.max_memory()

    assert peak(60_000) < peak(20_000) + (8 << 20)
    assert peak(60_000) < 48 << 20
