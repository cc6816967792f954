"""MiniStack with the parts of Athena that it lacks: run by the Python of its own environment.

Its Athena is DuckDB, which is given Athena's text as it is: values that are bound do not arrive, a
view in the catalogue is nothing, a map in a table without files is a text, and Trino's words are
unknown. Here values are put in, views are replaced by what they say, "$path" is a column, columns
have their types, partitions are where Glue says, UNLOAD writes a file, and sqlglot translates. It
stays DuckDB: what an answer proves is the way to it, not what Trino would say. Step Functions waits
for Athena, and Glue changes a partition, which MiniStack's do not.
"""

import asyncio
import base64
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import datetime
from typing import Any

VIEW = "/* Presto View: "
DEPTH = 8
# Names of this machine, which nobody else can have lead here, and of buckets below them.
HERE = re.compile(
    rb"(127\.0\.0\.1|\[::1\]|([a-z0-9._-]+\.)?localhost(\.localstack\.cloud)?)(:[0-9]+)?"
)
UNLOAD = re.compile(r"UNLOAD \((.*)\)\s+TO '([^']+)'\s+WITH \(format = 'PARQUET'.*\)", re.DOTALL)
WAIT_S = 0.05
PATH = "$path"
NAMES_PATH: ContextVar[bool] = ContextVar("whether a query asks from which files rows are")


def main() -> None:
    """Run until a signal comes."""
    with_bound_values()
    with_paths()
    with_types_of_columns()
    with_texts_of_athena()
    with_partitions()
    with_views_and_translation()
    with_queries_that_are_waited_for()
    with_partitions_that_change()
    without_pages()
    from ministack.app import main as run

    run()


def without_pages() -> None:
    """Refuse what a page in a browser asks: any page might, and functions run on this machine.

    MiniStack tells browsers that every page may.
    """
    from ministack import app as whole

    whole.app = for_programs(whole.app)


