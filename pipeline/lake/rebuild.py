"""The catalogue made anew from the files: for a log.db that was damaged or came from a copy.

Of each day counts the newest version that is whole; what its footer lists is folded in, as far as
all days of a file list it. The other landing files are read again. Of which flush a file is, the
ledger says.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from pipeline.deliver.files import DISK, Disk, sync_folders
from pipeline.deliver.lake import extent_of
from pipeline.deliver.lake_file import (
    CURATED,
    LANDING,
    LOG_REPLAY,
    NO_FLUSH,
    LakeFile,
    digest_of_file,
)
from pipeline.lake import catalogue, curated, footer, readers
from pipeline.lake.flushes import Flushes
from pipeline.lake.footer import Folded, Footer
from pipeline.lake.tables import all_tables
from pipeline.store import Store

PLACE = re.compile(
    r"arrival_dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/arrival_hour=([0-9]{2})"
    r"/([0-9]{2,9})-([0-9]{12,19})(-r.+?)?(?:-e[0-9]+)?\.parquet"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the new catalogue names; `left`: files with a name of the lake that are not whole."""

    landing: int
    curated: int
    rows: int
    left: tuple[str, ...]


def rebuild(store: Store, home: Path, lake: Path, now_ms: int, disk: Disk = DISK) -> Rebuilt:
    """Make the catalogue anew, in one transaction.

    Only the one writing process of a home may call it. Files of older versions are deleted by the
    next compaction, once no query can hold them. Raises DeliveryError when the disk cannot promise
    to keep what is there; then the catalogue is as it was.
    """
    retired_ms = max(now_ms, readers.newest(home))
    files: list[LakeFile] = []
    left: list[str] = []
    known = {file.path: file for file in catalogue.all_files(store)}
    for table in all_tables():
        days = list(_days(lake, table, known, left))
        for day in days:
            files += day.files
            files += [replace(file, retired_ms=retired_ms) for file in day.older]
        folded = _folded(lake, days, retired_ms)
        files += folded.values()
        files += _landing(store, lake, table, folded, left)
    # Whoever wrote them may have failed, or died, before a power cut could no longer take them.
    sync_folders(_folders(lake, files), disk)
    with store.transaction() as connection:
        catalogue.set_anew(connection, files)
    live = [file for file in files if file.folded is None and file.retired_ms is None]
    of_landing = sum(file.zone == LANDING for file in live)
    rows = sum(file.rows for file in live)
    return Rebuilt(of_landing, len(live) - of_landing, rows, tuple(left))


def _folders(lake: Path, files: Iterable[LakeFile]) -> list[Path]:
    """Folders on the way from the lake to some files, as far as they are there."""
    found = {lake / folder for file in files for folder in Path(file.path).parents}
    return sorted(folder for folder in found if folder.is_dir())


@dataclass(frozen=True, slots=True)
class _Day:
    """A day in its newest whole version, and files of versions before it."""

    files: list[LakeFile]
    folded: tuple[Folded, ...]
    older: list[LakeFile]


def _days(lake: Path, table: str, known: Mapping[str, LakeFile], left: list[str]) -> Iterator[_Day]:
    versions: dict[tuple[str, int], list[Path]] = defaultdict(list)
    for path in curated.on_disk(lake, table):
        versions[path.parent.name, curated.version_of(path)].append(path)
    found: dict[str, _Day] = {}
    for (day, _), paths in sorted(versions.items(), reverse=True):
        read = [(path, _curated_of(lake, path)) for path in sorted(paths)]
        whole = [
            each
            for _, each in read
            if each is not None and known.get(each[0].path, each[0]).digest == each[0].digest
        ]
        if day in found:
            found[day].older.extend(file for file, _ in whole)
        elif len(whole) == len(read) and _complete(whole):
            found[day] = _Day([file for file, _ in whole], whole[0][1].folded, [])
        else:
            left += [path.relative_to(lake).as_posix() for path in paths]
    yield from found.values()


def _complete(files: list[tuple[LakeFile, Footer]]) -> bool:
    parts = [(said.part, said.last) for _, said in files]
    numbered = [(number, number == len(files) - 1) for number in range(len(files))]
    return parts == numbered and sum(file.rows for file, _ in files) == files[0][1].rows


def _curated_of(lake: Path, path: Path) -> tuple[LakeFile, Footer] | None:
    try:
        said = footer.read(path)
        extent = _extent_of_whole(path, curated.first_ms_of(said.day))
    except (ValueError, OSError):
        return None
    name = path.relative_to(lake).as_posix()
    folder = f"{CURATED}/{said.table}/dt={said.day}"
    if name != f"{folder}/v{said.version}-{said.part:02d}.parquet":
        return None
    place = said.part, said.version, said.version
    return _file(path, name, CURATED, said.table, "", extent, place), said


