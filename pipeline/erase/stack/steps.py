"""The steps of an erasure from a stack's lake: infra/erase.asl.yaml says in which order.

Every step can be the last one that is run, and can come again: what is to be done lies in the
bucket, part by part, until it is done. Landing comes first, then curated, so that nothing that is
shown comes from what is gone; compaction waits, for both take the same lock.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from pipeline.curate.catalog import Catalog
from pipeline.curate.objects import LAKE, Objects
from pipeline.curate.steps import KEPT_FOR
from pipeline.deliver.lake_file import CURATED, LANDING
from pipeline.erase import receipt
from pipeline.erase.predicate import WITHOUT_SUBJECTS
from pipeline.erase.receipt import DONE, UNFINISHED, WAITING, Holder, Receipt
from pipeline.erase.stack import curated, gone, landing
from pipeline.erase.stack.curated import DAYS, PIECES, SWAPS, Versions
from pipeline.erase.stack.files import Files, Hit, unread_folder
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.work import (
    Day,
    Part,
    Piece,
    Request,
    folder,
    lane_folder,
    parts,
    place_of,
    request,
    request_key,
)
from pipeline.errors import TailraceError
from pipeline.lake.tables import all_tables
from pipeline.schema import Table

SEARCHES = (LANDING, CURATED)
PHASES = (*SEARCHES, DAYS, PIECES, SWAPS)
# A part is done in less than this; none is begun with less time left.
BEGUN_WITH_S = 300.0
# Who is asked for expires after a day (infra/template.yaml); an execution may run for a week.
RENEWED_AFTER = timedelta(hours=6)
# What comes before the lock is held, or behind it.
UNLOCKED = ("begin", "end", "remove")

Step = Mapping[str, Any]
Told = dict[str, Any]
Left = Callable[[], float]


@dataclass(frozen=True)
class Eraser:
    """Erasure from the lake of one stage.

    clock, fresh, runs  as pipeline.curate has them
    """

    bucket: Bucket
    objects: Objects
    catalog: Catalog
    clock: Callable[[], datetime]
    fresh: Callable[[], str]
    runs: Callable[[str], bool | None]

    def take(self, step: Step, left: Left) -> Told:
        """Do a step: `step` is its name, `id` which erasure, what else it needs stands beside it.

        `execution` says who does it: what was stopped, or takes too long, may have been taken over.

        left  seconds that it may take

        Raises TailraceError where a service does not do its part, NotEqual where a version does not
        hold what it has to, LockLost where another execution is at work, ValueError for a step that
        is none.
        """
        steps: dict[str, Callable[[Step, Left], Told]] = {
            "begin": self._begin,
            "prepare": self._prepare,
            "work": self._work,
            "settle": self._settle,
            "break_off": self._break_off,
            "end": self._end,
            "remove": self._remove,
        }
        name = str(step.get("step"))
        if name not in steps:
            raise ValueError(f"there is no step {name!r}")
        if name not in UNLOCKED:
            self.objects.check(step["execution"])
        return steps[name](step, left)

    def _begin(self, step: Step, left: Left) -> Told:
        """Be the only one at work; then forget what an execution before has left to be done."""
        wanted = self._request(step)
        mine, other = self.objects.enter(step["execution"], self.runs, self.clock())
        if not mine:
            return {"busy": True, "by": other, "phases": []}
        if not wanted.dry:
            # Whatever a step that came too late has written over it.
            self._keep(wanted.receipt)
        for phase in (*PHASES, "seen"):
            self.bucket.delete_all(f"{folder(step['id'])}{phase}/")
        return {"busy": False, "by": "", "phases": list(SEARCHES if wanted.dry else PHASES)}

    def _prepare(self, step: Step, left: Left) -> Told:
        """Cut what a phase has to do into parts, which the phases behind the days have already."""
        phase, erasure = step["phase"], step["id"]
        self._request(step)
        if phase in SEARCHES:
            for number, part in enumerate(self._parts(phase, erasure)):
                self.bucket.write(place_of(erasure, phase, number), part)
        elif phase == DAYS:
            for number, day in enumerate(curated.days(self.bucket, erasure)):
                self.bucket.write(place_of(erasure, phase, number), day)
        todo = self.bucket.keys(f"{folder(erasure)}{phase}/")
        return {"lanes": sorted({int(key.split("/")[-2]) for key in todo})}

    def _parts(self, zone: str, erasure: str) -> Iterator[Part]:
        for table in _tables():
            keys = self.bucket.versions(f"{LAKE}/{zone}/{table.name}/")
            if zone == LANDING:
                keys = landing.noting(self.bucket, self.objects, erasure, table.name, keys)
            yield from parts(table.name, keys)

    def _work(self, step: Step, left: Left) -> Told:
        """Do what a lane has to do in a phase, part by part; whether there is more."""
        phase, erasure = step["phase"], step["id"]
        wanted = self._request(step)
        check = self._check(step)
        for key in self.bucket.keys(lane_folder(erasure, phase, step["lane"])):
            if left() < BEGUN_WITH_S:
                return {"left": True}
            check()
            with tempfile.TemporaryDirectory() as scratch:
                files = Files(self.bucket, erasure, wanted.subject, Path(scratch), check)
                self._do(phase, key, files, wanted)
            self.bucket.drop(key)
        return {"left": False}

    def _do(self, phase: str, key: str, files: Files, wanted: Request) -> None:
        if phase == LANDING:
            self._erase_landing(files, self._read(key, Part), wanted.dry)
        elif phase == CURATED:
            name = key.rpartition("/")[2]
            curated.search(files, name, self._read(key, Part), wanted.dry)
        elif phase == DAYS:
            self._begin_day(files, key, self._read(key, Day))
        elif phase == PIECES:
            self._write_piece(files, self._read(key, Piece))
        else:
            self._versions(files.erasure, files.check).swap(self._read(key, Day))

    def _read(self, key: str, kind: type[Any]) -> Any:
        found = self.bucket.read(key, kind)
        if found is None:
            raise TailraceError("a part of an erasure is gone", key, "run the erasure again")
        return found

    def _erase_landing(self, files: Files, part: Part, dry: bool) -> None:
        table = all_tables()[part.table]
        hits = [hit for key in part.keys for hit in files.hits(table, key)]
        going = [(hit.key.key, hit.searched.gone) for hit in hits if hit.kept.latest]
        if going:
            gone.note(self.bucket, files.erasure, table, going)
        for hit in hits if not dry else ():
            self._erase_file(files, table, hit)

    def _erase_file(self, files: Files, table: Table, hit: Hit) -> None:
        key = hit.key.key
        if not hit.kept.latest:
            files.delete(key, [hit.kept])
            return
        left = hit.searched.rows - len(hit.searched.gone)
        to = landing.renamed(key, files.erasure)
        files.write_without(table, key, to, left, hit.kept.id)
        files.delete(key, hit.key.versions)

    def _begin_day(self, files: Files, key: str, day: Day) -> None:
        if not curated.whole(day):
            # Nobody could prove what comes in its place.
            for each in curated.keys_of([day]):
                files.leave(each)
            return
        number = int(key.rpartition("/")[2].removesuffix(".json"))
        self._versions(files.erasure, files.check).begin(number, day)

    def _write_piece(self, files: Files, piece: Piece) -> None:
        each = piece.file
        if not each.gone:
            self.bucket.copy(each.key, piece.to)
            return
        table = all_tables()[piece.table]
        files.write_without(table, each.key, piece.to, each.rows - each.gone)

    def _settle(self, step: Step, left: Left) -> Told:
        """Say in the receipt that nothing is left but what queries may still read."""
        wanted = self._request(step)
        told = self._told(step, wanted)
        if wanted.dry:
            self.bucket.write(f"{folder(step['id'])}receipt.json", told)
            return {"then": "nothing"}
        # Who watches takes this word for the end, and no other one.
        self._keep(replace(told, state=WAITING if told.waiting else UNFINISHED))
        return {"then": "wait" if told.waiting else "remove"}

    def _break_off(self, step: Step, left: Left) -> Told:
        """Say in the receipt what has gone until now; it stays unfinished."""
        wanted = self._request(step)
        told = self._told(step, wanted)
        if not wanted.dry:
            self._keep(told)
        return {}

    def _told(self, step: Step, wanted: Request) -> Receipt:
        """Count what went, and tell compaction and the audit: the receipt as it is now."""
        erasure, told, erased = step["id"], wanted.receipt, list[gone.Erased]()
        with tempfile.TemporaryDirectory() as scratch:
            for table, rows in gone.noted(self.bucket, erasure, Path(scratch) / "gone.parquet"):
                erased += gone.erased(table, rows)
                told = replace(
                    told,
                    rows=(*told.rows, *gone.removed(table, rows)),
                    files=told.files + gone.files(rows),
                )
        unread = [self._read(key, str) for key in self.bucket.keys(unread_folder(erasure))]
        there = (f"s3://{self.bucket.name}/{key}" for key in unread)
        told = replace(told, unsearched=(*told.unsearched, *there))
        if wanted.dry:
            return told
        self.objects.check(step["execution"])
        self.bucket.write(erased_key(erasure), erased)
        landing.settle(self.bucket, self.objects, erasure, self.clock())
        waiting = len(self.bucket.keys(curated.held_folder(erasure)))
        return self._held(told, waiting)

    def _held(self, told: Receipt, waiting: int) -> Receipt:
        if not waiting:
            return told
        until = receipt.moment(int((self.clock() + KEPT_FOR).timestamp() * 1000))
        versions = "a version of a day" if waiting == 1 else f"{waiting:,} versions of days"
        what = f"{versions} that nobody is shown, for queries that may still read it"
        return replace(told, waiting=waiting, held_by=(*told.held_by, Holder(what, until)))

    def _end(self, step: Step, left: Left) -> Told:
        """Forget whom it was about, and leave the place to the next one."""
        self.bucket.delete_all(request_key(step["id"]))
        self.objects.release(step["execution"])
        return {}

    def _remove(self, step: Step, left: Left) -> Told:
        """Delete for good what no query can read any more, then all that was noted on the way.

        Raises TailraceError where the erasure was begun again: what is noted is that one's.
        """
        erasure = step["id"]
        check = partial(self._check_over, erasure)
        check()
        versions, held = self._versions(erasure, check), curated.held_folder(erasure)
        shown = 0
        for key in self.bucket.keys(held):
            if left() < BEGUN_WITH_S:
                return {"left": True}
            if versions.remove(key.removeprefix(held)):
                self.bucket.drop(key)
            else:
                shown += 1
        check()
        told = self.bucket.read(receipt_key(erasure), Receipt)
        if told is not None and not shown and told.state != DONE:
            held_by = told.held_by[:-1] if told.waiting else told.held_by
            self._keep(replace(told, state=DONE, waiting=0, held_by=held_by))
        self.bucket.delete_all(folder(erasure))
        return {"left": False}

    def _keep(self, told: Receipt) -> None:
        self.bucket.put_bytes(receipt_key(told.id), receipt.encoded(told))

    def _versions(self, erasure: str, check: Callable[[], None]) -> Versions:
        hands = self.bucket, self.objects, self.catalog
        return Versions(*hands, erasure, self.clock, self.fresh, check)

    def _check(self, step: Step) -> Callable[[], None]:
        return partial(self.objects.check, step["execution"])

    def _check_over(self, erasure: str) -> None:
        if request(self.bucket, erasure) is not None:
            raise TailraceError("it was begun again", erasure, "nothing: that one deletes it")

    def _request(self, step: Step) -> Request:
        """Whom it is about, written again before it expires."""
        found = request(self.bucket, step["id"])
        if found is None:
            fix = "start it by tailrace erase --stage, which says whom it is about"
            raise TailraceError("nobody says whom this erasure is about", step["id"], fix)
        now_ms = int(self.clock().timestamp() * 1000)
        if now_ms - found.written_ms > RENEWED_AFTER / timedelta(milliseconds=1):
            found = msgspec.structs.replace(found, written_ms=now_ms)
            self.bucket.write(request_key(step["id"]), found)
        return found


def receipt_key(erasure: str) -> str:
    """Where the receipt of an erasure is kept."""
    return f"{receipt.FOLDER}/{erasure}.json"


def erased_key(erasure: str) -> str:
    """Where it is kept how many rows went, hour by hour."""
    return f"{receipt.FOLDER}/{erasure}.erased.json"


def _tables() -> Iterator[Table]:
    return (each for each in all_tables().values() if each.name not in WITHOUT_SUBJECTS)
