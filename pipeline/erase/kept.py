"""Objects of a home's quarantine: searched, and written without a subject.

An object keeps its key, by which the ledger and the table `reject` name it, so it is written over.
Its file and log.db cannot change in one step: what it is about to become is noted first, and who
opens the home for writing next looks which of the two is there (`settle`). The audit takes either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from pipeline.batch import Context
from pipeline.deliver.files import DISK, Disk, remove, sync_folders, write_whole
from pipeline.erase.objects import Change, Entry, without
from pipeline.erase.subject import Subject
from pipeline.ledger.retry import Place
from pipeline.ledger.scope import regular
from pipeline.store import Store

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that holds the subject, and what becomes of it; or why it cannot be read."""

    key: str
    change: Change | None = None
    unread: str = ""


def find(place: Place, subject: Subject, context: Context) -> Iterator[Touched]:
    """Every object that holds the subject, and those that cannot be read."""
    behind = ""
    while rows := place.store.rows(
        "select o.key, o.resolved, l.events_in, l.rejected, o.erased from quarantine_object o"
        " join ledger l on l.object = o.key where o.key > ? and not o.gone order by o.key limit ?",
        *(behind, AT_ONCE),
    ):
        behind = rows[-1]["key"]
        for row in rows:
            resolved = frozenset(np.frombuffer(row["resolved"], np.int64).tolist())
            entry = Entry(row["events_in"], row["rejected"] - row["erased"], resolved)
            try:
                content = regular(place.quarantine / row["key"]).read_bytes()
                change = without(content, subject, entry, context)
            except (OSError, ValueError) as error:
                yield Touched(row["key"], unread=str(error))
                continue
            if change is not None:
                yield Touched(row["key"], change)


def erase(place: Place, touched: Sequence[Touched]) -> None:
    """Write the objects without the subject.

    First it is noted what an erasure before this one has written and could not note.
    """
    settle(place.store, place.quarantine, place.disk)
    for at in range(0, len(touched), AT_ONCE):
        some = [each for each in touched[at : at + AT_ONCE] if each.change is not None]
        _announce(place.store, some)
        for each in some:
            _write(place, each)
        folders = sorted({(place.quarantine / each.key).parent for each in some})
        sync_folders(folders, place.disk)
        settle(place.store, place.quarantine, place.disk)


def _announce(store: Store, touched: Sequence[Touched]) -> None:
    with store.transaction() as connection:
        for each in touched:
            change = each.change
            if change is None:
                continue
            content = change.content or b""
            digest = sha256(content).hexdigest() if content else ""
            gone = not content
            connection.execute(
                "insert or replace into erasing values (?, ?, ?, ?, ?, ?)",
                (each.key, digest, len(content), change.removed, change.erased, gone),
            )


def _write(place: Place, touched: Touched) -> None:
    path = place.quarantine / touched.key
    content = touched.change.content if touched.change is not None else None
    if content is None:
        remove(path, place.disk)
    else:
        root = place.quarantine.parent
        write_whole(path, lambda whole: _put(whole, content), place.disk, root)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def settle(store: Store, quarantine: Path, disk: Disk = DISK) -> None:
    """Note of announced objects what they are now: the new ones, or the old ones still."""
    announced = store.rows("select * from erasing")
    if not announced:
        return
    found = {row["key"]: _digest_of(quarantine / row["key"]) for row in announced}
    done = [row for row in announced if found[row["key"]] == row["digest"]]
    folders = {(quarantine / row["key"]).parent for row in done}
    sync_folders(sorted(each for each in folders if each.exists()), disk)
    with store.transaction() as connection:
        connection.executemany(
            "update quarantine_object set digest = iif(?, digest, ?), bytes = iif(?, bytes, ?),"
            " erasures = erasures + 1, removed = removed + ?, erased = erased + ?, gone = ?"
            " where key = ?",
            [
                (
                    *(row["gone"], row["digest"], row["gone"], row["bytes"]),
                    *(row["removed"], row["erased"], row["gone"], row["key"]),
                )
                for row in done
            ],
        )
        # One that cannot be read may be either: it is looked at again when it can.
        connection.executemany(
            "delete from erasing where key = ?",
            [(key,) for key, digest in found.items() if digest is not None],
        )


def _digest_of(path: Path) -> str | None:
    """Digest of a file; "" where there is none, None where it cannot be read."""
    try:
        return sha256(regular(path).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return None
