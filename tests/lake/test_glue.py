"""What Glue and Athena are told: the words of their own documents, and nothing but the tables."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from pipeline.lake import glue
from pipeline.lake.tables import all_tables, columns
from pipeline.schema import BATCH, REJECT, Table, declare

LAKE = "s3://heron-logs/lake"
SINCE = date(2026, 11, 1)
MARK = datetime(2026, 11, 25, 7, tzinfo=UTC)
every_table = pytest.mark.parametrize("table", all_tables().values(), ids=lambda each: each.name)


@pytest.mark.parametrize("name", ["vpc_flow", "batch"])
def test_landing_is_partitioned_by_projection_of_day_and_hour_of_arrival(name: str) -> None:
    described = glue.landing_files(all_tables()[name], LAKE, SINCE)
    assert described["Name"] == f"{name}_landing_files"
    assert described["TableType"] == "EXTERNAL_TABLE"
    assert described["PartitionKeys"] == [
        {"Name": "arrival_dt", "Type": "string"},
        {"Name": "arrival_hour", "Type": "int"},
    ]
    assert described["Parameters"] == {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "projection.enabled": "true",
        "projection.arrival_dt.type": "date",
        "projection.arrival_dt.format": "yyyy-MM-dd",
        "projection.arrival_dt.range": "2026-11-01,NOW",
        "projection.arrival_dt.interval": "1",
        "projection.arrival_dt.interval.unit": "DAYS",
        "projection.arrival_hour.type": "integer",
        "projection.arrival_hour.range": "0,23",
        "projection.arrival_hour.digits": "2",
        "storage.location.template": f"s3://heron-logs/lake/landing/{name}"
        "/arrival_dt=${arrival_dt}/arrival_hour=${arrival_hour}/",
    }
    assert described["StorageDescriptor"]["Location"] == f"s3://heron-logs/lake/landing/{name}/"


def test_curated_has_its_days_registered_so_that_their_locations_can_be_swapped() -> None:
    described = glue.curated_files(REJECT, LAKE)
    assert described["Name"] == "reject_curated_files"
    assert described["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert described["Parameters"] == {"EXTERNAL": "TRUE", "classification": "parquet"}
    assert described["StorageDescriptor"]["Location"] == "s3://heron-logs/lake/curated/reject/"
    day = glue.partition(REJECT, "2026-11-25", f"{LAKE}/curated/reject/dt=2026-11-25/v2/")
    assert day["Values"] == ["2026-11-25"]
    assert day["StorageDescriptor"] == {
        **described["StorageDescriptor"],
        "Location": "s3://heron-logs/lake/curated/reject/dt=2026-11-25/v2/",
    }


@every_table
def test_the_files_have_the_columns_of_the_declaration_and_are_parquet(table: Table) -> None:
    for described in (glue.landing_files(table, LAKE, SINCE), glue.curated_files(table, LAKE)):
        storage = described["StorageDescriptor"]
        assert storage["Columns"] == table.glue_columns
        assert [each["Name"] for each in storage["Columns"]] == table.arrow_schema.names
        assert storage["InputFormat"].endswith(".parquet.MapredParquetInputFormat")
        assert storage["OutputFormat"].endswith(".parquet.MapredParquetOutputFormat")
        assert storage["SerdeInfo"]["SerializationLibrary"].endswith(".ParquetHiveSerDe")
        keys = {each["Name"] for each in described["PartitionKeys"]}
        assert not keys & set(table.arrow_schema.names)


@every_table
@pytest.mark.parametrize("watermark", [None, MARK], ids=["all", "marked"])
def test_the_views_are_sql_of_athena_with_the_columns_that_people_ask(
    table: Table, watermark: datetime | None
) -> None:
    made = glue.views(table, watermark)
    assert list(made) == [table.name, f"{table.name}_landing"]
    for select in made.values():
        tree = sqlglot.parse_one(select, read="athena")
        assert tree.named_selects == [field.name for field in columns(table)]
        for branch in tree.find_all(exp.Union):
            assert len(branch.left.named_selects) == len(branch.right.named_selects)
        # Trino has no IS TRUE.
        assert all(isinstance(each.expression, exp.Null) for each in tree.find_all(exp.Is))


@every_table
def test_every_read_of_landing_stops_at_the_watermark(table: Table) -> None:
    for select in glue.views(table, MARK).values():
        scopes = [
            scope.expression
            for scope in traverse_scope(sqlglot.parse_one(select, read="athena"))
            for source in scope.sources.values()
            if isinstance(source, exp.Table) and source.name == f"{table.name}_landing_files"
        ]
        assert len(scopes) == 1
        assert scopes[0].args["where"].this.sql("athena") == (
            "arrival_dt >= '2026-11-25' AND (arrival_dt > '2026-11-25' OR arrival_hour >= 7)"
        )


@every_table
def test_without_a_watermark_no_landing_is_left_out(table: Table) -> None:
    assert all("arrival_" not in select for select in glue.views(table, None).values())


def read_from(table: Table) -> set[str]:
    tree = sqlglot.parse_one(glue.views(table, MARK)[table.name], read="athena")
    return {each.name for each in tree.find_all(exp.Table)}


@every_table
def test_the_view_reads_both_zones_and_nothing_else(table: Table) -> None:
    assert read_from(table) == {f"{table.name}_landing_files", f"{table.name}_curated_files"}


def test_only_what_became_of_a_record_is_decided_by_the_attempt() -> None:
    made = {name: glue.views(table, None)[name] for name, table in all_tables().items()}
    assert {name for name in made if "attempt DESC" in made[name]} == {"reject", "batch"}
    assert "ingest_time, object, landed DESC, path DESC" in made["reject"]
    assert {name for name in made if "resolved IS DISTINCT FROM true" in made[name]} == {"reject"}
    assert {name for name in made if "LEFT JOIN" in made[name]} == set(made) - {"reject", "batch"}


def test_the_text_of_a_view_is_this() -> None:
    tiny = declare("tiny", "A table.", open_format=False)
    names = ", ".join(f'"{field.name}"' for field in tiny)
    ours = ", ".join(f'l."{field.name}"' for field in tiny)
    day = "CAST(CAST(event_time AS date) AS varchar) AS dt"
    since = "arrival_dt >= '2026-11-25' AND (arrival_dt > '2026-11-25' OR arrival_hour >= 0)"
    made = glue.views(tiny, datetime(2026, 11, 25, tzinfo=UTC))
    assert {name: " ".join(select.split()) for name, select in made.items()} == {
        "tiny": f"SELECT {names}, dt FROM tiny_curated_files"  # noqa: S608 - own words
        f" UNION ALL SELECT {ours}, l.dt"
        f" FROM ( SELECT {names}, {day},"
        " row_number() OVER ( PARTITION BY event_time, record_id"
        ' ORDER BY decoder_version DESC, ingest_time, "$path" DESC ) AS copy'
        f" FROM tiny_landing_files WHERE {since} ) l"
        " LEFT JOIN tiny_curated_files c ON c.dt = l.dt AND c.event_time = l.event_time"
        " AND c.record_id = l.record_id"
        " WHERE l.copy = 1 AND c.record_id IS NULL",
        "tiny_landing": f"SELECT {names}, {day} FROM tiny_landing_files WHERE {since}",  # noqa: S608 - own words
    }


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 25, 7),
        datetime(2026, 11, 25, 7, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 25, 7, 30, tzinfo=UTC),
        datetime(2026, 11, 25, 7, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_watermark_is_the_start_of_an_hour_in_utc(moment: datetime) -> None:
    with pytest.raises(ValueError, match="the start of an hour in UTC"):
        glue.views(BATCH, moment)


def told(described: dict[str, Any]) -> dict[str, Any]:
    text = described["ViewOriginalText"]
    assert text.startswith("/* Presto View: ")
    assert text.endswith(" */")
    found: dict[str, Any] = json.loads(base64.b64decode(text.split()[3]))
    return found


@every_table
def test_a_view_is_told_to_glue_as_athena_tells_it(table: Table) -> None:
    select = glue.views(table, MARK)[table.name]
    described = glue.view(table, table.name, select, "awsdatacatalog", "heron")
    assert described["TableType"] == "VIRTUAL_VIEW"
    assert described["Parameters"]["presto_view"] == "true"
    assert described["ViewExpandedText"] == "/* Presto View */"
    assert len(described["ViewOriginalText"]) < 409_600
    declared = columns(table)
    assert [each["Name"] for each in described["StorageDescriptor"]["Columns"]] == [
        field.name for field in declared
    ]
    assert told(described) == {
        "originalSql": select,
        "catalog": "awsdatacatalog",
        "schema": "heron",
        "columns": [{"name": field.name, "type": field.type.sql} for field in declared],
    }
