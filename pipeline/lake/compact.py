"""Compaction: landing files are folded into curated ones, one version for each day of events.

For each table: the landing files not folded in yet, and the curated files of the days they touch,
become new curated files, each event once. These are read again and must hold exactly the identities
that went in; then one transaction swaps them in. Until then nothing has changed for anybody, so a
crash leaves no more than files that nobody knows, which the next run removes.

Files that were replaced are deleted when no query holds an epoch that began before
(pipeline/lake/readers.py), by the next run at the latest that finds it so.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING

from pipeline.deliver.files import DISK, Disk, remove
from pipeline.deliver.lake_file import CURATED, DIGEST_BYTES, LakeFile
from pipeline.errors import HomeError
from pipeline.lake import catalogue, curated, footer, readers
from pipeline.lake.curated import SIZES, Sizes
from pipeline.lake.folding import Folding, days_of
from pipeline.lake.tables import all_tables
from pipeline.schema import Table
from pipeline.store import Store

if TYPE_CHECKING:
    import duckdb

SPILL = "spill"
# Digested in some milliseconds: who is told to halt looks so often.
CHUNK_BYTES = 4 << 20
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was done to one table.

    *_in, bytes_before  of all files that were read: those of landing, and the curated ones of the
                        days that they touch
    damaged             files that are not what was written: what they hold or touch stays as it is
    """

    table: str
    days: int
    files_in: int
    rows_in: int
    rows_out: int
    bytes_before: int
    bytes_after: int
    seconds: float
    damaged: tuple[str, ...] = ()


@dataclass
class Halt:
    """Lets another thread break a compaction off; what is swapped in by then stands."""

    _told: Event = field(default_factory=Event)
    _engine: "duckdb.DuckDBPyConnection | None" = None

    @property
    def told(self) -> bool:
        """Whether it is to end."""
        return self._told.is_set()

    def tell(self) -> None:
        """End it: nothing more is swapped in, and what the engine is at is interrupted."""
        self._told.set()
        engine = self._engine
        if engine is not None:
            engine.interrupt()

    @contextmanager
    def over(self, engine: "duckdb.DuckDBPyConnection") -> Iterator[None]:
        """Inside, the engine is what is interrupted."""
        self._engine = engine
        try:
            yield
        finally:
            self._engine = None


@dataclass(slots=True)
class _Work:
    """One table on its way; `days`: landing files by the day that they touch."""

    table: Table
    version: int
    live: dict[str, list[LakeFile]] = field(default_factory=lambda: defaultdict(list))
    landing: list[LakeFile] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    written: list[LakeFile] = field(default_factory=list)
    replaced: list[LakeFile] = field(default_factory=list)
    disk: Disk = DISK


def compact(
    store: Store,
    home: Path,
    lake: Path,
    now_ms: int,
    sizes: Sizes = SIZES,
    disk: Disk = DISK,
    halt: Halt | None = None,
    threads: int | None = None,
) -> list[Compacted]:
    """Fold all of landing in; what was done to the tables that had any.

    halt     breaks it off; the next run clears up what it leaves
    threads  of the engine; None: as many as there are cores
    Only the one writing process of a home may call it. Raises DeliveryError when the disk does not
    take a file, HomeError when a day cannot be read or does not come out whole: the tables before
    it are done, nothing else has changed.
    """
    remove_retired(store, home, lake, disk)
    halt = halt or Halt()
    done: list[Compacted] = []
    with ExitStack() as stack:
        engine = None
        for table in all_tables().values():
            started = perf_counter()
            work = _plan(store, lake, table, disk, halt)
            if halt.told:
                return done
            if not work.landing and not work.damaged:
                continue
            if engine is None:
                # One for all tables: to make one takes 20 ms.
                engine = stack.enter_context(_engine(home, threads))
                stack.enter_context(halt.over(engine))
            rows_in = _fold(engine, lake, work, sizes, halt)
            if halt.told:
                return done
            _swap(store, home, work, now_ms)
            done.append(_said(work, rows_in, perf_counter() - started))
    remove_retired(store, home, lake, disk)
    return done


def remove_retired(store: Store, home: Path, lake: Path, disk: Disk = DISK) -> int:
    """Delete the replaced files that no running query can hold; returns how many."""
    old = catalogue.retired(store)
    if not old:
        return 0
    readers.begin(home, max(file.retired_ms or 0 for file in old))
    held = readers.oldest_held(home)
    free = [file for file in old if held is None or (file.retired_ms or 0) < held]
    for file in free:
        remove(lake / file.path, disk)
    with store.transaction() as connection:
        catalogue.forget(connection, free)
    return len(free)


