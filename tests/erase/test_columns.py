"""Over columns of Arrow the same rows are a subject's as by DuckDB's SQL."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.erase.columns import looked_at, mask
from pipeline.erase.predicate import Engine, predicate
from pipeline.erase.subject import Subject, of_address, of_visitor
from pipeline.lake.tables import all_tables
from pipeline.schema import Field, Table, Type
from tests.erase.test_predicate import SUBJECTS, TABLES, row_of, text_fields

V4, V6, VISITOR = SUBJECTS
# Each is, holds, or all but holds one of the subjects.
WORDS = [
    *("203.0.113.9", "203.0.113.90", "1203.0.113.9", "::ffff:203.0.113.9", "64:ff9b::203.0.113.9"),
    *("::FFFF:cb00:7109", "cb00:7109", "9.113.0.203.in-addr.arpa", "203.0.113.9:443"),
    *("2001:db8::9", "2001:DB8:0:0::0009", "2001:db8::90", "[2001:db8::9]", "2001%3adb8%3A%3a9"),
    *("5f2b8c01d3a94e67", "5f2b8c01d3a94e67x", "x5f2b8c01d3a94e67", "5F2B8C01D3A94E67"),
    *(
        "",
        "-",
        ".",
        ":",
        "\n",
        "\\n",
        "%0a",
        "\x00",
        "é",
        "\u2028",
        "\u017f",
        "\u212a",
        "a",
        " ",
        ",",
    ),
]
TEXT = st.one_of(
    st.none(), st.text(max_size=4), st.lists(st.sampled_from(WORDS), max_size=5).map("".join)
)
MAP = st.one_of(
    st.none(),
    st.dictionaries(TEXT.filter(lambda text: text is not None), TEXT, max_size=3).map(
        lambda texts: list(texts.items())
    ),
)


def by_duckdb(table: Table, rows: pa.Table, subject: Subject) -> list[bool]:
    condition = predicate(table, subject, Engine.DUCKDB)
    with duckdb.connect() as connection:
        connection.register("t", rows)
        sql = f"select {condition.sql} from t order by record_id"  # noqa: S608 - own names
        return [row[0] for row in connection.execute(sql, condition.values).fetchall()]


def by_arrow(table: Table, rows: pa.Table, subject: Subject) -> list[bool]:
    (batch,) = rows.combine_chunks().to_batches()
    found = mask(table, subject, batch).tolist()
    encoded = [
        column.dictionary_encode() if field.type == pa.string() else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    as_dictionaries = pa.RecordBatch.from_arrays(encoded, batch.schema.names)
    assert mask(table, subject, as_dictionaries).tolist() == found
    return found


def values_of(field: Field) -> Any:
    return MAP if field.type is Type.MAP else TEXT


@pytest.mark.parametrize("name", ["vpc_flow", "app_log", "http_access", "reject"])
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_arrow_and_duckdb_find_the_same_rows(name: str, data: Any) -> None:
    table = all_tables()[name]
    fields = data.draw(st.lists(st.sampled_from(text_fields(table)), min_size=1, unique=True))
    rows = [
        {"record_id": number, **{field.name: data.draw(values_of(field)) for field in fields}}
        for number in range(data.draw(st.integers(1, 6)))
    ]
    made = pa.Table.from_pylist(rows, table.arrow_schema)
    subject = data.draw(st.sampled_from(SUBJECTS))
    assert by_arrow(table, made, subject) == by_duckdb(table, made, subject)
    part = made.slice(len(made) // 2)
    assert by_arrow(table, part, subject) == by_duckdb(table, part, subject)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.value)
def test_each_column_that_can_hold_the_subject_is_looked_at(table: Table, subject: Subject) -> None:
    rows = [row_of(field, at, subject.value) for at, field in enumerate(text_fields(table))]
    made = pa.Table.from_pylist(rows, table.arrow_schema)
    assert by_arrow(table, made, subject) == by_duckdb(table, made, subject)
    found = by_arrow(table, made, subject)
    holding = {field.name for field, at in zip(text_fields(table), found, strict=True) if at}
    assert holding == set(looked_at(table, subject))


def test_a_column_that_a_file_does_not_have_holds_nothing() -> None:
    table = all_tables()["vpc_flow"]
    rows = pa.RecordBatch.from_pydict({"srcaddr": ["203.0.113.9", None], "record_id": [1, 2]})
    assert mask(table, of_address("203.0.113.9"), rows).tolist() == [True, False]
    nothing = pa.RecordBatch.from_arrays([pa.nulls(2)], ["srcaddr"])
    assert mask(table, of_visitor("5f2b8c01d3a94e67"), nothing).tolist() == [False, False]
