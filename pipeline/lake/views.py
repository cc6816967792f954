"""Views over the lake for DuckDB: the only thing that people query.

`<table>` holds each event once, by the identity (event_time, record_id), and has the column `dt`:
the curated files, and of the landing files that are not folded in yet what curated does not have.
Of several copies in landing stands the newest decoder's, of these the first arrival's, then the one
that was written last. Where curated has an event, its row stands until the next compaction. What
was taken back (a last line without an end, when its file goes on with it) is left out.

The pipeline's own tables, `reject` and `batch`, say what became of a record at last: of all copies,
curated ones too, stands the newest decoder's, of these the newest attempt's. A reject whose newest
version says that it is resolved is left out.

`<table>_landing` is raw landing, repeats and all, as far as it is not folded in.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile
from pipeline.schema import Table

if TYPE_CHECKING:
    import duckdb

WILD = re.compile(r"[\[*?]")
# Unlike strftime it costs nothing to be compared with a constant.
DAY = "event_time::date::varchar"


def create_views(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    table: Table,
    files: Sequence[LakeFile],
    retracted: Sequence[tuple[int, int]] = (),
) -> None:
    """Make the views of one table over some of its files under `folder`.

    files      as the catalogue gives them for a time: all that can hold an event of it
    retracted  as it gives them for the same time
    """
    landing = [file for file in files if file.zone == LANDING]
    curated = [file for file in files if file.zone == CURATED]
    for name, sql in (
        (f"{table.name}_landing", rows(folder, table, landing)),
        (table.name, _without(retracted, _events(folder, table, curated, landing))),
    ):
        connection.execute(f'create or replace view "{name}" as {sql}')


def names(table: Table) -> str:
    """The columns of a table as SQL."""
    return ", ".join(f'"{field.name}"' for field in table)


def newest_first(table: Table) -> str:
    """What the copies of one event are ordered by; file_index is a file's place in the scan."""
    attempt = "attempt desc, " if "attempt" in table else ""
    # A record that came twice at once has an object for each: by it, or any of them would stand.
    kept = "object, " if "object" in table else ""
    return f"decoder_version desc, {attempt}ingest_time, {kept}file_index desc"


def scan(folder: Path, table: Table, files: Iterable[LakeFile]) -> str:
    """The rows of some files with their file_index: the later one of them was written, the higher.

    Curated files have the lowest: what they hold was written before what is not folded in.
    """
    paths = ", ".join(_quoted(folder / file.path) for file in in_order(files))
    if not paths:
        empty = ", ".join(f'null::{field.type.duckdb} as "{field.name}"' for field in table)
        return f"(select {empty}, 0 as file_index where false)"
    return f"read_parquet([{paths}], hive_partitioning = false)"


def in_order(files: Iterable[LakeFile]) -> list[LakeFile]:
    """Files in the order of their file_index."""
    return sorted(files, key=_age)


def rows(folder: Path, table: Table, files: Sequence[LakeFile]) -> str:
    """The rows of some files as they are, with their day."""
    return f"select {names(table)}, {DAY} as dt from {scan(folder, table, files)}"  # noqa: S608 - own names


def _events(
    folder: Path, table: Table, curated: Sequence[LakeFile], landing: Sequence[LakeFile]
) -> str:
    """Each event once; no join and no window where nothing can be there twice."""
    if "attempt" in table and curated and landing:
        events = _newest(table, scan(folder, table, [*curated, *landing]))
    else:
        branches = [rows(folder, table, curated)] if curated or not landing else []
        if landing:
            known = overlapping(curated, landing)
            branches.append(
                _unknown(folder, table, landing, known)
                if known
                else _newest(table, scan(folder, table, landing))
            )
        events = " union all ".join(branches)
    if "resolved" in table:
        return f"select * from ({events}) where resolved is not true"  # noqa: S608 - own names
    return events


def _without(retracted: Sequence[tuple[int, int]], events: str) -> str:
    """Events without some identities; the times come first, for few rows have one of them."""
    if not retracted:
        return events
    times = ", ".join(dict.fromkeys(time_of(ms) for ms, _ in retracted))
    identities = ", ".join(f"({time_of(ms)}, {number}::bigint)" for ms, number in retracted)
    return (
        f"select * from ({events}) where event_time not in ({times})"  # noqa: S608 - own names
        f" or (event_time, record_id) not in ({identities})"
    )


def _newest(table: Table, source: str) -> str:
    """One whole row for each identity: copies must not be mixed column by column."""
    columns = names(table)
    return (
        f"select {columns}, dt from (select {columns}, {DAY} as dt,"  # noqa: S608 - own names
        f" row_number() over (partition by event_time, record_id order by {newest_first(table)})"
        f" as copy from {source}) where copy = 1"
    )


def _unknown(
    folder: Path, table: Table, landing: Sequence[LakeFile], known: Sequence[LakeFile]
) -> str:
    """Rows of landing, each event once, that curated does not have.

    By LEFT JOIN: through NOT EXISTS and ANTI JOIN the bounds of time do not reach the scans. The
    day is no part of the join: it follows from event_time, and text costs twice the whole join.
    """
    once = _newest(table, scan(folder, table, landing))
    first_ms = min(file.first_ms for file in landing)
    last_ms = max(file.last_ms for file in landing)
    identities = (
        f"select event_time, record_id from {scan(folder, table, known)}"  # noqa: S608 - own names
        f" where event_time between {time_of(first_ms)} and {time_of(last_ms)}"
    )
    columns = ", ".join(f'l."{field.name}"' for field in table)
    return (
        f"select {columns}, l.dt from ({once}) l left join ({identities}) c"  # noqa: S608
        " on c.event_time = l.event_time and c.record_id = l.record_id where c.record_id is null"
    )


def time_of(ms: int) -> str:
    """A time in epoch milliseconds as SQL."""
    return f"make_timestamp({ms * 1000})"


def overlapping(files: Sequence[LakeFile], others: Sequence[LakeFile]) -> list[LakeFile]:
    """Those of some files that can hold an event which one of the others holds as well."""
    spans: list[tuple[int, int]] = []
    for first, last in sorted((file.first_ms, file.last_ms) for file in others):
        if spans and first <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(last, spans[-1][1])
        else:
            spans.append((first, last))
    starts = [first for first, _ in spans]
    found = []
    for file in files:
        place = bisect_right(starts, file.last_ms) - 1
        if place >= 0 and spans[place][1] >= file.first_ms:
            found.append(file)
    return found


def _age(file: LakeFile) -> tuple[int, int, str]:
    # Sequence numbers rise over all shards; a replay of the same records has a longer name.
    if file.zone == CURATED:
        return 0, file.shard, file.path
    return 1, file.last_seq, file.path.removesuffix(".parquet")


def _quoted(path: Path) -> str:
    # DuckDB takes a path for a pattern: under a home called a[1] it would read that of a1. What
    # begins with ~ it looks for in the user's own folder.
    return "'" + WILD.sub(r"[\g<0>]", str(path.absolute())).replace("'", "''") + "'"
