"""Replay from the quarantine and the failure store: today's parser and formats, old identities.

Each object is one transaction, so a replay that was killed is simply begun again; what became a row
before is known and does not become one twice.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from pipeline.batch import FAILURE_STORE, Context, Fault, guarded
from pipeline.errors import InputError, Reason
from pipeline.ledger.retry import Place, Try, judged, note_attempt, write
from pipeline.store import Store

# Each of them may hold the ids of a slice that was mended.
AT_ONCE = 100

_formats = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which objects: by store, by source (None: all), by arrival (epoch ms, half open)."""

    quarantine: bool
    failed: bool
    source: str | None = None
    from_ms: int = 0
    to_ms: int = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one object: lines that became rows, lines still refused; or our own fault.

    lost  why the object cannot be read: nothing was tried
    """

    source: str
    rows: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)
    fault: str = ""
    lost: InputError | None = None


def replay_objects(
    place: Place, wanted: Wanted, context: Context, now_ms: int, dry_run: bool
) -> Iterator[Replayed]:
    """Try every object of the kind again; a dry run writes nothing.

    One that is gone or damaged is told, and the others are tried all the same.
    Raises DeliveryError when a row finds no place.
    """
    for row in _objects(place, wanted):
        # A file's lines keep the formats that were said of it last; else today's are in force.
        formats = _formats.decode(row["input_formats"]) if row["input_formats"] else None
        try:
            tried = guarded(lambda: judged(place, row, formats, context))  # noqa: B023 - at once
        except InputError as error:
            yield Replayed(row["source"], lost=error)
            continue
        if isinstance(tried, Fault):
            if not dry_run:
                note_attempt(place, row["key"])
            yield Replayed(row["source"], fault=tried.detail)
            continue
        if not dry_run:
            if _is_news(tried, row):
                write(place, tried, row["flush"], now_ms)
            note_attempt(place, row["key"])
        refused = Counter(refusal.reason for refusal in tried.left)
        yield Replayed(row["source"], len(tried.mended.parsed.line), refused)


def _is_news(tried: Try, row: sqlite3.Row) -> bool:
    # A record that could not be opened may hold only lines that are refused.
    opened = tried.opened and tried.outcome.events_in != row["events_in"]
    return opened or len(tried.mended.parsed.line) > 0


_WANTED = """
from quarantine_object o join ledger l on l.object = o.key and l.seq = o.seq
left join input_record r on r.seq = l.seq
left join input i on i.source = r.source and i.digest = r.digest
where o.seq > ? and l.rejected > 0 and not o.gone and l.arrival_ms >= ? and l.arrival_ms < ?
  and (? is null or l.source = ?) and iif(o.key like ?, ?, ?)
"""


def count_objects(store: Store, wanted: Wanted) -> int:
    """How many objects `replay_objects` would try again."""
    return int(store.rows(f"select count(*) {_WANTED}", *_values(wanted, 0))[0][0])


def _objects(place: Place, wanted: Wanted) -> Iterator[sqlite3.Row]:
    behind = 0
    while rows := place.store.rows(
        "select o.key, o.digest as object_digest, o.resolved, o.removed, l.*,"
        " i.formats as input_formats"
        f" {_WANTED} order by o.seq limit {AT_ONCE}",
        *_values(wanted, behind),
    ):
        behind = rows[-1]["seq"]
        yield from rows


def _values(wanted: Wanted, behind: int) -> tuple[object, ...]:
    return (
        *(behind, wanted.from_ms, wanted.to_ms, wanted.source, wanted.source),
        *(f"{FAILURE_STORE}/%", wanted.failed, wanted.quarantine),
    )
