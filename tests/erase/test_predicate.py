"""Which rows are a subject's: by both engines' SQL the same ones, in whatever column it stands."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from pipeline.erase.predicate import WITHOUT_SUBJECTS, Engine, columns_of, predicate
from pipeline.erase.subject import Subject, of_address, of_visitor
from pipeline.lake.tables import all_tables
from pipeline.queries.dialect.bridge import translate
from pipeline.schema import Domain, Field, OneOf, Table, Type, declare

TABLES = [table for name, table in all_tables().items() if name not in WITHOUT_SUBJECTS]
ADDRESS, OTHER = "203.0.113.9", "203.0.113.90"
SUBJECTS = [of_address(ADDRESS), of_address("2001:db8::9"), of_visitor("5f2b8c01d3a94e67")]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            "create macro regexp_like(text, pattern) as regexp_matches(text, pattern)"
        )
        connection.execute(
            "create macro array_join(texts, between) as array_to_string(texts, between)"
        )
        yield connection


def chosen(
    engine: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table, subject: Subject
) -> list[int]:
    """Record ids of the rows that are chosen, by both engines' words the same."""
    engine.register("t", rows)
    found = []
    for each in Engine:
        condition = predicate(table, subject, each)
        sql = f"select record_id from t where {condition.sql} order by 1"  # noqa: S608 - own names
        found.append([row[0] for row in engine.execute(sql, condition.values).fetchall()])
        others = f"select count(*) from t where not {condition.sql}"  # noqa: S608 - own names
        ((left,),) = engine.execute(others, condition.values).fetchall()
        assert left == len(rows) - len(found[-1])
    assert found[0] == found[1]
    return found[0]


def text_fields(table: Table) -> list[Field]:
    return [field for field in table if field.type in (Type.VARCHAR, Type.MAP)]


def row_of(field: Field | None, number: int, text: str) -> dict[str, object]:
    if field is None:
        return {"record_id": number}
    value = [("key", text)] if field.type is Type.MAP else text
    return {field.name: value, "record_id": number}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.value)
def test_the_subject_is_found_in_each_column_that_can_hold_it(
    engine: duckdb.DuckDBPyConnection, table: Table, subject: Subject
) -> None:
    fields = text_fields(table)
    rows = [row_of(field, at, subject.value) for at, field in enumerate(fields)]
    rows += [row_of(field, -1, f"{subject.value}0") for field in fields]
    rows += [row_of(None, -1, "")]
    found = chosen(engine, table, pa.Table.from_pylist(rows, table.arrow_schema), subject)
    closed = {
        at
        for at, field in enumerate(fields)
        if isinstance(field.domain, OneOf)
        or (field.domain is Domain.ADDRESS and subject.kind is not Domain.ADDRESS)
    }
    assert found == [at for at in range(len(fields)) if at not in closed]


def test_an_address_column_is_compared_as_a_whole(engine: duckdb.DuckDBPyConnection) -> None:
    table = all_tables()["vpc_flow"]
    texts = [ADDRESS, f"::ffff:{ADDRESS}", "::FFFF:cb00:7109", OTHER, f"64:ff9b::{ADDRESS}", None]
    rows = [{"srcaddr": text, "record_id": at} for at, text in enumerate(texts)]
    rows_of = pa.Table.from_pylist(rows, table.arrow_schema)
    assert chosen(engine, table, rows_of, of_address(ADDRESS)) == [0, 1, 2]


def test_a_name_in_a_map_is_looked_at_as_well(engine: duckdb.DuckDBPyConnection) -> None:
    table = all_tables()["vpc_flow"]
    maps = [[(ADDRESS, "x")], [("x", f"a {ADDRESS} b")], [("x", None)], [], None]
    rows = [{"extra": each, "record_id": at} for at, each in enumerate(maps)]
    rows_of = pa.Table.from_pylist(rows, table.arrow_schema)
    assert chosen(engine, table, rows_of, of_address(ADDRESS)) == [0, 1]


def test_a_column_of_visitors_is_found_by_its_domain(engine: duckdb.DuckDBPyConnection) -> None:
    visitor = Field("visitor", Type.VARCHAR, "Who.", "", "", Domain.VISITOR)
    table = declare("page_view", "Views.", visitor)
    subject = of_visitor("5f2b8c01d3a94e67")
    assert columns_of(table, subject)[0] == [visitor]
    rows = [
        {"visitor": text, "record_id": at}
        for at, text in enumerate([subject.value, f"x {subject.value}", None])
    ]
    rows_of = pa.Table.from_pylist(rows, table.arrow_schema)
    assert chosen(engine, table, rows_of, subject) == [0]


def test_the_ledger_as_a_table_holds_no_subject() -> None:
    (name,) = WITHOUT_SUBJECTS
    assert not [field for field in all_tables()[name] if field.domain is Domain.ADDRESS]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_athena_knows_every_word_of_the_condition(table: Table) -> None:
    condition = predicate(table, of_address(ADDRESS), Engine.TRINO)
    sql = condition.sql
    for number in range(len(condition.values)):
        sql = sql.replace("?", f"'{number}'", 1)
    translated = translate(f"SELECT record_id FROM {table.name} WHERE {sql}")  # noqa: S608 - own names
    assert translated.views == (table.name,)
