"""Rows of a subject in the files of a home's lake: found, and the files written without them.

No file is written over: a landing file gets a neighbour, a curated day a new version, and one
transaction puts them in the place of the old ones, notes how many rows went, and nothing else. What
was replaced is deleted when no query can hold it (pipeline/lake/readers.py).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline.deliver.files import remove, write_whole
from pipeline.deliver.lake import extent_of, parquet_of
from pipeline.deliver.lake_file import (
    CURATED,
    LANDING,
    NO_FLUSH,
    LakeFile,
    digest_of,
    digest_of_file,
)
from pipeline.erase.predicate import WITHOUT_SUBJECTS, Engine, Predicate, predicate
from pipeline.erase.receipt import Removed
from pipeline.erase.subject import Subject
from pipeline.errors import HomeError
from pipeline.lake import catalogue, curated, footer, readers, views
from pipeline.lake.curated import SIZES, Version
from pipeline.lake.tables import all_tables
from pipeline.ledger import erased
from pipeline.ledger.erased import Gone, Tombstone
from pipeline.ledger.retry import Place
from pipeline.ledger.scope import regular, why
from pipeline.schema import HOUR_MS, REJECT, Table

if TYPE_CHECKING:
    import duckdb

ERASED = re.compile(r"-e([0-9]+)$")
HOUR = "strftime(ingest_time, '%Y-%m-%dT%H')"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


@dataclass(frozen=True, slots=True)
class Found:
    """Files of one table that hold rows of a subject: how many, by day of event."""

    table: Table
    condition: Predicate
    files: Mapping[LakeFile, Mapping[str, int]]

    def days(self) -> list[Removed]:
        """Rows by day."""
        sums: Counter[str] = Counter()
        for days in self.files.values():
            sums.update(days)
        return [Removed(self.table.name, day, sums[day]) for day in sorted(sums)]


@contextmanager
def engine(threads: int | None = None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A DuckDB of bounded memory: all that it is asked streams."""
    import duckdb

    config = _CONFIG if threads is None else {**_CONFIG, "threads": threads}
    with duckdb.connect(config=config) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def find(
    connection: "duckdb.DuckDBPyConnection", place: Place, subject: Subject
) -> Iterator[Found]:
    """All files in force that hold rows of the subject, table by table.

    Raises HomeError when one cannot be read.
    """
    for table in all_tables().values():
        if table.name in WITHOUT_SUBJECTS:
            continue
        files = catalogue.files_of(place.store, table.name)
        found = found_in(connection, place.lake, table, files, subject)
        if found.files:
            yield found


def found_in(
    connection: "duckdb.DuckDBPyConnection",
    lake: Path,
    table: Table,
    files: Sequence[LakeFile],
    subject: Subject,
) -> Found:
    """Which of some files hold rows of the subject. Raises HomeError when one cannot be read."""
    condition = predicate(table, subject, Engine.DUCKDB)
    return Found(table, condition, _hits(connection, lake, table, files, condition))


def _hits(
    connection: "duckdb.DuckDBPyConnection",
    lake: Path,
    table: Table,
    files: Sequence[LakeFile],
    condition: Predicate,
) -> dict[LakeFile, dict[str, int]]:
    import duckdb

    if not files:
        return {}
    ordered = views.in_order(files)
    found: dict[LakeFile, dict[str, int]] = defaultdict(dict)
    _check_files(lake, table, ordered)
    try:
        rows = connection.execute(
            f"select file_index, {views.DAY} as dt, count(*)"  # noqa: S608 - own names
            f" from {views.scan(lake, table, ordered)} where {condition.sql} group by all",
            condition.values,
        ).fetchall()
    except duckdb.Error as error:
        raise _not_searched(table, str(error).splitlines()[0], f"in {lake}") from error
    for index, day, count in rows:
        found[ordered[index]][day] = count
    return dict(found)


