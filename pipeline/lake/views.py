"""Views over the lake for DuckDB: the only thing that people query.

`<table>_landing` is raw landing, repeats and all; `<table>` holds each event once, by the identity
(event_time, record_id), the newest decoder's row first, and has the column `dt`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deliver.lake import LakeFile
from pipeline.schema import Table

if TYPE_CHECKING:
    import duckdb

WILD = re.compile(r"[\[*?]")


def create_views(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    table: Table,
    files: Sequence[LakeFile],
) -> None:
    """Make the views of one table over some of its landing files under `folder`."""
    columns = ", ".join(f'"{field.name}"' for field in table)
    landing = f"{table.name}_landing"
    connection.execute(
        f'create or replace view "{landing}" as select {columns},'  # noqa: S608 - own names
        f" strftime(event_time, '%Y-%m-%d') as dt from {_scan(folder, table, files)}"
    )
    connection.execute(
        f'create or replace view "{table.name}" as select {columns}, dt from (select *,'  # noqa: S608 - own names
        " row_number() over (partition by event_time, record_id"
        f' order by decoder_version desc, ingest_time) as copy from "{landing}") where copy = 1'
    )


def _scan(folder: Path, table: Table, files: Sequence[LakeFile]) -> str:
    if not files:
        empty = ", ".join(f'null::{field.type.duckdb} as "{field.name}"' for field in table)
        return f"(select {empty} where false)"
    paths = ", ".join(_quoted(folder / file.path) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false)"


def _quoted(path: Path) -> str:
    # DuckDB takes a path for a pattern: under a home called a[1] it would read that of a1.
    return "'" + WILD.sub(r"[\g<0>]", str(path)).replace("'", "''") + "'"
