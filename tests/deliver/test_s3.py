"""Objects in S3: names and bytes follow from the records; what S3 does not take is tried again."""

import gzip
import json
from io import BytesIO

import pyarrow as pa
import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from pyarrow import parquet

from pipeline.batch import Ports, process
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.memory import MemoryQuarantine
from pipeline.deliver.s3_quarantine import S3Quarantine
from pipeline.deliver.s3_sink import S3Sink
from pipeline.errors import DeliveryError, UsageError
from pipeline.lake.tables import all_tables
from pipeline.schema import HOUR_MS
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS
from tests.deliver.s3_service import Fate, S3Service, error
from tests.deliver.virtual_time import VirtualTime
from tests.homes import flow, flows
from tests.processed import LANDED_MS, context, processed, record

LAKE = "s3://lake-bucket/lake"
SHARD_END = "49590338271490256608559692538361571095921575989136588898"  # as Kinesis counts
HOUR = "arrival_dt=2026-11-25/arrival_hour=14"
URL = "https://s3.eu-west-1.amazonaws.com/"
KEY = "vpc-flow/dt=2026-11-25/0000-7-abc.json.gz"


def place(service: S3Service, uri: str = LAKE, time: VirtualTime | None = None) -> Bucket:
    return Bucket.at(service.client(), uri, (time or VirtualTime()).attempts())


def landed(service: S3Service, records: list[Record], **changes: object) -> list[str]:
    """Keys of the flow rows of some records, after they were processed."""
    ports = Ports(S3Sink(place(service), **changes), MemoryQuarantine())  # type: ignore[arg-type]
    process(records, find("vpc-flow"), ports, context(), LANDED_MS)
    return [key for key in service.names() if "/vpc_flow/" in key]


def test_an_object_is_named_by_table_hour_shard_first_position_and_all_positions() -> None:
    service = S3Service()
    records = [record(flow(1), SHARD_END, shard=3), record(b"bad\n", SHARD_END + "1", shard=3)]
    landed(service, records)
    name = f"03-{SHARD_END}-2cfc60f4.parquet"
    assert service.names() == [
        f"lake/landing/vpc_flow/{HOUR}/{name}",
        f"lake/landing/reject/{HOUR}/{name}",
        f"lake/landing/batch/{HOUR}/{name}",
    ]
    assert {bucket for bucket, _ in service.objects} == {"lake-bucket"}


def test_the_same_records_overwrite_with_the_same_bytes() -> None:
    first, second = S3Service(), S3Service()
    records = [record(flows(1, 2) + b"bad\n", "41"), record(flow(3), "42")]
    landed(first, records)
    landed(second, records)
    landed(second, records)
    assert first.objects == second.objects


def test_other_records_never_overwrite_whatever_the_first_is() -> None:
    service = S3Service()
    one, two, three = (record(flow(n), str(n)) for n in (1, 2, 3))
    made = [[one], [one, two], [one, three], [one, two, three], [two, three]]
    for count, records in enumerate(made, 1):
        assert len(landed(service, records)) == count
    # Nor is "1" and "23" what "12" and "3" is.
    assert len(landed(service, [record(flow(1), "12"), record(flow(3), "3")])) == 6
    assert len(landed(service, [record(flow(1), "1"), record(flow(3), "23")])) == 7
    assert len(landed(service, [record(flow(1), "1", shard=4)])) == 8


@pytest.mark.parametrize(
    "position", ["AWSLogs/1/x y+é=.gz", "../../etc", "a\nb", "漢" * 400, "", "k" * 1_024]
)
def test_a_position_of_any_text_is_safe_in_a_key(position: str) -> None:
    (key,) = landed(S3Service(), [record(flow(1), position)])
    name = key.removeprefix(f"lake/landing/vpc_flow/{HOUR}/")
    assert "/" not in name
    assert ".." not in name.strip(".") or "_" in name
    assert name.isascii()
    assert len(name) < 120


def test_long_positions_that_end_alike_have_objects_of_their_own() -> None:
    service = S3Service()
    landed(service, [record(flow(1), "a" + "k" * 200)])
    assert len(landed(service, [record(flow(1), "b" + "k" * 200)])) == 2


def test_each_hour_of_arrival_has_its_object() -> None:
    service = S3Service()
    last = ARRIVAL_MS // HOUR_MS * HOUR_MS + HOUR_MS - 1
    records = [
        Record(flow(n), str(n), arrival, f"s/{n}")
        for n, arrival in ((1, last), (2, last + 1), (3, last))
    ]
    keys = landed(service, records)
    assert [key.split("/")[-2] for key in keys] == ["arrival_hour=14", "arrival_hour=15"]
    assert [held(service, key)["bytes"].to_pylist() for key in keys] == [[1, 3], [2]]


def test_a_replay_writes_into_the_hour_of_writing_under_names_of_its_own() -> None:
    service = S3Service()
    (original,) = landed(service, [record(flow(1), "41")])
    later = ARRIVAL_MS + 26 * HOUR_MS
    keys = landed(service, [record(flow(1), "41")], replay="0f1e", written_ms=later)
    folder = "lake/landing/vpc_flow/arrival_dt=2026-11-26/arrival_hour=16"
    assert keys[1] == f"{folder}/{original.split('/')[-1][:-8]}-r0f1e.parquet"