def _check_files(lake: Path, table: Table, files: Iterable[LakeFile]) -> None:
    """Raises HomeError for what is no file: the engine would wait at a pipe for ever."""
    for file in files:
        path = lake / file.path
        try:
            regular(path)
        except (OSError, ValueError) as error:
            raise _not_searched(table, why(error), f"at {path}") from error


def _not_searched(table: Table, reason: str, where: str) -> HomeError:
    return HomeError(
        f"{table.name} cannot be searched: {reason}",
        where,
        "nothing was changed; tailrace audit names what is wrong: put it back from a copy",
    )


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is noted with rows that go.

    last_seq   newest record that the log holds of before
    until_ms   how long the log may hold it
    """

    name: str
    last_seq: int
    until_ms: int


def bury(
    connection: "duckdb.DuckDBPyConnection", place: Place, found: Found, erasure: Erasure
) -> None:
    """Note which identities must not come back, before any of them goes."""
    if not erasure.last_seq:
        return
    pairs = _identities(connection, place.lake, found.table, found.files, found.condition)
    stone = Tombstone(
        erasure.name, found.table.name, erasure.last_seq, erasure.until_ms, pairs[:, :2]
    )
    with place.store.transaction() as changing:
        erased.bury(changing, [stone])


def _identities(
    connection: "duckdb.DuckDBPyConnection",
    lake: Path,
    table: Table,
    files: Iterable[LakeFile],
    condition: Predicate,
) -> np.ndarray:
    """Event time, record id and hour of arrival of the subject's rows."""
    rows = connection.sql(
        "select epoch_ms(event_time) as at, record_id as id,"  # noqa: S608 - own names
        f" epoch_ms(ingest_time) // {HOUR_MS} as hour from {views.scan(lake, table, files)}"
        f" where {condition.sql}",
        params=list(condition.values),
    ).to_arrow_table()
    return np.column_stack([rows[name].to_numpy() for name in ("at", "id", "hour")])


def erase_landing(
    connection: "duckdb.DuckDBPyConnection", place: Place, home: Path, found: Found, now_ms: int
) -> int:
    """Put landing files without the subject's rows in the place of those with them; how many."""
    landing = [file for file in found.files if file.zone == LANDING]
    for file in landing:
        pairs = _identities(connection, place.lake, found.table, [file], found.condition)
        new = _landing_file(connection, place, found, file)
        rows = sum(found.files[file].values())
        if len(pairs) != rows or (new.rows if new else 0) + rows != file.rows:
            raise _not_whole(place, file)
        counted = _counted(place, found.table, pairs) if file.first_seq != NO_FLUSH else 0
        where = file.arrival_hour, file.shard, file.first_seq
        gone = Gone(found.table.name, LANDING, *where, rows, counted)
        with place.store.transaction() as changing:
            retired_ms = max(now_ms, readers.newest(home))
            catalogue.replace(changing, file, [new] if new else [], retired_ms)
            erased.add(changing, [gone])
    return len(landing)


def _landing_file(
    connection: "duckdb.DuckDBPyConnection", place: Place, found: Found, file: LakeFile
) -> LakeFile | None:
    """A new file with what is left of a landing file; None where nothing is."""
    if digest_of_file(place.lake / file.path) != file.digest:
        raise _not_whole(place, file)
    rows = others(connection, place.lake, found, file)
    if not len(rows):
        return None
    content = parquet_of(found.table, rows)
    path = _renamed(file.path)
    write_whole(place.lake / path, lambda whole: put(whole, content), place.disk, place.lake.parent)
    extent = extent_of(place.lake / path)
    first_ms, last_ms = extent.first_ms or 0, extent.last_ms or 0
    return replace(
        file,
        path=path,
        rows=len(rows),
        bytes=content.size,
        digest=digest_of(content),
        first_ms=first_ms,
        last_ms=last_ms,
    )


