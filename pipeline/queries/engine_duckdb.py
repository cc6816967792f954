"""DuckDB as the engine: one closed connection a query, over the files that can hold its rows."""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deliver.lake import LakeFile
from pipeline.errors import QueryFailed
from pipeline.lake.views import create_views
from pipeline.queries.dialect import macros
from pipeline.schema import Table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

INTERRUPT_AGAIN_S = 0.05
# Log readers may be attackers, and what they write reaches the engine: no download, no variables
# of this process as tables.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "memory_limit": "50%",
    "preserve_insertion_order": False,
}
# How the engine begins its errors: "Binder Error: ".
_KIND = re.compile(r"^[A-Za-z ]+ Error: ")
_NO_FUNCTION = re.compile(r"No function matches the given name and argument types '(.+?)'")
_TYPES = {"INT64": "bigint", "INT32": "integer", "INT16": "smallint", "INT8": "tinyint"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A table and those of its files that a query opens."""

    table: Table
    files: tuple[LakeFile, ...]
    retracted: tuple[tuple[int, int], ...] = ()


def execute(
    sql: str,
    values: Mapping[str, object],
    lake: Path,
    readings: Iterable[Reading],
    where: str,
    enough: Callable[[], bool] | None = None,
) -> "pa.Table":
    """The rows of a translated statement, times floored to milliseconds.

    `where` names the query in errors; `enough` is asked while it runs whether to break it off.
    Raises QueryFailed when the engine refuses it or breaks off.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="tailrace-") as spill:
        connection = duckdb.connect(config={**_CONFIG, "temp_directory": spill})
        try:
            for reading in readings:
                create_views(connection, lake, reading.table, reading.files, reading.retracted)
            _close_off(connection, lake, sql)
            return _milliseconds(_interruptible(connection, sql, dict(values), enough))
        except _EnoughError as error:
            fix = "ask for a shorter window"
            raise QueryFailed("the query took too long and was broken off", where, fix) from error
        except duckdb.Error as error:
            raise _failed(error, where) from error
        finally:
            connection.close()


class _EnoughError(Exception):
    """Who asked has waited long enough."""


def _interruptible(
    connection: "duckdb.DuckDBPyConnection",
    sql: str,
    values: dict[str, object],
    enough: Callable[[], bool] | None,
) -> "pa.Table":
    # In the thread that gets the signal the engine does not always notice Ctrl-C.
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(lambda: connection.sql(sql, params=values).to_arrow_table())
        try:
            while enough and wait([rows], INTERRUPT_AGAIN_S).not_done:
                if enough():
                    raise _EnoughError
            return rows.result()
        except (KeyboardInterrupt, _EnoughError):
            while wait([rows], INTERRUPT_AGAIN_S).not_done:
                connection.interrupt()
            raise


def _close_off(connection: "duckdb.DuckDBPyConnection", lake: Path, sql: str) -> None:
    for macro in macros.called_by(sql):
        connection.execute(f"create macro {macro}")
    folder = str(lake.absolute()).replace("'", "''")
    for setting in (
        "timezone = 'UTC'",
        "integer_division = true",
        f"allowed_directories = ['{folder}/']",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")


def _milliseconds(table: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    fields = [
        field.with_type(pa.timestamp("ms", field.type.tz))
        if pa.types.is_timestamp(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields), safe=False)


def _failed(error: "duckdb.Error", where: str) -> QueryFailed:
    """The engine's words without what only makes sense to who has it at hand."""
    import duckdb

    what = _KIND.sub("", str(error).splitlines()[0])
    if what.startswith("Division by zero"):
        fix = "write x / NULLIF(y, 0): it is NULL where y is 0"
        return QueryFailed("the SQL divides by zero", where, fix)
    unknown = _NO_FUNCTION.match(what)
    if unknown:
        what = f"there is no {unknown[1].lower()}"
        return QueryFailed(what, where, "CAST what it is given to another type")
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryFailed(what, where, "ask for a shorter window: --since 15m")
    if isinstance(error, duckdb.IOException):
        return QueryFailed(what, where, "see what is missing: tailrace audit")
    for name, known in _TYPES.items():
        what = what.replace(name, known)
    return QueryFailed(what, where, "correct the SQL; --explain shows what the engine was given")
