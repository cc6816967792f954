"""Landing files: their names and bytes follow from the records, their columns from the table."""

from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest
from pyarrow import parquet

from pipeline.batch import Ports, process
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LakeFile
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.errors import DeliveryError
from pipeline.lake.tables import all_tables
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS, envelope, log_events
from tests.homes import files_under, flow, flows, written
from tests.landing import file_of, landed, rows_of
from tests.processed import LANDED_MS, context, record

HOUR_MS = 3_600_000
HOUR = "arrival_dt=2026-11-25/arrival_hour=14"
VPC_FLOW = find("vpc-flow").table


def test_the_name_is_table_hour_shard_and_first_sequence_number(tmp_path: Path) -> None:
    landed(tmp_path, [record(flow(1), "41", shard=3), record(b"bad\n", "42", shard=3)])
    assert files_under(tmp_path) == [
        f"landing/batch/{HOUR}/03-000000000041.parquet",
        f"landing/reject/{HOUR}/03-000000000041.parquet",
        f"landing/vpc_flow/{HOUR}/03-000000000041.parquet",
    ]


def test_the_catalogue_learns_what_the_file_holds(tmp_path: Path) -> None:
    records = [record(flow(1, 1_418_530_070), "41", shard=3), record(flow(2, 1_418_530_099), "43")]
    file = file_of(landed(tmp_path, records))
    content = (tmp_path / file.path).read_bytes()
    assert file == LakeFile(
        f"landing/vpc_flow/{HOUR}/03-000000000041.parquet",
        "landing",
        "vpc_flow",
        "2026-11-25T14",
        2,
        len(content),
        blake2b(content, digest_size=16).hexdigest(),
        1_418_530_070_000,
        1_418_530_099_000,
        3,
        41,
        43,
    )


