"""What of a table's promised rows is in landing, and what of landing the view shows."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from typing import Any

from pipeline.deliver.lake_file import LANDING
from pipeline.deployed.asking import at, whole
from pipeline.deployed.objects import listed
from pipeline.deployed.scope import Scope, hour_of
from pipeline.deployed.stage import LAKE
from pipeline.deployed.words import counted
from pipeline.errors import QueryFailed
from pipeline.ledger.findings import Finding, Hour
from pipeline.schema import Table
from pipeline.sources import Source, all_sources

Hours = Mapping[tuple[str, int], Hour]
Rows = list[dict[str, Any]]
# The shortest file of Parquet: its magic twice, and the length of a footer.
LEAST_BYTES = 12


def check_tables(scope: Scope, hours: Hours) -> Iterator[Finding]:
    """What is wrong with the rows of each source; counts repeats in `hours`."""
    promised = {source for (source, _), hour in hours.items() if hour.rows}
    known = all_sources()
    for name in sorted(promised - known.keys()):
        detail = "this version does not know the source: its rows were not looked for"
        yield Finding("source_unknown", name, detail, name)
    for source in known.values():
        some = yield from _files(scope, source.table)
        if some or source.name in promised:
            yield from _check(scope, hours, source)


def _files(scope: Scope, table: Table) -> Generator[Finding, None, bool]:
    """Whether landing has anything of the time; files that no engine can read are named."""
    place = f"{LAKE}/{LANDING}/{table.name}/"
    after, some = f"{place}arrival_dt={scope.window.first_day}", False
    for file in listed(scope.s3, scope.deployed.lake_bucket, place, after):
        name = file.key.rpartition("/")[2]
        # Engines pass over what is hidden, and so do we.
        if not name or name.startswith(("_", ".")):
            continue
        some = True
        if file.bytes < LEAST_BYTES:
            detail = f"{file.bytes} bytes are no Parquet: delete it, or queries may fail"
            yield Finding("file_damaged", file.uri, detail, table.name.replace("_", "-"))
    return some


def _check(scope: Scope, hours: Hours, source: Source) -> Iterator[Finding]:
    table, asked = source.table, scope.questions
    try:
        answer = scope.asking.rows(asked.landed(source.name, table), f"the audit of {table.name}")
        landed = [
            scope.gone.left(table.name, source.name, hour_of(row["hour"]), row) for row in answer
        ]
        for row in landed:
            yield from _landed(scope, source.name, table, row)
        firsts = [first for row in landed if (first := at(row, "first_event"))]
        lasts = [last for row in landed if (last := at(row, "last_event"))]
        shown = asked.shown(table, min(firsts), max(lasts)) if firsts else ""
        rows = scope.asking.rows(shown, f"the audit of {table.name}") if shown else []
    except QueryFailed as error:
        yield Finding("table_unreadable", table.name, error.what, source.name)
        return
    _count_repeats(hours, source.name, landed, rows)
    for row in rows:
        yield from _shown(source.name, table, row)


def _landed(scope: Scope, source: str, table: Table, row: dict[str, Any]) -> Iterator[Finding]:
    hour = hour_of(row["hour"])
    missing, gone, unknown = (whole(row, name) for name in ("missing", "gone", "unknown"))
    expired = scope.is_expired(hour, scope.deployed.number("LakeDays", 0))
    if missing and not expired:
        doubt = missing - gone
        detail = f"{counted(missing, 'row')} fewer than the table batch says"
        if doubt:
            detail += f"; of {doubt:,} the event may have come twice within a millisecond"
        where = f"{table.name}, arrived {_text(at(row, 'first_missing'))}"
        yield Finding("rows_missing", where, detail, source, hour)
    if unknown:
        first = at(row, "first_unknown")
        tried = hour >= hour_of(scope.tried_until)
        detail = f"{counted(unknown, 'row')} of records that the table batch does not know"
        detail += "; they may still be tried" if tried else ""
        where = f"{table.name}, arrived {_text(first)}"
        yield Finding("entry_missing", where, detail, source, hour, unbalances=not tried)


def _count_repeats(hours: Hours, source: str, landed: Rows, shown: Rows) -> None:
    """A row that is missing is no repeat, though the view has fewer events than were promised."""
    there = Counter({hour_of(row["hour"]): whole(row, "events") for row in shown})
    there.update({hour_of(row["hour"]): whole(row, "missing") for row in landed})
    for (name, number), hour in hours.items():
        if name == source:
            hour.duplicates = max(hour.rows - there[number], 0)


def _shown(source: str, table: Table, row: dict[str, Any]) -> Iterator[Finding]:
    for kind, count, first, detail in (
        ("view_missing", "unseen", "first_unseen", "in landing, and not in the view"),
        ("view_repeated", "repeated", "first_repeated", "in the view more than once"),
    ):
        if whole(row, count):
            where = f"{table.name}, event_time {_text(at(row, first))}"
            said = f"{counted(whole(row, count), 'event')} {detail}"
            yield Finding(kind, where, said, source, hour_of(row["hour"]))


def _text(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z" if moment else "?"
