"""Tables: what derives from a declaration agrees with it, and with what others derive."""

import re

import pyarrow as pa
import pytest
from awswrangler._data_types import athena_types_from_pyarrow_schema

from pipeline.schema import BATCH, REJECT, Field, Table, Type, declare
from pipeline.sources import all_sources

TABLES = [*(source.table for source in all_sources().values()), REJECT, BATCH]
every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@every_table
def test_glue_types_are_what_awswrangler_derives_from_the_arrow_schema(table: Table) -> None:
    derived = athena_types_from_pyarrow_schema(table.arrow_schema)
    assert {column["Name"]: column["Type"] for column in table.glue_columns} == derived


@every_table
@pytest.mark.fault("F17")
def test_glue_and_arrow_have_the_columns_in_the_same_order(table: Table) -> None:
    assert [column["Name"] for column in table.glue_columns] == table.arrow_schema.names


@every_table
@pytest.mark.fault("F17")
def test_column_names_need_no_quotes_in_glue(table: Table) -> None:
    assert all(re.fullmatch("[a-z][a-z0-9_]*", field.name) for field in table)


@every_table
def test_every_column_is_described_in_words_that_glue_takes(table: Table) -> None:
    assert all(field.doc.endswith(".") and len(field.doc) <= 255 for field in table)
    assert table.doc.endswith(".")


@every_table
def test_every_table_has_time_identity_and_provenance(table: Table) -> None:
    names = table.arrow_schema.names
    assert names[0] == "event_time"
    assert names[-7:] == [
        *("record_id", "ingest_time", "decoder_version"),
        *("log_group", "log_stream", "owner_account_id", "owner_region"),
    ]


@every_table
def test_timestamps_are_milliseconds_without_zone(table: Table) -> None:
    times = [field.type for field in table.arrow_schema if pa.types.is_temporal(field.type)]
    assert set(times) == {pa.timestamp("ms")}


@pytest.mark.parametrize("name", ["vpc-flow", "tgw-flow"])
def test_flow_columns_are_snake_case_forms_of_the_logs_own_names(name: str) -> None:
    fields = [field for field in all_sources()[name].table if field.log_name]
    renamed = {"start": "start_time", "end": "end_time"}
    expected = [renamed.get(f.log_name, f.log_name.replace("-", "_")) for f in fields]
    assert [field.name for field in fields] == expected


def test_the_types_are_those_of_athena_glue_and_arrow() -> None:
    assert [(kind.sql, kind.glue, str(kind.arrow)) for kind in Type] == [
        ("timestamp(3)", "timestamp", "timestamp[ms]"),
        ("integer", "int", "int32"),
        ("bigint", "bigint", "int64"),
        ("double", "double", "double"),
        ("boolean", "boolean", "bool"),
        ("varchar", "string", "string"),
        ("map(varchar, varchar)", "map<string,string>", "map<string, string>"),
    ]


def test_a_column_declared_twice_is_refused() -> None:
    field = Field("event_time", Type.TIMESTAMP, "Again.")
    with pytest.raises(ValueError, match=r"table page declares \['event_time'\] twice"):
        declare("page", "Pages.", field)


def test_a_table_finds_its_fields_by_name() -> None:
    table = declare("page", "Pages.", Field("page", Type.VARCHAR, "Path."))
    assert table["page"].doc == "Path."
    assert "page" in table
    assert "path" not in table


def test_only_an_open_format_has_room_for_unknown_fields() -> None:
    assert "extra" in declare("page", "Pages.")
    assert "extra" not in declare("page", "Pages.", open_format=False)
    assert "extra" not in REJECT