def test_the_same_records_write_the_same_bytes(tmp_path: Path) -> None:
    records = [record(flows(1, 2) + b"bad\n", "41"), record(flow(3), "42")]
    first, second = (landed(tmp_path / name, records) for name in ("a", "b"))
    assert first == second
    assert files_under(tmp_path / "a") == files_under(tmp_path / "b")
    for name in files_under(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_each_hour_of_arrival_has_its_file(tmp_path: Path) -> None:
    last_of_hour = ARRIVAL_MS // HOUR_MS * HOUR_MS + HOUR_MS - 1
    records = [
        Record(flow(n), str(n), arrival, f"s/{n}")
        for n, arrival in ((1, last_of_hour), (2, last_of_hour + 1), (3, last_of_hour))
    ]
    files = [file for file in landed(tmp_path, records) if file.table == "vpc_flow"]
    assert [(file.arrival_hour, file.rows) for file in files] == [
        ("2026-11-25T14", 2),
        ("2026-11-25T15", 1),
    ]
    held = [rows_of(tmp_path, file, VPC_FLOW)["bytes"].to_pylist() for file in files]
    assert held == [[1, 3], [2]]


def test_a_replay_has_names_of_its_own(tmp_path: Path) -> None:
    records = [record(flow(1), "41")]
    original = file_of(landed(tmp_path, records))
    sink = LakeSink(tmp_path, replay="0f1e", flush=40)
    process(records, find("vpc-flow"), Ports(sink, MemoryQuarantine()), context(), LANDED_MS)
    replayed = file_of(sink.take())
    assert replayed == replace(
        original, path=f"landing/vpc_flow/{HOUR}/00-000000000041-r0f1e.parquet", first_seq=40
    )


def test_what_was_written_is_told_once(tmp_path: Path) -> None:
    sink = LakeSink(tmp_path)
    process([record(flow(1))], find("vpc-flow"), Ports(sink, MemoryQuarantine()), context(), 0)
    assert [file.table for file in sink.take()] == ["vpc_flow", "batch"]
    assert sink.take() == []


PAYLOADS = {
    "vpc-flow": flow(1) + b"bad\n",
    "tgw-flow": envelope(log_events(["bad"])),
    "app-log": b'{"level": "info", "message": "up", "more": {"a": 1}}\nplain\n',
}


@pytest.mark.parametrize("source", PAYLOADS)
def test_a_file_has_the_schema_that_its_table_declares(tmp_path: Path, source: str) -> None:
    files = landed(tmp_path, [record(PAYLOADS[source])], source)
    tables = all_tables()
    assert {file.table for file in files} >= {"batch"}
    for file in files:
        found = parquet.read_schema(tmp_path / file.path)
        declared = tables[file.table].arrow_schema
        assert found.names == declared.names
        assert [field.type for field in found] == [field.type for field in declared], file.table


def test_rows_of_nulls_alone_still_have_the_declared_schema(tmp_path: Path) -> None:
    nodata = b"2 - eni-1 - - - - - - - 1418530010 1418530070 - NODATA\n"
    file = file_of(landed(tmp_path, [record(nodata)]))
    found = parquet.read_schema(tmp_path / file.path)
    assert [field.type for field in found] == [field.type for field in VPC_FLOW.arrow_schema]
    assert rows_of(tmp_path, file, VPC_FLOW)["bytes"].to_pylist() == [None]


def test_a_file_holds_what_the_sink_was_given(tmp_path: Path) -> None:
    records = [record(envelope(log_events([flow(n)[:-1].decode() for n in range(99)])))]
    memory = MemorySink()
    process(records, find("vpc-flow"), Ports(memory, MemoryQuarantine()), context(), LANDED_MS)
    file = file_of(landed(tmp_path, records))
    assert rows_of(tmp_path, file, VPC_FLOW) == memory.rows(VPC_FLOW)


def test_an_identity_costs_at_most_ten_bytes_a_row(tmp_path: Path) -> None:
    count = 5_000
    file = file_of(landed(tmp_path, [record(flows(*range(count)))]))
    group = parquet.ParquetFile(tmp_path / file.path).metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    identity = {c.path_in_schema: c for c in columns}["record_id"]
    assert "DELTA_BINARY_PACKED" in identity.encodings
    assert identity.total_compressed_size <= 10 * count
    rows = rows_of(tmp_path, file, VPC_FLOW)
    for column in columns:
        empty = rows[column.path_in_schema.split(".")[0]].null_count == count
        assert column.compression == ("UNCOMPRESSED" if empty else "ZSTD"), column.path_in_schema


def test_times_can_be_pruned_by(tmp_path: Path) -> None:
    file = file_of(landed(tmp_path, [record(flow(1))]))
    group = parquet.ParquetFile(tmp_path / file.path).metadata.row_group(0)
    (column,) = [
        column
        for column in map(group.column, range(group.num_columns))
        if column.path_in_schema == "event_time"
    ]
    assert column.statistics.min.isoformat() == "2014-12-14T04:07:50"


@pytest.mark.fault("F25")
def test_a_folder_that_takes_nothing_is_a_delivery_error(tmp_path: Path) -> None:
    written(tmp_path / "lake", b"in the way")
    sink = LakeSink(tmp_path / "lake")
    ports = Ports(sink, MemoryQuarantine())
    with pytest.raises(DeliveryError, match="a file cannot be written"):
        process([record(flow(1))], find("vpc-flow"), ports, context(), LANDED_MS)
    assert sink.take() == []
    assert files_under(tmp_path) == ["lake"]


def test_long_text_and_maps_come_back(tmp_path: Path) -> None:
    line = b'{"message": "%s", "k": "v"}' % (b"x" * 100_000)
    file = file_of(landed(tmp_path, [record(line)], "app-log"), "app_log")
    (row,) = rows_of(tmp_path, file, find("app-log").table).to_pylist(maps_as_pydicts="strict")
    assert row["message"] == line.decode()
    assert row["fields"]["k"] == "v"
