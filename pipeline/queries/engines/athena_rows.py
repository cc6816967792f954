"""Rows as GetQueryResults gives them, all of them text, as Arrow."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

PAGE = 1000
_ARROW = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ms"),
}
# Athena writes what is no number as Java does.
_JAVA = {"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}


def tables(client: "AthenaClient", query_id: str) -> Iterator[pa.Table]:
    """A table for each page; one without rows where there are none.

    Arrays, maps, rows and times with a zone stay text, as Athena writes them: it says too little
    of them to be sure of more, and every page has to be of one kind.
    """
    pages = client.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": PAGE}
    )
    for number, found in enumerate(pages):
        columns = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        rows = found["ResultSet"]["Rows"]
        # The names of the columns come as a row before all others.
        head = not number and rows[:1] == [_row(column["Name"] for column in columns)]
        yield _table(columns, rows[1:] if head else rows)


def _row(texts: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    return {"Data": [{"VarCharValue": text} for text in texts]}


def _table(columns: Any, rows: Any) -> pa.Table:
    arrays = []
    for index, column in enumerate(columns):
        texts = pa.array([row["Data"][index].get("VarCharValue") for row in rows], pa.string())
        arrays.append(_typed(texts, column))
    return pa.Table.from_arrays(arrays, [column["Name"] for column in columns])


def _typed(texts: pa.Array, column: Any) -> pa.Array:
    kind = column["Type"]
    if kind == "decimal":
        return pc.cast(texts, pa.decimal128(column["Precision"], column["Scale"]))
    to = _ARROW.get(kind)
    if to is None:
        return texts
    if pa.types.is_floating(to):
        texts = pa.array([_JAVA.get(text, text) for text in texts.to_pylist()], pa.string())
    return pc.cast(texts, to)