def test_an_object_holds_the_rows_and_the_declared_schema_in_snappy() -> None:
    service = S3Service()
    records = [record(flows(*range(900)) + b"bad\n", "41")]
    landed(service, records)
    tables, memory = all_tables(), processed(records).sink
    assert len(service.objects) == 3
    for (_, key), content in service.objects.items():
        table = tables[key.split("/")[2]]
        file = parquet.ParquetFile(BytesIO(content))
        assert file.schema_arrow.names == table.arrow_schema.names
        assert file.schema_arrow.types == table.arrow_schema.types
        assert file.read().cast(table.arrow_schema) == memory.rows(table)
    group = parquet.ParquetFile(BytesIO(next(iter(service.objects.values())))).metadata.row_group(0)
    packings = {group.column(n).compression for n in range(group.num_columns)}
    assert packings == {"SNAPPY", "UNCOMPRESSED"}


def held(service: S3Service, key: str) -> pa.Table:
    return parquet.read_table(BytesIO(service.objects["lake-bucket", key]), partitioning=None)


def test_a_quarantine_object_is_kept_as_it_is_and_not_for_looking_at() -> None:
    service = S3Service()
    quarantine = S3Quarantine(place(service, "s3://quarantine-bucket/quarantine/"))
    bad = record(flow(1) + b"bad\n", "41", shard=3)
    ports = Ports(S3Sink(place(service)), quarantine)
    process([bad], find("vpc-flow"), ports, context(), LANDED_MS)
    ((key, wanted),) = processed([bad]).quarantine.objects.items()
    assert service.objects["quarantine-bucket", f"quarantine/{key}"] == wanted
    assert json.loads(gzip.decompress(wanted))["source"] == "vpc-flow"
    headers = service.headers[1]
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment"


def test_a_bucket_may_be_the_place_itself() -> None:
    service = S3Service()
    S3Quarantine(place(service, "s3://bucket")).keep(KEY, b"x", record(b""), 1)
    assert service.objects == {("bucket", KEY): b"x"}


@pytest.mark.parametrize("uri", ["", "s3://", "s3:///x", "/home", "https://b/x", "bucket/x"])
def test_what_names_no_bucket_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="is no place in S3"):
        place(S3Service(), uri)


PASSING = {
    "503": error(503, "SlowDown"),
    "503 without a body": Fate(503),
    "500": error(500, "InternalError"),
    "reset": Fate(raises=ConnectionClosedError(endpoint_url=URL)),
    "reset after it was kept": Fate(raises=ConnectionClosedError(endpoint_url=URL), keeps=True),
    "slow body": Fate(raises=ReadTimeoutError(endpoint_url=URL)),
    "slow connection": Fate(raises=ConnectTimeoutError(endpoint_url=URL)),
    "DNS": Fate(raises=EndpointConnectionError(endpoint_url=URL)),
    "broken HTTP": Fate(raises=HTTPClientError(error="IncompleteRead")),
    "clock": error(403, "RequestTimeTooSkewed"),
    "cut off": error(400, "RequestTimeout"),
    "damaged on its way": error(400, "BadDigest"),
    "another at it": error(409, "OperationAborted"),
    "no XML": Fate(500, b"<html><body>Bad gateway<br></html>"),
    "half an error": Fate(400, b"<Error><Code>Slow"),
    "somebody else's 200": Fate(200, b"<html>Welcome to the hotel</html>"),
}


@pytest.mark.fault("F26")
@pytest.mark.parametrize("fate", PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_for_and_the_object_is_whole(fate: Fate) -> None:
    service, time = S3Service(iter([fate, fate])), VirtualTime()
    S3Quarantine(place(service, "s3://bucket", time)).keep(KEY, b"content", record(b""), 1)
    assert service.objects == {("bucket", KEY): b"content"}
    assert len(service.headers) == 3
    assert 0.05 <= time.pauses[0] <= 0.1 <= time.pauses[1] <= 0.2


@pytest.mark.fault("F26")
@pytest.mark.parametrize("fate", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_in_time_fails_the_batch(fate: Fate) -> None:
    service, time = S3Service(iter([fate] * 99)), VirtualTime(end_s=8)
    quarantine = S3Quarantine(place(service, "s3://bucket", time))
    with pytest.raises(DeliveryError, match="S3 bucket bucket did not take it") as raised:
        quarantine.keep(KEY, b"content", record(b""), 1)
    assert "no time was left" in raised.value.where
    assert "secret" not in str(raised.value)
    assert time.now_s < 8
    # Never a part of it.
    assert set(service.objects.values()) <= {b"content"}


LASTING = {
    "AccessDenied": (403, "allow it to who runs this"),
    "NoSuchBucket": (404, "deploy the stack"),
    "ExpiredToken": (400, "renew them"),
    "InvalidAccessKeyId": (403, "renew them"),
    "EntityTooLarge": (400, "look at the settings"),
}


@pytest.mark.fault("F33")
@pytest.mark.parametrize("code", LASTING)
def test_what_never_passes_is_said_at_once(code: str) -> None:
    status, fix = LASTING[code]
    service = S3Service(iter([error(status, code)]))
    with pytest.raises(DeliveryError, match=f"S3 bucket bucket refuses: {code}") as raised:
        S3Quarantine(place(service, "s3://bucket")).keep(KEY, b"content", record(b""), 1)
    assert fix in raised.value.fix
    assert "secret" not in str(raised.value)
    assert len(service.headers) == 1


@pytest.mark.fault("F26")
def test_a_quarantine_that_fails_stops_the_batch_before_it_is_accounted_for() -> None:
    service = S3Service()
    quarantine = S3Quarantine(
        place(S3Service(iter([error(503, "SlowDown")] * 99)), "s3://quarantine")
    )
    ports = Ports(S3Sink(place(service)), quarantine)
    with pytest.raises(DeliveryError, match="S3 bucket quarantine did not take it: SlowDown"):
        process([record(flow(1) + b"bad\n")], find("vpc-flow"), ports, context(), LANDED_MS)
    assert [key.split("/")[2] for key in service.names()] == ["vpc_flow"]
