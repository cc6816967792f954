"""A DuckDB that shows some files of a lake and does nothing else."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deliver.lake_file import LakeFile
from pipeline.errors import QueryFailed
from pipeline.lake.views import create_views
from pipeline.queries.dialect import macros
from pipeline.schema import Table

if TYPE_CHECKING:
    import duckdb

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


@contextmanager
def opened(
    lake: Path, readings: Sequence[Reading], shared: Mapping[str, str], sql: str, where: str
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection for a statement: it shows the views of some tables and nothing else.

    shared  the SELECT of each view over several of them, by its name
    where   for errors

    Raises QueryFailed for what is not one SELECT: the engine may write wherever it may read.
    """
    import duckdb

    # What goes on after it was given up still spills.
    with tempfile.TemporaryDirectory(prefix="tailrace-", ignore_cleanup_errors=True) as spill:
        connection = duckdb.connect(config={**_CONFIG, **_spilling(spill)})
        try:
            _prepare(connection, lake, readings, shared, sql, where)
            yield connection
        finally:
            # It refuses while a statement is at work, and goes with the thread that has it then.
            with suppress(duckdb.Error):
                connection.close()


def _prepare(
    connection: "duckdb.DuckDBPyConnection",
    lake: Path,
    readings: Sequence[Reading],
    shared: Mapping[str, str],
    sql: str,
    where: str,
) -> None:
    import duckdb

    try:
        _check_select(connection, sql, where)
        for reading in readings:
            create_views(connection, lake, reading.table, reading.files, reading.retracted)
        for name, select in shared.items():
            connection.execute(f'create view "{name}" as {select}')
        _close_off(connection, lake, sql)
    except duckdb.Error as error:
        raise (gone(lake, readings) or failed(error, where)) from error


def _spilling(folder: str) -> dict[str, str]:
    """At most half of what is free: the lake may lie on the same disk."""
    most = shutil.disk_usage(folder).free // 2
    return {"temp_directory": folder, "max_temp_directory_size": f"{most}B"}


def _check_select(connection: "duckdb.DuckDBPyConnection", sql: str, where: str) -> None:
    import duckdb

    kinds = [statement.type for statement in connection.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        fix = "correct the SQL; --explain shows what the engine was given"
        raise QueryFailed("only one SELECT can be asked", where, fix)


def _close_off(connection: "duckdb.DuckDBPyConnection", lake: Path, sql: str) -> None:
    for macro in macros.called_by(sql):
        connection.execute(f"create macro {macro}")
    folder = str(lake.absolute()).replace("'", "''")
    for setting in (
        "timezone = 'UTC'",
        "integer_division = true",
        # It would be drawn on standard output, where the data goes.
        "enable_progress_bar = false",
        f"allowed_directories = ['{folder}/']",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")


def gone(lake: Path, readings: Sequence[Reading]) -> QueryFailed | None:
    """What to tell when a file that was to be read is gone: the SQL is not to blame."""
    for path in (lake / file.path for reading in readings for file in reading.files):
        if not path.is_file():
            fix = "see what is missing: tailrace audit"
            return QueryFailed("a file of the lake is missing", f"at {path}", fix)
    return None


def failed(error: "duckdb.Error", where: str) -> QueryFailed:
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
