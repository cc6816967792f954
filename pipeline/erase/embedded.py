"""The order of an erasure in the embedded home, so that a death at any moment loses nothing.

All that the log has accepted is in the lake and the quarantine before (the caller has drained it).
Then: the counters, which begin anew; which identities must not come back; the lake, file by file
and day by day; the quarantine; what nobody catalogued; at last the files that were replaced, as
soon as no query holds them. Each step stands by itself, and a second run finds what the first one
has left. The receipt is written first and again at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch import Context
from pipeline.counters.file import files_of
from pipeline.deliver.files import sync_folders, write_whole
from pipeline.erase import kept, receipt, rows, strays
from pipeline.erase.receipt import DONE, FOLDER, PLANNED, UNFINISHED, Holder, Objects, Receipt
from pipeline.erase.subject import Subject
from pipeline.errors import DeliveryError
from pipeline.lake import catalogue, curated, readers
from pipeline.lake.compact import remove_retired
from pipeline.lake.tables import all_tables
from pipeline.ledger.retry import Place
from pipeline.schema import HOUR_MS
from pipeline.triggers import name_of

if TYPE_CHECKING:
    import duckdb

LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an erasure looks, with what, and since when (epoch milliseconds)."""

    home: Path
    place: Place
    context: Context
    now_ms: int
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds the subject."""

    subject: Subject
    tables: tuple[rows.Found, ...]
    objects: tuple[kept.Touched, ...]
    strays: tuple[strays.Stray, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.tables or self.objects or self.strays)

    @property
    def files(self) -> int:
        """How many files of the lake are touched."""
        return sum(len(found.files) for found in self.tables)

    @property
    def kept(self) -> Objects:
        """What becomes of the quarantine."""
        changes = [each.change for each in self.objects if each.change is not None]
        removed = sum(change.content is None for change in changes)
        return Objects(removed, len(changes) - removed, sum(change.lines for change in changes))


def plan(scope: Scope, subject: Subject) -> Plan:
    """Look for the subject; nothing is changed.

    Raises HomeError when a file of the lake cannot be read.
    """
    with readers.holding(scope.home), rows.engine(scope.threads) as connection:
        return Plan(
            subject,
            tuple(rows.find(connection, scope.place, subject)),
            tuple(kept.find(scope.place, subject, scope.context)),
            tuple(strays.find(connection, scope.place, subject, scope.context)),
        )


def told(scope: Scope, planned: Plan, salt: bytes) -> Receipt:
    """The receipt of a plan that is not carried out yet."""
    return Receipt(
        receipt.name_of(scope.now_ms, salt),
        PLANNED,
        receipt.moment(scope.now_ms),
        receipt.pseudonym(planned.subject, salt),
        tuple(day for found in planned.tables for day in found.days()),
        planned.files,
        quarantine=planned.kept,
        unsearched=_unsearched(planned, planned.strays),
        held_by=(*_linked(scope.place, planned), *_holders(scope)),
    )


def erase(
    scope: Scope,
    planned: Plan,
    salt: bytes,
    sleep: Callable[[float], None],
    say: Callable[[str], None] = lambda text: None,
) -> Receipt:
    """Carry a plan out; only the one writing process of a home may, and nothing came in since.

    say  is told once what is waited for
    Raises DeliveryError when the disk does not take something, HomeError when a file is not what
    was written; run again, it goes on.
    """
    done = replace(told(scope, planned, salt), state=UNFINISHED)
    _keep(scope, done)
    _clear(scope)
    _uncount(scope)
    with rows.engine(scope.threads) as connection:
        erasure = _erasure(scope, done.id)
        for found in planned.tables:
            rows.bury(connection, scope.place, found, erasure)
        for found in planned.tables:
            rows.erase_landing(connection, scope.place, scope.home, found, scope.now_ms)
            rows.erase_curated(connection, scope.place, scope.home, found, scope.now_ms)
        kept.erase(scope.place, planned.objects)
        done = replace(done, unsearched=_unsearched(planned, _strays(connection, scope, planned)))
    with _keeping(scope, done):
        _delete(scope, sleep, say)
    done = replace(done, state=DONE)
    _keep(scope, done)
    return done


def _uncount(scope: Scope) -> None:
    """Forget what was counted: keys and titles may name the subject, and its views are in sums.

    Before anything is buried, so that what breaks off in between is done once more.
    """
    disk = scope.place.disk
    try:
        for path in files_of(scope.home):
            disk.remove(path)
    except OSError as error:
        what, fix = f"the counters cannot be removed: {error}", "mend the permissions; run it again"
        raise DeliveryError(what, f"in {scope.home}", fix) from error
    sync_folders([scope.home], disk)


def _clear(scope: Scope) -> None:
    """Remove versions that never came into force: all that they hold is elsewhere as well.

    Before landing gets other names, by which nobody could tell that any more.
    """
    place = scope.place
    for name in all_tables():
        known = [*catalogue.files_of(place.store, name), *catalogue.retired(place.store)]
        curated.clear(place.lake, name, known, place.disk)


def _strays(
    connection: "duckdb.DuckDBPyConnection", scope: Scope, planned: Plan
) -> list[strays.Stray]:
    """Take the subject out of what nobody catalogued; those that are left as they are."""
    place = scope.place
    found = list(strays.find(connection, place, planned.subject, scope.context))
    for stray in found:
        if not stray.unread:
            strays.erase(connection, place, stray)
    return [stray for stray in found if stray.unread]


def _unsearched(planned: Plan, found: Iterable[strays.Stray]) -> tuple[str, ...]:
    """Files that could not be read, or not be changed."""
    objects = (f"quarantine/{each.key}" for each in planned.objects if each.unread)
    return *objects, *(name_of(str(each.path)) for each in found if each.unread)


def _linked(place: Place, planned: Plan) -> Iterator[Holder]:
    """Files that somebody put elsewhere with a link in their place: the link goes, they stay."""
    paths = [place.lake / file.path for found in planned.tables for file in found.files]
    paths += [place.quarantine / each.key for each in planned.objects if not each.unread]
    paths += [each.path for each in planned.strays if not each.unread]
    for path in paths:
        if path.is_symlink():
            what = f"{name_of(str(path.resolve()))}, to which {name_of(str(path))} is a link"
            yield Holder(what, "you erase it there")


@contextmanager
def _keeping(scope: Scope, done: Receipt) -> Iterator[None]:
    """Who breaks the waiting off has a receipt that says so."""
    try:
        yield
    except KeyboardInterrupt:
        waiting = len(catalogue.retired(scope.place.store))
        what = f"{waiting} replaced files that running queries hold"
        until = "the next tailrace compact or tailrace erase after they end"
        held_by = *done.held_by, Holder(what, until)
        _keep(scope, replace(done, waiting=waiting, held_by=held_by))
        raise


def _delete(scope: Scope, sleep: Callable[[float], None], say: Callable[[str], None]) -> None:
    """Delete all that was replaced, by a compaction too; running queries are waited for."""
    store, place = scope.place.store, scope.place
    paths = [file.path for file in catalogue.retired(store)]
    remove_retired(store, scope.home, place.lake, place.disk)
    waiting = len(catalogue.retired(store))
    if waiting:
        say(f"waiting for running queries, which hold {waiting} of the replaced files")
    while waiting:
        sleep(LOOK_EVERY_S)
        remove_retired(store, scope.home, place.lake, place.disk)
        waiting = len(catalogue.retired(store))
    # A power cut must not bring back what the receipt says is gone.
    folders = sorted({(place.lake / path).parent for path in paths})
    sync_folders([each for each in folders if each.is_dir()], place.disk)


def _erasure(scope: Scope, name: str) -> rows.Erasure:
    newest = scope.place.store.rows("select max(seq) as seq, max(arrival_ms) as at from record")[0]
    return rows.Erasure(name, newest["seq"] or 0, _expiry(scope, newest["at"] or 0))


def _expiry(scope: Scope, arrival_ms: int) -> int:
    # By either clock, for it may have been set.
    newest_ms = max(arrival_ms, scope.now_ms)
    return newest_ms + scope.context.limits.retention_hours * HOUR_MS


def _holders(scope: Scope) -> Iterator[Holder]:
    """What still holds something, or may, once all is done."""
    newest = scope.place.store.rows("select count(*) as n, max(arrival_ms) as at from record")[0]
    if newest["n"]:
        until = receipt.moment(_expiry(scope, newest["at"]))
        records = "1 record" if newest["n"] == 1 else f"{newest['n']:,} records"
        what = f"log.db, among {records} as they arrived, which no query reads"
        yield Holder(what, f"a command first writes to the home after {until}")
    yield Holder("copies of the home, and the files and senders it came from", "you erase it there")


def _keep(scope: Scope, done: Receipt) -> None:
    content = receipt.encoded(done)
    path = scope.home / FOLDER / f"{done.id}.json"
    disk = scope.place.disk
    write_whole(path, lambda whole: _put(whole, content), disk, scope.home)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
