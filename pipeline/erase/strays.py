"""Files of a home that nobody catalogued: what an attempt left that died.

No query reads them and no promise rests on them, but the data is there: a file of landing is
written over without the subject's rows, an object of the quarantine that holds the subject goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch import Context
from pipeline.deliver.files import remove, sync_folders, write_whole
from pipeline.deliver.lake import parquet_of
from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile
from pipeline.erase import rows
from pipeline.erase.objects import Entry, without
from pipeline.erase.subject import Subject
from pipeline.errors import HomeError
from pipeline.lake import catalogue
from pipeline.lake.tables import all_tables
from pipeline.ledger.retry import Place

if TYPE_CHECKING:
    import duckdb

PARQUET, PACKED = "*.parquet", "*.json.gz"
NOBODY = Entry(0, 0, frozenset())


@dataclass(frozen=True, slots=True)
class Stray:
    """A file that holds the subject, or that cannot be read or changed (`unread`).

    found  its rows, of a file of the lake
    """

    path: Path
    found: rows.Found | None = None
    unread: bool = False


def find(
    connection: "duckdb.DuckDBPyConnection", place: Place, subject: Subject, context: Context
) -> Iterator[Stray]:
    """Every file that nobody catalogued and that holds the subject or cannot be read."""
    known = {file.path for file in catalogue.all_files(place.store)}
    for zone in (LANDING, CURATED):
        for table in all_tables().values():
            for path in sorted((place.lake / zone / table.name).rglob(PARQUET)):
                name = path.relative_to(place.lake).as_posix()
                if name in known or not path.is_file():
                    continue
                file = LakeFile(name, zone, table.name, "", 0, 0, "", 0, 0, 0, 0, 0)
                try:
                    found = rows.found_in(connection, place.lake, table, [file], subject)
                except HomeError:
                    yield Stray(path, unread=True)
                    continue
                if found.files:
                    # A version that was never in force is not written over: its footer is the
                    # history of a day.
                    yield Stray(path, found, unread=zone == CURATED)
    objects = {row["key"] for row in place.store.rows("select key from quarantine_object")}
    for path in sorted(place.quarantine.rglob(PACKED)):
        if path.relative_to(place.quarantine).as_posix() in objects or not path.is_file():
            continue
        try:
            if without(path.read_bytes(), subject, NOBODY, context) is not None:
                yield Stray(path)
        except (OSError, ValueError):
            yield Stray(path, unread=True)


def erase(connection: "duckdb.DuckDBPyConnection", place: Place, stray: Stray) -> None:
    """Take the subject out of a stray file."""
    left = None
    if stray.found is not None:
        (file,) = stray.found.files
        left = rows.others(connection, place.lake, stray.found, file)
    if left is None or not len(left):
        remove(stray.path, place.disk)
        sync_folders([stray.path.parent], place.disk)
        return
    content = parquet_of(stray.found.table, left) if stray.found else None
    if content is not None:
        root = place.lake.parent
        write_whole(stray.path, lambda whole: rows.put(whole, content), place.disk, root)