def _plan(store: Store, lake: Path, table: Table, disk: Disk, halt: Halt) -> _Work:
    live = catalogue.files_of(store, table.name)
    curated.clear(lake, table.name, [*live, *catalogue.retired(store)], disk)
    on_disk = max(map(curated.version_of, curated.on_disk(lake, table.name)), default=0)
    work = _Work(table, max(catalogue.newest_version(store, table.name), on_disk) + 1, disk=disk)
    for file in live:
        if file.zone == CURATED:
            work.live[catalogue.day_of(file)].append(file)
        elif _whole(lake, file, halt):
            work.landing.append(file)
        else:
            work.damaged.append(file.path)
    return work


def _whole(lake: Path, file: LakeFile, halt: Halt) -> bool:
    """Whether a file is what was written: what was changed must not be laundered.

    Of one at which it was told to halt it says no: what follows from that is thrown away.
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    try:
        with (lake / file.path).open("rb", buffering=0) as content:
            while not halt.told and (chunk := content.read(CHUNK_BYTES)):
                digest.update(chunk)
    except OSError:
        return False
    return not halt.told and digest.hexdigest() == file.digest


def _fold(
    connection: "duckdb.DuckDBPyConnection", lake: Path, work: _Work, sizes: Sizes, halt: Halt
) -> int:
    """Write the new version of each day that can be; returns the rows that were read."""
    import duckdb

    rows_in, day = 0, ""
    try:
        touched = days_of(connection, lake, work.table, work.landing)
        _leave_damaged(lake, work, touched, halt)
        for day, counts in sorted(touched.items()):
            if halt.told:
                break
            old = work.live.get(day, [])
            said = footer.read(lake / old[0].path) if old else None
            history, erased = (said.folded, said.erased) if said else ((), 0)
            folding = Folding(connection, lake, work.table, day, old, counts, sizes, disk=work.disk)
            work.written += folding.write(work.version, history, erased)
            work.replaced += old
            rows_in += folding.rows_in
    except (duckdb.Error, ValueError) as error:
        raise HomeError(
            f"{work.table.name} cannot be compacted: {str(error).splitlines()[0]}",
            f"in {lake}" + (f", day {day}" if day else ""),
            "it stays as it was; see what is wrong: tailrace audit, tailrace doctor --rebuild",
        ) from error
    return rows_in


def _leave_damaged(
    lake: Path, work: _Work, touched: dict[str, dict[LakeFile, int]], halt: Halt
) -> None:
    """Leave out days whose curated files are damaged, and with them all files that touch them."""
    broken = [
        (day, file)
        for day in touched
        for file in work.live.get(day, [])
        if not _whole(lake, file, halt)
    ]
    work.damaged += [file.path for _, file in broken]
    left = {file for day, _ in broken for file in touched[day]}
    for day in list(touched):
        touched[day] = {file: rows for file, rows in touched[day].items() if file not in left}
        if not touched[day]:
            del touched[day]
    work.landing = [file for file in work.landing if file not in left]


def _swap(store: Store, home: Path, work: _Work, now_ms: int) -> None:
    retired_ms = max(now_ms, readers.newest(home))
    with store.transaction() as connection:
        catalogue.swap(connection, work.written, work.replaced, work.landing, retired_ms)


def _said(work: _Work, rows_in: int, seconds: float) -> Compacted:
    return Compacted(
        work.table.name,
        len({catalogue.day_of(file) for file in work.written}),
        len(work.landing) + len(work.replaced),
        rows_in,
        sum(file.rows for file in work.written),
        sum(file.bytes for file in (*work.landing, *work.replaced)),
        sum(file.bytes for file in work.written),
        seconds,
        tuple(work.damaged),
    )


@contextmanager
def _engine(home: Path, threads: int | None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A DuckDB of bounded memory that spills into the home, and leaves nothing there."""
    import duckdb

    spill = home / SPILL
    shutil.rmtree(spill, ignore_errors=True)
    try:
        config = {**_CONFIG, "temp_directory": str(spill)}
        if threads is not None:
            config["threads"] = threads
        with duckdb.connect(config=config) as connection:
            connection.execute("set timezone = 'UTC'")
            yield connection
    finally:
        shutil.rmtree(spill, ignore_errors=True)
