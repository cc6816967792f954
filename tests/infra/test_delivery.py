"""Firehose, Glue and the lake agree: what one writes the other finds, with the same columns."""

import base64
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables, all_views, columns
from pipeline.schema import Table
from tests.infra.stack import Stack

every_table = pytest.mark.parametrize("table", all_tables().values(), ids=lambda each: each.name)
STACK = Stack(LandingSince="2026-11-01", FirehoseBufferSeconds="0")
DELIVERIES, TABLES = STACK.nested("Deliveries"), STACK.nested("Tables")
STREAMS = {
    made["DeliveryStreamName"].removeprefix("tailrace-heron-"): made
    for made in DELIVERIES.of_type("AWS::KinesisFirehose::DeliveryStream").values()
}
GLUE = {
    made["TableInput"]["Name"]: made["TableInput"]
    for made in TABLES.of_type("AWS::Glue::Table").values()
}
NOW = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
# Firehose's words are Java's.
JAVA = {"yyyy-MM-dd": "%Y-%m-%d", "HH": "%H"}


def destination(name: str) -> dict[str, Any]:
    found: dict[str, Any] = STREAMS[name]["ExtendedS3DestinationConfiguration"]
    return found


def written_at(prefix: str, moment: datetime) -> str:
    """Where Firehose writes what arrives then."""
    return re.sub(r"!\{timestamp:([^}]+)\}", lambda it: moment.strftime(JAVA[it[1]]), prefix)


def partitions(described: dict[str, Any], today: date) -> set[str]:
    """Locations that Athena looks at, by the table's projection."""
    told = described["Parameters"]
    first, last = told["projection.arrival_dt.range"].split(",")
    assert (last, told["projection.arrival_dt.interval.unit"]) == ("NOW", "DAYS")
    low, high = map(int, told["projection.arrival_hour.range"].split(","))
    digits = int(told["projection.arrival_hour.digits"])
    days = (today - date.fromisoformat(first)).days + 1
    return {
        told["storage.location.template"]
        .replace("${arrival_dt}", f"{date.fromisoformat(first) + timedelta(day)}")
        .replace("${arrival_hour}", f"{hour:0{digits}}")
        for day in range(days)
        for hour in range(low, high + 1)
    }


def test_every_table_has_a_stream_of_its_own() -> None:
    assert set(STREAMS) == set(all_tables())


@every_table
def test_json_becomes_parquet_of_a_size_that_conversion_takes(table: Table) -> None:
    made = destination(table.name)
    # Below 64 MiB the service refuses it, and cfn-lint does not.
    assert 64 <= made["BufferingHints"]["SizeInMBs"] <= 128
    assert made["BufferingHints"]["IntervalInSeconds"] == "0"
    assert made["CompressionFormat"] == "UNCOMPRESSED"
    conversion = made["DataFormatConversionConfiguration"]
    assert conversion["Enabled"] is True
    assert conversion["OutputFormatConfiguration"] == {
        "Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}
    }


@every_table
def test_names_within_extra_keep_their_capitals(table: Table) -> None:
    conversion = destination(table.name)["DataFormatConversionConfiguration"]
    assert conversion["InputFormatConfiguration"] == {
        "Deserializer": {"OpenXJsonSerDe": {"CaseInsensitive": False}}
    }
    assert all(field.name == field.name.lower() for field in table)


@every_table
def test_firehose_reads_the_table_that_athena_reads(table: Table) -> None:
    schema = destination(table.name)["DataFormatConversionConfiguration"]["SchemaConfiguration"]
    assert schema["TableName"] in GLUE
    assert schema["TableName"] == f"{table.name}_landing_files"
    assert schema["DatabaseName"] == "Tables.Outputs.Database"
    assert Stack(Catalog="false").nested("Deliveries").values["Database"] == "tailrace_heron"


@every_table
@pytest.mark.fault("F17")
def test_glue_has_the_columns_of_the_declaration(table: Table) -> None:
    for zone in ("landing", "curated"):
        described = GLUE[f"{table.name}_{zone}_files"]
        assert described["StorageDescriptor"]["Columns"] == table.glue_columns
    for name in (table.name, f"{table.name}_landing"):
        shown = GLUE[name]["StorageDescriptor"]["Columns"]
        assert [(each["Name"], each["Type"]) for each in shown] == [
            (field.name, field.type.glue) for field in columns(table)
        ]


@every_table
@pytest.mark.fault("F23")
@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 30, 9, 59, 59, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
    ids=str,
)
def test_what_firehose_writes_lies_where_athena_looks(table: Table, moment: datetime) -> None:
    key = written_at(destination(table.name)["Prefix"], moment)
    assert f"s3://LakeBucket/{key}" in partitions(GLUE[f"{table.name}_landing_files"], NOW.date())


@every_table
@pytest.mark.fault("F23")
def test_the_hours_of_firehose_are_those_of_utc(table: Table) -> None:
    assert "CustomTimeZone" not in destination(table.name)


@every_table
def test_what_firehose_cannot_convert_lies_apart_from_the_lake_where_it_may_write(
    table: Table,
) -> None:
    prefix = destination(table.name)["ErrorOutputPrefix"]
    assert prefix == (
        f"errors/{table.name}/!{{firehose:error-output-type}}/dt=!{{timestamp:yyyy-MM-dd}}/"
    )
    role = STACK.resources["FirehoseRole"]["Properties"]
    allowed = [
        resource
        for each in role["Policies"][0]["PolicyDocument"]["Statement"]
        if "s3:PutObject" in each["Action"]
        for resource in each["Resource"]
    ]
    assert "LakeBucket.Arn/errors/*" in allowed


@every_table
def test_firehose_says_why_in_a_log_that_is_there(table: Table) -> None:
    told = destination(table.name)["CloudWatchLoggingOptions"]
    assert told["Enabled"] is True
    log = DELIVERIES.of_type("AWS::Logs::LogStream")[told["LogStreamName"]]
    assert log == {"LogGroupName": "FirehoseLogGroup", "LogStreamName": table.name}


def test_straight_to_s3_there_is_no_firehose() -> None:
    kinds = {each["Type"] for _, each in Stack(Delivery="s3").all()}
    assert not any("Firehose" in kind for kind in kinds)


@pytest.mark.parametrize("name", all_views())
def test_a_view_is_what_athena_would_have_made_in_the_database_of_the_stage(name: str) -> None:
    text = GLUE[name]["ViewOriginalText"]
    told = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))
    table = all_views()[name]
    assert (told["catalog"], told["schema"]) == ("awsdatacatalog", "Database")
    assert told["columns"] == [{"name": f.name, "type": f.type.sql} for f in columns(table)]
    assert GLUE[name]["TableType"] == "VIRTUAL_VIEW"
    assert len(text) < 409_600


def test_shared_views_read_the_views_of_their_tables() -> None:
    for name, view in shared_views().items():
        text = GLUE[name]["ViewOriginalText"].split()[3]
        assert json.loads(base64.b64decode(text))["originalSql"] == view.select


def test_tables_are_the_stages_own() -> None:
    (database,) = TABLES.of_type("AWS::Glue::Database").values()
    assert database["DatabaseInput"]["Name"] == "tailrace_heron"
    assert all(made["TableType"] in ("EXTERNAL_TABLE", "VIRTUAL_VIEW") for made in GLUE.values())
    for name, made in GLUE.items():
        if made["TableType"] == "EXTERNAL_TABLE":
            assert made["StorageDescriptor"]["Location"].startswith("s3://LakeBucket/lake/"), name
