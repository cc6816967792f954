"""The audit: does every accepted event stand where the ledger says, and whole?

Balanced means: for each hour of arrival events_in = rows + rejected + dropped; every record behind
the checkpoint has its entry; the table `batch` says the same of it; every catalogued file is there
with the content it was written with, the times that queries find it by, and the rows that the
ledger promised, in landing or, once it is folded in, in curated files; every quarantine object is
there with its digest. Repeats are told and do not matter; files that nobody catalogued are named
and do not matter.

What cannot be read is named and left out of all that follows: nothing here trusts log.db.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from pipeline.deliver.lake import CURATED, LakeFile, digest_of_file, extent_of
from pipeline.errors import HomeError
from pipeline.lake import catalogue
from pipeline.ledger.findings import (
    HOUR_FORMAT,
    Audit,
    Entries,
    Finding,
    Hour,
    hour_of,
    sequences,
    source_of,
)
from pipeline.ledger.folded import Known, check_folded
from pipeline.ledger.landed import ask_lake
from pipeline.schema import BATCH, HOUR_MS, REJECT
from pipeline.sources import NAMES
from pipeline.store import Store
from pipeline.stream.log import Log

if TYPE_CHECKING:
    pass

ID_BYTES = 8
# Beyond these nothing is a count or a time (the year 9999), and sums could overflow.
MOST, LAST_MS = 1 << 40, 253_402_300_799_999

_counts = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=0, le=MOST)]])


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is audited: a home, and the time of arrival from which on."""

    store: Store
    lake: Path
    quarantine: Path
    since_ms: int


