"""Curated without a subject: a day that holds it gets a version without it, which is then shown.

Files are searched one by one; of a day whose shown version holds the subject, those that do not are
copied by S3, the others written anew, below a folder where nobody looks. When each of them has as
many rows as before but the subject's, the day is swapped, as a compaction does it. A query may have
listed the version before: its files go a day later, with every version that the bucket keeps.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pipeline.curate import NotEqual
from pipeline.curate.catalog import Catalog, Shown
from pipeline.curate.objects import Objects
from pipeline.erase.stack import gone
from pipeline.erase.stack.files import Files, rows_in
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.work import Day, Part, Piece, Seen, folder, latest, place_of
from pipeline.lake import glue
from pipeline.lake.tables import all_tables
from pipeline.schema import Table

_PLACE = re.compile(rf"/dt=([^/]+)/{glue.VERSION}=([^/]+)/")
DAYS, PIECES, SWAPS = "days", "pieces", "swaps"


@dataclass(frozen=True)
class Versions:
    """The versions of the days of a stack; clock and fresh as pipeline.curate has them.

    check  as Files has it
    """

    bucket: Bucket
    objects: Objects
    catalog: Catalog
    erasure: str
    clock: Callable[[], datetime]
    fresh: Callable[[], str]
    check: Callable[[], None]

    def begin(self, number: int, day: Day) -> None:
        """Begin the version that comes in a day's place; one that nobody reads is only to go."""
        table = all_tables()[day.table]
        shown = self.catalog.shown(table, day.day)
        self._hold(day)
        if shown.version != day.base:
            return
        version = f"v{self.clock():%Y%m%dT%H%M%S}-{self.fresh()}"
        # Before the first file is there, so that none is forgotten.
        self.objects.mark(day.table, day.day, version)
        to = self._folder(table, day.day, version)
        before = self._folder(table, day.day, day.base)
        for at, each in enumerate(_left(day)):
            piece = Piece(day.table, each, f"{to}{each.key.removeprefix(before)}")
            name = f"{number:08d}-{at:06d}.json"
            self.bucket.write(f"{_lane(self.erasure, PIECES, number + at)}{name}", piece)
        begun = Day(day.table, day.day, day.base, day.files, version)
        self.bucket.write(place_of(self.erasure, SWAPS, number), begun)

    def swap(self, day: Day) -> None:
        """Show the version that was written in the place of the one before.

        Raises NotEqual where it does not hold what that one held but the subject's rows.
        """
        table = all_tables()[day.table]
        shown = self.catalog.shown(table, day.day)
        if shown.version == day.version:
            return
        if shown.version != day.base:
            what = f"dt={day.day} of {day.table} was swapped by somebody else"
            raise NotEqual(what, shown.version, "run the erasure again")
        self._prove(table, day)
        self.objects.mark(day.table, day.day, day.base)
        # Whatever plan of compaction had made the day, it stands for that one still.
        swapped = Shown(day.version, shown.plan)
        self.check()
        self.catalog.show(table, day.day, swapped, self.objects.lake)
        self.objects.unmark(day.table, day.day, day.version)

    def _prove(self, table: Table, day: Day) -> None:
        to = self._folder(table, day.day, day.version)
        before = self._folder(table, day.day, day.base)
        now = {each.key.removeprefix(before) for each in _left(day)}
        found = {each.key.removeprefix(to): each for each in self.bucket.versions(to)}
        wrong = sorted(now ^ set(found))
        for each in _left(day):
            name = each.key.removeprefix(before)
            kept = latest(found[name]) if name in found else None
            if kept is None:
                continue
            same = kept.bytes == each.bytes if not each.gone else self._is_left(to + name, each)
            wrong += [] if same else [name]
        if wrong:
            what = f"dt={day.day} of {day.table}: not all came out that went in"
            raise NotEqual(what, ", ".join(wrong), "run the erasure again")

    def _is_left(self, key: str, seen: Seen) -> bool:
        return rows_in(self.bucket, key) == seen.rows - seen.gone

    def remove(self, name: str) -> bool:
        """Delete a version for good, unless it is shown; whether it is gone.

        name  as it was held
        """
        table_name, day, version = name.split("/")
        table = all_tables()[table_name]
        if self.catalog.shown(table, day).version == version:
            return False
        self.bucket.delete_all(self._folder(table, day, version))
        self.objects.unmark(table_name, day, version)
        return True

    def _hold(self, day: Day) -> None:
        """Note that a version has to go once no query can read it."""
        held = f"{held_folder(self.erasure)}{day.table}/{day.day}/{day.base}"
        self.bucket.put_bytes(held, b"")

    def _folder(self, table: Table, day: str, version: str) -> str:
        where = glue.location_of(table, self.bucket.lake, day, version)
        return where.removeprefix(f"s3://{self.bucket.name}/")


def search(files: Files, number: str, part: Part, dry: bool) -> None:
    """Look through files of curated, and note what was seen in those that can be read.

    A version of an object that no query can read goes at once.
    """
    table = all_tables()[part.table]
    seen: list[Seen] = []
    going = []
    for key in part.keys:
        is_placed = _PLACE.search(key.key) is not None
        for _, kept, found in files.searches(table, key):
            if kept.latest and is_placed:
                counts = (found.rows, len(found.gone)) if found else (0, 0)
                seen.append(Seen(key.key, kept.bytes, *counts, unread=found is None))
                if found and len(found.gone):
                    going.append((key.key, found.gone))
            elif found and len(found.gone) and not dry:
                files.delete(key.key, [kept])
    if going:
        gone.note(files.bucket, files.erasure, table, going)
    files.bucket.write(f"{seen_folder(files.erasure)}{part.table}/{number}", seen)


def days(bucket: Bucket, erasure: str) -> Iterator[Day]:
    """The versions of days that hold rows of the subject, with all that was seen of them."""
    keys = bucket.keys(seen_folder(erasure))
    for table, of_table in groupby(keys, lambda key: key.split("/")[-2]):
        found = [each for key in of_table for each in bucket.read(key, list[Seen]) or []]
        placed = [(*_PLACE.findall(each.key)[0], each) for each in found]
        placed.sort(key=lambda each: (*each[:2], each[2].key))
        for (day, version), group in groupby(placed, lambda each: each[:2]):
            files = tuple(each for *_, each in group)
            if any(each.gone for each in files):
                yield Day(table, day, version, files)


def _left(day: Day) -> list[Seen]:
    """Files of a version of which rows are left."""
    return [each for each in day.files if each.rows > each.gone]


def whole(day: Day) -> bool:
    """Whether all files of a version could be searched."""
    return not any(each.unread for each in day.files)


def seen_folder(erasure: str) -> str:
    """Where is noted what was seen of curated."""
    return f"{folder(erasure)}seen/"


def held_folder(erasure: str) -> str:
    """Where is noted which versions have to go when no query can read them."""
    return f"{folder(erasure)}held/"


def _lane(erasure: str, phase: str, number: int) -> str:
    return place_of(erasure, phase, number).rpartition("/")[0] + "/"


def keys_of(found: Iterable[Day]) -> Iterator[str]:
    """Keys of the files of some days that hold the subject."""
    return (each.key for day in found for each in day.files if each.gone)
