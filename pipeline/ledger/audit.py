"""The audit: does every accepted event stand where the ledger says, and whole?

Balanced means: for each hour of arrival events_in = rows + rejected + dropped + erased; every
record behind the checkpoint has its entry; the table `batch` says the same of it, and the table
`reject` as many refused lines where they were tried again; every catalogued file is there with the
content it was written with, the times that queries find it by, and the rows that the ledger
promised, in landing or, once it is folded in, in curated files; every quarantine object is there
with its digest; every record of a file that came in is known to be of that file; SQLite finds
nothing wrong in log.db. Repeats are told and do not matter; files that nobody catalogued are named
and do not matter.

What cannot be read is named and left out of all that follows: nothing here trusts log.db.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from pipeline.ledger import erased
from pipeline.ledger.files import check_files, read_catalogue
from pipeline.ledger.findings import Audit, Entries, Finding, Hour, sequences
from pipeline.ledger.folded import Known, check_folded
from pipeline.ledger.inputs import check_inputs
from pipeline.ledger.landed import ask_lake
from pipeline.ledger.objects import check_objects
from pipeline.ledger.scope import MOST, NUMBERS, Scope, number, place_of
from pipeline.schema import HOUR_MS
from pipeline.sources import NAMES
from pipeline.store import Store
from pipeline.stream.log import Log

_counts = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=0, le=MOST)]])


def audit(store: Store, lake: Path, quarantine: Path, since_ms: int = 0) -> Audit:
    """Audit all that arrived since a time, at whole hours."""
    # One state throughout: else a batch that is noted meanwhile looks like one half missing.
    with store.snapshot():
        return _audit(Scope(store, lake, quarantine, since_ms // HOUR_MS * HOUR_MS))


def _audit(scope: Scope) -> Audit:
    entries = Entries()
    findings = [*_pages(scope), *_read_ledger(scope, entries)]
    _erased(scope, entries.hours)
    known = Known(whole=scope.since_ms <= 0)
    findings += read_catalogue(scope, known)
    gaps = list(_gaps(scope))
    kept: dict[int, str] = {}
    findings += [
        *_sums(entries.hours),
        *(finding for _, finding in gaps),
        *_waiting(scope),
        *check_files(scope, known.to_check()),
        *check_objects(scope, kept),
        *check_inputs(scope, kept),
    ]
    broken = {finding.where for finding in findings if finding.kind.startswith("file_")}
    findings += check_folded(scope.lake, entries, known, broken)
    asked = [*known.landing, *known.curated]
    gone = [gap for gap, _ in gaps]
    findings += ask_lake(scope.lake, entries, asked, broken, gone, scope.since_ms)
    for finding in findings:
        hour = entries.hours.get((finding.source, finding.hour))
        if finding.unbalances and hour is not None:
            hour.balanced = False
    ordered = sorted(entries.hours.values(), key=lambda hour: (hour.hour, hour.source))
    return Audit(ordered, findings)


def _pages(scope: Scope) -> Iterator[Finding]:
    """What SQLite itself finds wrong: broken pages, rows that an index does not lead to."""
    for detail in scope.store.damages():
        yield Finding("log_damaged", scope.store.path.name, detail)


_ENTRIES = """
select l.*, coalesce(o.erasures > 0, 0) as touched, o.erased as erased_rejects
from ledger l left join quarantine_object o on o.key = l.object where l.arrival_ms >= ?
"""


def _read_ledger(scope: Scope, entries: Entries) -> Iterator[Finding]:
    for row in scope.store.rows(_ENTRIES, scope.since_ms):
        wrong = [name for name, most in NUMBERS.items() if not number(row[name], most)]
        wrong += ["source"] if row["source"] not in NAMES else []
        counts = {}
        for name in ("dropped", "reasons"):
            try:
                counts[name] = _counts.decode(row[name])
            except (msgspec.DecodeError, TypeError):
                wrong.append(name)
        if wrong:
            entries.damaged.add(row["seq"])
            detail = f"what the ledger says cannot be right: {', '.join(wrong)}"
            yield Finding("entry_damaged", f"sequence {row['seq']}", detail, *place_of(row))
            continue
        dropped = sum(counts["dropped"].values())
        at = row["arrival_ms"] // HOUR_MS
        hour = entries.hours.setdefault((row["source"], at), Hour(row["source"], at))
        hour.events_in += row["events_in"]
        hour.rows += row["rows"]
        hour.rejected += row["rejected"]
        hour.dropped += dropped
        hour.reasons.update(counts["reasons"])
        for name, values in entries.columns.items():
            values.append(dropped if name == "dropped" else row[name])
        if number(row["erased_rejects"]):
            hour.rejected -= row["erased_rejects"]
            hour.erased += row["erased_rejects"]
        if isinstance(row["object"], str):
            for name, values in entries.kept.items():
                values.append(row[name])


def _erased(scope: Scope, hours: dict[tuple[str, int], Hour]) -> None:
    """Rows that were erased are rows no more."""
    for each in erased.by_hour(scope.store):
        hour = hours.get((each.source, each.hour))
        if hour is not None:
            hour.rows -= each.rows
            hour.erased += each.rows


def _sums(hours: dict[tuple[str, int], Hour]) -> Iterator[Finding]:
    for hour in hours.values():
        if hour.unaccounted:
            detail = f"{hour.unaccounted} events are neither rows, rejects nor drops"
            yield Finding("sum", f"{hour.source}, {hour.name}", detail, hour.source, hour.hour)


_HOLES = """
with waiting as (
  select r.seq from record r left join checkpoint c on c.shard = r.shard
  where r.seq > coalesce(c.seq, 0)),
known as (
  select 0 as seq union select seq from ledger union select seq from waiting
  union select seq + 1 from sqlite_sequence where name = 'record')
select seq + 1, next - 1 from (select seq, lead(seq) over (order by seq) as next from known)
where next > seq + 1
"""


def _gaps(scope: Scope) -> Iterator[tuple[tuple[int, int], Finding]]:
    """Records behind the checkpoint without an entry: sequence numbers have no holes."""
    for first, last in scope.store.rows(_HOLES):
        detail = "the ledger does not say what became of it"
        yield (first, last), Finding("entry_missing", sequences(first, last), detail)


def _waiting(scope: Scope) -> Iterator[Finding]:
    for shard, seq in scope.store.rows("select shard, seq from checkpoint"):
        if not isinstance(seq, int) or seq < 0:
            detail = f"{seq!r} is no sequence number"
            yield Finding("checkpoint_damaged", f"checkpoint of shard {shard}", detail)
    waiting = Log(scope.store).backlog()
    if waiting:
        records = "record waits" if waiting == 1 else "records wait"
        detail = f"{waiting} {records} in the stream; a server or a writing command brings them in"
        yield Finding("waiting", "log.db", detail, unbalances=False)