def audit(store: Store, lake: Path, quarantine: Path, since_ms: int = 0) -> Audit:
    """Audit all that arrived since a time, at whole hours."""
    # One state throughout: else a batch that is noted meanwhile looks like one half missing.
    with store.snapshot():
        try:
            return _audit(_Scope(store, lake, quarantine, since_ms // HOUR_MS * HOUR_MS))
        except sqlite3.Error as error:
            raise HomeError(
                f"the home cannot be audited: {error}",
                f"at {store.path}",
                "the file is damaged; put it back from a copy",
            ) from error


def _audit(scope: _Scope) -> Audit:
    entries = Entries()
    findings = list(_read_ledger(scope, entries))
    known = Known(whole=scope.since_ms <= 0)
    findings += _read_catalogue(scope, known)
    gaps = list(_gaps(scope))
    findings += [
        *_sums(entries.hours),
        *(finding for _, finding in gaps),
        *_waiting(scope),
        *_files(scope, known.to_check()),
        *_rows_of_files(scope),
        *_objects(scope),
        *_strays(scope),
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


_NUMBERS = {"arrival_ms": LAST_MS} | dict.fromkeys(
    ("shard", "events_in", "rows", "rejected", "bytes_in", "flush", "attempt"), MOST
)
_SOUND = " and ".join(
    f"typeof({name}) = 'integer' and {name} between 0 and {most}" for name, most in _NUMBERS.items()
)


def _number(value: object, most: int = MOST) -> bool:
    return isinstance(value, int) and 0 <= value <= most


def _read_ledger(scope: _Scope, entries: Entries) -> Iterator[Finding]:
    for row in scope.store.rows("select * from ledger where arrival_ms >= ?", scope.since_ms):
        wrong = [name for name, most in _NUMBERS.items() if not _number(row[name], most)]
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
            yield Finding("entry_damaged", f"sequence {row['seq']}", detail, *_place_of(row))
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


def _place_of(row: sqlite3.Row) -> tuple[str, int]:
    """Source and hour of an entry that may be damaged."""
    arrival_ms = row["arrival_ms"]
    return str(row["source"]), arrival_ms // HOUR_MS if _number(arrival_ms, LAST_MS) else 0


def _read_catalogue(scope: _Scope, known: Known) -> Iterator[Finding]:
    since = f"{datetime.fromtimestamp(scope.since_ms / 1000, UTC):{HOUR_FORMAT}}"
    for file in catalogue.all_files(scope.store):
        wrong = _wrong_of(file)
        if wrong:
            detail = f"what the catalogue says cannot be right: {', '.join(wrong)}"
            yield Finding("catalogue_damaged", str(file.path), detail)
        elif file.zone == CURATED or file.arrival_hour >= since:
            known.add(file)


def _wrong_of(file: LakeFile) -> list[str]:
    counts = ("rows", "bytes", "shard", "first_seq", "last_seq")
    wrong = [name for name in counts if not _number(getattr(file, name))]
    wrong += [n for n in ("first_ms", "last_ms") if not isinstance(getattr(file, n), int)]
    wrong += [name for name in ("path", "table") if not isinstance(getattr(file, name), str)]
    try:
        hour_of(file)
    except (TypeError, ValueError):
        wrong.append("arrival_hour")
    return wrong


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


def _gaps(scope: _Scope) -> Iterator[tuple[tuple[int, int], Finding]]:
    """Records behind the checkpoint without an entry: sequence numbers have no holes."""
    for first, last in scope.store.rows(_HOLES):
        detail = "the ledger does not say what became of it"
        yield (first, last), Finding("entry_missing", sequences(first, last), detail)


def _waiting(scope: _Scope) -> Iterator[Finding]:
    for shard, seq in scope.store.rows("select shard, seq from checkpoint"):
        if not isinstance(seq, int) or seq < 0:
            detail = f"{seq!r} is no sequence number"
            yield Finding("checkpoint_damaged", f"checkpoint of shard {shard}", detail)
    waiting = Log(scope.store).backlog()
    if waiting:
        detail = f"{waiting} records wait in the stream; a writing command brings them in"
        yield Finding("waiting", "log.db", detail, unbalances=False)


def _files(scope: _Scope, files: Iterable[LakeFile]) -> Iterator[Finding]:
    for file in files:
        place = source_of(file), hour_of(file)
        path = scope.lake / file.path
        try:
            digest = digest_of_file(_regular(path))
        except (OSError, ValueError) as error:
            yield Finding("file_missing", file.path, f"cannot be read: {_why(error)}", *place)
            continue
        if digest != file.digest:
            detail = "its content is not what was written"
            yield Finding("file_changed", file.path, detail, *place)
            continue
        try:
            found = extent_of(path)
        except ValueError as error:
            detail = f"it is no file of a lake: {error}"
            yield Finding("file_unreadable", file.path, detail, *place)
            continue
        said = (file.rows, file.first_ms, file.last_ms)
        if astuple(found) != said:
            names = ("rows", "first_ms", "last_ms")
            detail = "; ".join(
                f"the catalogue says {name} {one}, the file {other}"
                for name, one, other in zip(names, said, astuple(found), strict=True)
                if one != other
            )
            yield Finding("extent", file.path, detail, *place)


def _regular(path: Path) -> Path:
    # A pipe in its place would never end.
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    return path


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


_PROMISED = f"""
with sound as (select * from ledger where {_SOUND}),
promised as (
  select tbl, shard, flush, source, arrival_ms, rows from sound
  union all
  select 'batch', shard, flush, source, arrival_ms, 1 from sound
  union all
  select 'reject', l.shard, l.flush, l.source, l.arrival_ms, o.rejects
  from sound l join quarantine_object o on o.key = l.object where o.rejects between 0 and {MOST}),
hourly as (
  select tbl, shard, flush, source, strftime('%Y-%m-%dT%H', arrival_ms / 1000, 'unixepoch') as hour,
    min(arrival_ms) as arrival_ms, sum(rows) as rows
  from promised where arrival_ms >= ? group by tbl, shard, flush, hour)
select h.tbl, h.shard, h.flush, h.source, h.arrival_ms, h.rows,
  (select coalesce(sum(f.rows), 0) from lake_file f
   where f.zone = 'landing' and f.tbl = h.tbl and f.shard = h.shard and f.first_seq = h.flush
     and f.arrival_hour = h.hour
     and f.rows between 0 and {MOST})
from hourly h
"""  # noqa: S608 - own names
# Rows of a flush whose records came again in a later one: the checkpoint was set back into it.
_MOVED = f"""
select coalesce(sum(rows), 0) from ledger where {_SOUND} and tbl = ? and shard = ? and flush > ?
  and seq <= (select max(last_seq) from lake_file where tbl = ? and shard = ? and first_seq = ?)
"""  # noqa: S608 - own names


def _rows_of_files(scope: _Scope) -> Iterator[Finding]:
    """Rows that the ledger promised against those of the catalogued files, by flush and hour.

    A reject is promised one row of `reject`, a record one of `batch`; later attempts add to these.
    """
    own = (REJECT.name, BATCH.name)
    for table, shard, flush, source, arrival_ms, rows, held in scope.store.rows(
        _PROMISED, scope.since_ms
    ):
        flush_of, moved = (table, shard, flush), 0
        if held > rows and table not in own:
            moved = scope.store.rows(_MOVED, *flush_of, *flush_of)[0][0]
        if held < rows or (held > rows + moved and table not in own):
            where = f"{table}, shard {shard}, from sequence {flush}"
            detail = f"the ledger promised {rows} rows, the catalogued files hold {held}"
            yield Finding("rows_missing", where, detail, source, arrival_ms // HOUR_MS)


def _objects(scope: _Scope) -> Iterator[Finding]:
    known = {row["key"]: row for row in scope.store.rows("select * from quarantine_object")}
    promised = scope.store.rows(
        f"select seq, object, source, arrival_ms, rejected from ledger where {_SOUND}"  # noqa: S608
        " and (object is not null or rejected > 0) and arrival_ms >= ?",
        scope.since_ms,
    )
    for entry in promised:
        key, place = entry["object"], _place_of(entry)
        if not isinstance(key, str):
            detail = f"{entry['rejected']} rejects, and the ledger names no object that keeps them"
            yield Finding("object_missing", f"sequence {entry['seq']}", detail, *place)
            continue
        row = known.get(key)
        if row is None or not _keeps(row, entry["rejected"]):
            yield Finding("object_missing", key, "the ledger does not know this object", *place)
            continue
        try:
            digest = sha256(_regular(scope.quarantine / key).read_bytes()).hexdigest()
        except (OSError, ValueError) as error:
            yield Finding("object_missing", key, f"cannot be read: {_why(error)}", *place)
            continue
        if digest != row["digest"]:
            yield Finding("object_changed", key, "its content is not what was kept", *place)


def _keeps(row: sqlite3.Row, rejected: int) -> bool:
    """Whether an object has the rejects of its entry, and those that became rows later."""
    resolved = row["resolved"]
    if not (_number(row["bytes"]) and isinstance(resolved, bytes)):
        return False
    return bool(row["rejects"] == rejected + len(resolved) // ID_BYTES)


def _strays(scope: _Scope) -> Iterator[Finding]:
    # The folder first: what is catalogued while it is listed is no stray. What a writer has not
    # noted yet lies behind the checkpoint.
    paths = sorted(path for path in scope.lake.rglob("*") if path.is_file())
    known = {file.path for file in catalogue.all_files(scope.store)}
    rows = scope.store.rows("select shard, seq from checkpoint")
    passed = {row["shard"]: row["seq"] for row in rows if isinstance(row["seq"], int)}
    for path in paths:
        name = path.relative_to(scope.lake).as_posix()
        if name not in known and not _on_its_way(path.name, passed):
            detail = "nobody catalogued it; queries do not read it"
            yield Finding("stray_file", name, detail, unbalances=False)


def _on_its_way(name: str, passed: Mapping[int, int]) -> bool:
    shard, _, rest = name.partition("-")
    seq = rest.removesuffix(".parquet")
    return shard.isdecimal() and seq.isdecimal() and int(seq) > passed.get(int(shard), 0)