def for_programs(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The same application of ASGI, for everybody but pages in browsers."""

    async def guarded(scope: "dict[str, Any]", receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or not is_of_a_page(scope["headers"]):
            await answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"not for pages in browsers"})

    return guarded


def is_of_a_page(heads: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a page asks: browsers say so, and one that has its own name lead here has that."""
    said = {name.lower(): text.lower() for name, text in heads}
    if b"origin" in said or said.get(b"sec-fetch-site", b"none") != b"none":
        return True
    return not HERE.fullmatch(said.get(b"host", b""))


def with_bound_values() -> None:
    """Put the values of a query into its text, in the places of its question marks."""
    from ministack.services import athena

    start: Callable[[dict[str, Any]], Any] = athena._start_query_execution
    tokens: Callable[[str], Any] = athena._sql_tokens

    def bound(data: dict[str, Any]) -> Any:
        values = iter(data.get("ExecutionParameters") or ())
        sql = data.get("QueryString", "")
        pieces, done = [], 0
        for kind, text, begin, end in tokens(sql):
            if (kind, text) == ("punct", "?"):
                pieces += [sql[done:begin], next(values, "?")]
                done = end
        return start({**data, "QueryString": "".join([*pieces, sql[done:]])})

    athena._start_query_execution = bound


def with_paths() -> None:
    """Give tables the column "$path" where a query names it; it is hidden otherwise."""
    from ministack.services import athena

    relation: Callable[..., str] = athena._table_relation
    empty: Callable[..., str] = athena._empty_relation

    def with_path(table: Any, files: Any) -> str:
        found = relation(table, files)
        named = f'SELECT *, filename AS "{PATH}" FROM {found}'  # noqa: S608 - of a query that is run
        return f"({named})" if NAMES_PATH.get() else found

    def none_with_path(table: Any) -> str:
        found = empty(table)
        named = f"SELECT *, '' AS \"{PATH}\" FROM {found}"  # noqa: S608 - of a query that is run
        return f"({named})" if NAMES_PATH.get() else found

    athena._table_relation, athena._empty_relation = with_path, none_with_path


def with_partitions() -> None:
    """Read of a table with registered partitions what they say, not all below its location."""
    from ministack.services import athena, glue

    relation: Callable[..., str] = athena._table_relation
    empty: Callable[..., str] = athena._empty_relation

    def registered(table: Any, files: Any) -> str:
        keys = [each["Name"] for each in table.get("PartitionKeys") or ()]
        if not keys or (table.get("Parameters") or {}).get("projection.enabled") == "true":
            return relation(table, files)
        bare = {**table, "PartitionKeys": []}
        place, parts = table["StorageDescriptor"]["Location"], []
        for each in glue._partitions.get(f"{table['DatabaseName']}/{table['Name']}", ()):
            folder = (
                "/" + each["StorageDescriptor"]["Location"].removeprefix(place).strip("/") + "/"
            )
            if own := [file for file in files if folder in file]:
                values = zip(each["Values"], keys, strict=True)
                named = ", ".join(f"'{value}' AS \"{key}\"" for value, key in values)
                parts.append(f"SELECT *, {named} FROM {relation(bare, own)}")  # noqa: S608 - names of ours
        return f"({' UNION ALL BY NAME '.join(parts)})" if parts else empty(table)

    athena._table_relation = registered


def with_queries_that_are_waited_for() -> None:
    """Let a state machine wait until Athena has answered (startQueryExecution.sync)."""
    from ministack.services import stepfunctions as states

    def asked(action: str, words: "dict[str, Any]") -> Any:
        resource = f"arn:aws:states:::aws-sdk:athena:{action}"
        return states._invoke_aws_sdk_integration(resource, words)

    def waited_for(resource: str, words: "dict[str, Any]") -> Any:
        number = asked("startQueryExecution", words)["QueryExecutionId"]
        while True:
            told = asked("getQueryExecution", {"QueryExecutionId": number})
            status = told["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return told
            if status["State"] in ("FAILED", "CANCELLED"):
                raise states._ExecutionError("States.TaskFailed", str(status))
            time.sleep(WAIT_S)

    states._SERVICE_DISPATCH["arn:aws:states:::athena:startQueryExecution"] = waited_for


def with_partitions_that_change() -> None:
    """Take UpdatePartition, which MiniStack has for many at once alone."""
    from ministack.services import glue

    answer: Callable[..., Any] = glue._handle_request_sync

    def handled(method: str, path: str, headers: "dict[str, str]", body: Any, query: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".UpdatePartition"):
            headers = {**headers, "x-amz-target": "AWSGlue.BatchUpdatePartition"}
            one = json.loads(body)
            names = ("PartitionValueList", "PartitionInput")
            one["Entries"] = [{name: one.pop(name) for name in names}]
            body = json.dumps(one).encode()
        return answer(method, path, headers, body, query)

    glue._handle_request_sync = handled


def with_types_of_columns() -> None:
    """Give maps, lists and structs their types, which tables without files have from here alone."""
    from ministack.services import athena
    from sqlglot import exp

    plain: Callable[[dict[str, Any]], str] = athena._duckdb_type

    def typed(column: dict[str, Any]) -> str:
        text = str(column.get("Type", ""))
        if "<" not in text:
            return plain(column)
        return exp.DataType.build(text, dialect="hive").sql("duckdb")

    athena._duckdb_type = typed


def with_texts_of_athena() -> None:
    """Write values of an answer as Athena does, where MiniStack writes them as Python."""
    from ministack.services import athena

    plain: Callable[[Any], str] = athena._datum_text

    def text(value: Any) -> str:
        if isinstance(value, datetime):
            return value.isoformat(" ", "milliseconds")
        if isinstance(value, dict):
            return f"{{{', '.join(f'{text(key)}={text(each)}' for key, each in value.items())}}}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(text, value))}]"
        return "null" if value is None else plain(value)

    athena._datum_text = text


def with_views_and_translation() -> None:
    """Let the engine see views as the queries they are, and DuckDB's words."""
    import sqlglot
    from ministack.services import athena, glue

    run: Callable[..., Any] = athena._run_duckdb
    references: Callable[[str], Any] = athena._table_references

    def expanded(sql: str, database: str, depth: int = DEPTH) -> str:
        for found in reversed(references(sql) if depth else ()):
            table = glue._tables.get(f"{found.database or database}/{found.table}") or {}
            text = table.get("ViewOriginalText") or ""
            if text.startswith(VIEW):
                view = json.loads(base64.b64decode(text.removeprefix(VIEW).partition(" ")[0]))
                inner = expanded(view["originalSql"], view.get("schema") or database, depth - 1)
                name = "" if found.aliased else f' AS "{found.table}"'
                sql = f"{sql[: found.start]}({inner}){name}{sql[found.end :]}"
        return sql

    async def translated(query: str, database: str, catalog: "str | None" = None) -> Any:
        unload = UNLOAD.fullmatch(query)
        whole = expanded(unload[1] if unload else query, database or "default")
        NAMES_PATH.set(PATH in whole)
        text = ";".join(sqlglot.transpile(whole, read="athena", write="duckdb"))
        if not unload:
            return await run(text, database, catalog)
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/rows.parquet"
            await run(f"COPY ({text}) TO '{file}' (FORMAT parquet)", database, catalog)
            with open(file, "rb") as written:
                await asyncio.to_thread(put_into, unload[2], written.read())
        return {"columns": [], "column_types": [], "rows": []}

    athena._run_duckdb = translated


def put_into(folder: str, content: bytes) -> None:
    """Put an object into a folder of S3 that has to be empty, as Athena wants it to be."""
    import boto3

    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    address = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody's
    )
    if client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"):
        raise ValueError(f"HIVE_PATH_ALREADY_EXISTS: {folder} is not empty")
    client.put_object(Bucket=bucket, Key=f"{prefix}rows.parquet", Body=content)


if __name__ == "__main__":
    main()
