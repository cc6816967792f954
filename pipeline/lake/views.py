"""Views over the lake for DuckDB: the only thing that people query.

`<table>_landing` is raw landing, repeats and all; `<table>` holds each event once, by the identity
(event_time, record_id), and has the column `dt`. Of several copies stands the newest decoder's,
of these the newest attempt's, then the first arrival's, then the one that was written last. A
reject whose newest version says that it is resolved is left out.
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
    with_day = f"select {columns}, strftime(event_time, '%Y-%m-%d') as dt"
    scan = _scan(folder, table, files)
    connection.execute(f'create or replace view "{table.name}_landing" as {with_day} from {scan}')
    connection.execute(
        f'create or replace view "{table.name}" as select {columns}, dt from ({with_day},'  # noqa: S608 - own names
        f" row_number() over (partition by event_time, record_id order by {_newest(table)}) as copy"
        f" from {scan}) where copy = 1{' and resolved is not true' if 'resolved' in table else ''}"
    )


def _newest(table: Table) -> str:
    """What the copies of one event are ordered by; file_index is a file's place in the scan."""
    attempt = "attempt desc, " if "attempt" in table else ""
    return f"decoder_version desc, {attempt}ingest_time, file_index desc"


def _scan(folder: Path, table: Table, files: Sequence[LakeFile]) -> str:
    if not files:
        empty = ", ".join(f'null::{field.type.duckdb} as "{field.name}"' for field in table)
        return f"(select {empty}, 0 as file_index where false)"
    paths = ", ".join(_quoted(folder / file.path) for file in sorted(files, key=_age))
    return f"read_parquet([{paths}], hive_partitioning = false)"


def _age(file: LakeFile) -> tuple[int, str]:
    # Sequence numbers rise over all shards; a replay of the same records has a longer name.
    return file.last_seq, file.path.removesuffix(".parquet")


def _quoted(path: Path) -> str:
    # DuckDB takes a path for a pattern: under a home called a[1] it would read that of a1.
    return "'" + WILD.sub(r"[\g<0>]", str(path)).replace("'", "''") + "'"