def others(
    connection: "duckdb.DuckDBPyConnection", lake: Path, found: Found, file: LakeFile
) -> pa.Table:
    """The rows of a file that are not the subject's."""
    rows = connection.sql(
        f"select {views.names(found.table)} from {views.scan(lake, found.table, [file])}"  # noqa: S608 - own names
        f" where not {found.condition.sql}",
        params=list(found.condition.values),
    ).to_arrow_table()
    return rows.cast(found.table.arrow_schema)


def _renamed(path: str) -> str:
    stem = path.removesuffix(".parquet")
    before = ERASED.search(stem)
    number = int(before[1]) + 1 if before else 1
    return f"{stem[: before.start()] if before else stem}-e{number}.parquet"


def put(path: Path, content: pa.Buffer) -> None:
    """Fill a file."""
    with path.open("wb") as file:
        file.write(content)


def _counted(place: Place, table: Table, pairs: np.ndarray) -> int:
    """How many rows the ledger counts as rows: not those that were taken back."""
    if table is REJECT:
        # They are counted by their objects.
        return 0
    back = set(catalogue.retracted(place.store, table.name))
    return (
        sum((at, number) not in back for at, number in pairs[:, :2].tolist())
        if back
        else len(pairs)
    )


def _not_whole(place: Place, file: LakeFile) -> HomeError:
    return HomeError(
        "a file is not what was written: what it holds stays",
        f"at {place.lake / file.path}",
        "tailrace audit names what is wrong; put it back from a copy and run it again",
    )


def erase_curated(
    connection: "duckdb.DuckDBPyConnection", place: Place, home: Path, found: Found, now_ms: int
) -> int:
    """Write each day that holds the subject's rows anew without them; how many files went."""
    lake, store, name = place.lake, place.store, found.table.name
    live = [file for file in catalogue.files_of(store, name) if file.zone == CURATED]
    days = sorted({catalogue.day_of(file) for file in found.files if file.zone == CURATED})
    if days:
        known = [*catalogue.files_of(store, name), *catalogue.retired(store)]
        curated.clear(lake, name, known, place.disk)
    on_disk = max(map(curated.version_of, curated.on_disk(lake, name)), default=0)
    number = max(catalogue.newest_version(store, name), on_disk) + 1
    replaced = 0
    for day in days:
        old = sorted(
            (file for file in live if catalogue.day_of(file) == day), key=lambda file: file.shard
        )
        for file in old:
            if digest_of_file(lake / file.path) != file.digest:
                raise _not_whole(place, file)
        pairs = _identities(connection, lake, found.table, old, found.condition)
        said = footer.read(lake / old[0].path)
        version = Version(found.table, day, number, said.folded, SIZES, said.erased + len(pairs))
        written = curated.write(lake, version, _left(connection, lake, found, old), place.disk)
        if sum(file.rows for file in written) != said.rows - len(pairs):
            for file in written:
                remove(lake / file.path, place.disk)
            raise _not_whole(place, old[0])
        with store.transaction() as changing:
            retired_ms = max(now_ms, readers.newest(home))
            catalogue.swap(changing, written, old, [], retired_ms)
            erased.add(changing, _by_hour(place, found.table, pairs))
        replaced += len(old)
    return replaced


def _left(
    connection: "duckdb.DuckDBPyConnection", lake: Path, found: Found, files: Sequence[LakeFile]
) -> Iterator[pa.RecordBatch]:
    """The other rows of a day, in their order: file by file, for an engine may mix those of two."""
    for file in files:
        yield from connection.sql(
            f"select {views.names(found.table)}"  # noqa: S608 - own names
            f" from {views.scan(lake, found.table, [file])} where not {found.condition.sql}",
            params=list(found.condition.values),
        ).to_arrow_reader(SIZES.group)


def _by_hour(place: Place, table: Table, pairs: np.ndarray) -> Iterator[Gone]:
    for hour in np.unique(pairs[:, 2]).tolist():
        mine = pairs[pairs[:, 2] == hour]
        at = np.datetime64(hour, "h").item().strftime("%Y-%m-%dT%H")
        counted = _counted(place, table, mine)
        yield Gone(table.name, CURATED, at, 0, 0, len(mine), counted)