def _folded(lake: Path, days: Iterable[_Day], retired_ms: int) -> dict[str, LakeFile]:
    """Landing files of which all rows are in curated, and those that are nowhere else."""
    lists: dict[str, list[tuple[int, Folded]]] = defaultdict(list)
    for day in days:
        for each in day.folded:
            lists[each.file.path].append((day.files[0].first_seq, each))
    found = {}
    for path, entries in lists.items():
        file, rows = _content_of(entries)
        gone = None
        if (lake / path).is_file():
            if rows != file.rows or digest_of_file(lake / path) != file.digest:
                continue
            gone = retired_ms
        # No day it was folded into has an older version than that.
        version = min(version for version, _ in entries)
        found[path] = replace(file, folded=version, retired_ms=gone)
    return found


def _content_of(entries: list[tuple[int, Folded]]) -> tuple[LakeFile, int]:
    """What a path held, and how many rows of it the days have: it may have been written again."""
    rows: Counter[str] = Counter()
    for _, each in entries:
        rows[each.file.digest] += each.rows
    _, newest = max(
        entries, key=lambda e: (rows[e[1].file.digest] == e[1].file.rows, e[0], e[1].file.digest)
    )
    return newest.file, rows[newest.file.digest]


def _landing(
    store: Store, lake: Path, table: str, folded: dict[str, LakeFile], left: list[str]
) -> Iterator[LakeFile]:
    known = {file.path: file for file in catalogue.all_files(store)}
    flushes = Flushes(store)
    for file in (known | folded).values():
        if (file.zone, file.table) == (LANDING, table) and not catalogue.superseded(file):
            flushes.take(table, file.shard, file.first_seq, file.arrival_hour, file.rows)
    for path, found in _found(lake / LANDING / table):
        name = path.relative_to(lake).as_posix()
        if name in folded:
            continue
        before = known.get(name)
        if before is not None and catalogue.superseded(before):
            # Of its rows some were erased; it is only left for whoever reads it still.
            yield before
            continue
        hour, shard = f"{found[1]}T{found[2]}", int(found[3])
        place = _flush(store, flushes, known.get(name), shard, int(found[4]), found[5])
        if place is None:
            # What wrote it was broken off, and has written or will write it again.
            continue
        try:
            extent = _extent_of_whole(path)
        except (ValueError, OSError):
            left.append(name)
            continue
        again = name in known or place[0] == NO_FLUSH
        if again or flushes.take(table, shard, place[0], hour, extent[0]):
            yield _file(path, name, LANDING, table, hour, extent, (shard, *place))


def _found(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    """Landing files by their names; those of later attempts, which are surely in force, first."""
    paths = folder.glob("arrival_dt=*/arrival_hour=*/*.parquet")
    found = [
        (path, match)
        for path in sorted(paths)
        if (match := PLACE.fullmatch(path.relative_to(folder).as_posix())) and path.is_file()
    ]
    return sorted(found, key=lambda each: each[1][5] is None)


def _flush(
    store: Store,
    flushes: Flushes,
    known: LakeFile | None,
    shard: int,
    seq: int,
    replay: str | None,
) -> tuple[int, int] | None:
    """First sequence number of the flush of a file, and its last one; None: nobody noted it."""
    if known is not None:
        return known.first_seq, known.last_seq
    if replay is None:
        last = flushes.last(shard, seq)
        return None if last is None else (seq, last)
    entry = store.rows("select flush, attempt from ledger where seq = ? and shard = ?", seq, shard)
    if not entry:
        return None
    number = replay.removeprefix("-r")
    if number.startswith(LOG_REPLAY):
        return NO_FLUSH, seq
    noted = not number.isdecimal() or int(number) <= entry[0]["attempt"]
    return (int(entry[0]["flush"]), seq) if noted else None


def _extent_of_whole(path: Path, day_ms: int | None = None) -> tuple[int, int, int]:
    """Rows, first and last time of a file, every page of which can be read.

    day_ms  first moment of a day of which all may be erased
    Raises ValueError when one cannot, or when there are no rows.
    """
    extent = extent_of(path)
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    if extent.first_ms is None or extent.last_ms is None:
        if day_ms is not None:
            return extent.rows, day_ms, day_ms
        raise ValueError("it has no rows")
    return extent.rows, extent.first_ms, extent.last_ms


def _file(
    path: Path,
    name: str,
    zone: str,
    table: str,
    hour: str,
    extent: tuple[int, int, int],
    place: tuple[int, int, int],
) -> LakeFile:
    rows, first_ms, last_ms = extent
    size, digest = path.stat().st_size, digest_of_file(path)
    return LakeFile(name, zone, table, hour, rows, size, digest, first_ms, last_ms, *place)
