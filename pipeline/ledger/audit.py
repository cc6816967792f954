"""The audit: does every accepted event stand where the ledger says, and whole?

Balanced means: for each hour of arrival events_in = rows + rejected + dropped; every record behind
the checkpoint has its entry; every catalogued file is there with the content it was written with
and the rows that the ledger promised; every quarantine object is there with its digest. Repeats
are told and do not matter; files that nobody catalogued are named and do not matter.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from pipeline.deliver.lake import LakeFile, digest_of
from pipeline.lake import catalogue, views
from pipeline.schema import BATCH, HOUR_MS, REJECT
from pipeline.sources import find
from pipeline.store import Store
from pipeline.stream.log import Log

ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the audit has to say; `unbalances`: it breaks the promise."""

    kind: str
    where: str
    detail: str
    source: str = ""
    hour: int = 0
    unbalances: bool = True


@dataclass(slots=True)
class Hour:
    """The sums of one source over the records that arrived in one hour."""

    source: str
    hour: int
    events_in: int = 0
    rows: int = 0
    rejected: int = 0
    dropped: int = 0
    duplicates: int = 0
    balanced: bool = True
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The hour as 2026-11-25T14:00:00Z."""
        return f"{datetime.fromtimestamp(self.hour * HOUR_MS / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def unaccounted(self) -> int:
        """Events that are neither a row, a reject nor a drop."""
        return self.events_in - self.rows - self.rejected - self.dropped


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit found."""

    hours: Sequence[Hour]
    findings: Sequence[Finding]

    @property
    def balanced(self) -> bool:
        """Whether the promise holds."""
        return not any(finding.unbalances for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """As `tailrace audit --json` prints it."""
        names = ("source", "events_in", "rows", "rejected", "dropped", "duplicates", "balanced")
        return {
            "balanced": self.balanced,
            "hours": [
                {"hour": hour.name} | {name: getattr(hour, name) for name in names}
                for hour in self.hours
            ],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
        }


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
        return _audit(_Scope(store, lake, quarantine, since_ms // HOUR_MS * HOUR_MS))


def _audit(scope: _Scope) -> Audit:
    hours = _hours(scope)
    findings = [
        *_sums(hours),
        *_gaps(scope),
        *_files(scope),
        *_rows_of_files(scope),
        *_objects(scope),
        *_strays(scope),
    ]
    broken = {finding.where for finding in findings if finding.kind.startswith("file_")}
    _count_repeats(scope, hours, broken)
    for finding in findings:
        hour = hours.get((finding.source, finding.hour))
        if finding.unbalances and hour is not None:
            hour.balanced = False
    ordered = sorted(hours.values(), key=lambda hour: (hour.hour, hour.source))
    return Audit(ordered, findings)


def _hours(scope: _Scope) -> dict[tuple[str, int], Hour]:
    hours: dict[tuple[str, int], Hour] = {}
    for row in scope.store.rows("select * from ledger where arrival_ms >= ?", scope.since_ms):
        at = row["arrival_ms"] // HOUR_MS
        hour = hours.setdefault((row["source"], at), Hour(row["source"], at))
        hour.events_in += row["events_in"]
        hour.rows += row["rows"]
        hour.rejected += row["rejected"]
        hour.dropped += sum(msgspec.json.decode(row["dropped"], type=dict[str, int]).values())
        hour.reasons.update(msgspec.json.decode(row["reasons"], type=dict[str, int]))
    return hours


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


def _gaps(scope: _Scope) -> Iterator[Finding]:
    """Records behind the checkpoint without an entry: sequence numbers have no holes."""
    for first, last in scope.store.rows(_HOLES):
        where = f"sequence {first}" if first == last else f"sequences {first} to {last}"
        yield Finding("entry_missing", where, "the ledger does not say what became of it")
    waiting = Log(scope.store).backlog()
    if waiting:
        detail = f"{waiting} records wait in the stream; a writing command brings them in"
        yield Finding("waiting", "log.db", detail, unbalances=False)


def _catalogued(scope: _Scope) -> list[LakeFile]:
    since = f"{datetime.fromtimestamp(scope.since_ms / 1000, UTC):%Y-%m-%dT%H}"
    return [file for file in catalogue.all_files(scope.store) if file.arrival_hour >= since]


def _hour_of(file: LakeFile) -> int:
    at = datetime.strptime(file.arrival_hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return int(at.timestamp() * 1000) // HOUR_MS


def _source_of(file: LakeFile) -> str:
    return file.table.replace("_", "-")


def _files(scope: _Scope) -> Iterator[Finding]:
    for file in _catalogued(scope):
        path = scope.lake / file.path
        try:
            found = digest_of(path.read_bytes())
        except OSError as error:
            kind, detail = "file_missing", f"cannot be read: {error.strerror}"
        else:
            if found == file.digest:
                continue
            kind, detail = "file_changed", "its content is not what was written"
        yield Finding(kind, file.path, detail, _source_of(file), _hour_of(file))


_PROMISED = """
with promised as (
  select tbl, shard, flush, source, arrival_ms, rows from ledger
  union all
  select 'batch', shard, flush, source, arrival_ms, 1 from ledger
  union all
  select 'reject', l.shard, l.flush, l.source, l.arrival_ms, o.rejects
  from ledger l join quarantine_object o on o.key = l.object),
hourly as (
  select tbl, shard, flush, source, strftime('%Y-%m-%dT%H', arrival_ms / 1000, 'unixepoch') as hour,
    min(arrival_ms) as arrival_ms, sum(rows) as rows
  from promised where arrival_ms >= ? group by tbl, shard, flush, hour)
select h.tbl, h.shard, h.flush, h.source, h.arrival_ms, h.rows,
  (select coalesce(sum(f.rows), 0) from lake_file f
   where f.tbl = h.tbl and f.shard = h.shard and f.first_seq = h.flush and f.arrival_hour = h.hour)
from hourly h
"""


def _rows_of_files(scope: _Scope) -> Iterator[Finding]:
    """Rows that the ledger promised against those of the catalogued files, by flush and hour.

    A reject is promised one row of `reject`, a record one of `batch`; later attempts add to these.
    """
    own = (REJECT.name, BATCH.name)
    for table, shard, flush, source, arrival_ms, rows, held in scope.store.rows(
        _PROMISED, scope.since_ms
    ):
        if held < rows or (held > rows and table not in own):
            where = f"{table}, shard {shard}, from sequence {flush}"
            detail = f"the ledger promised {rows} rows, the catalogued files hold {held}"
            yield Finding("rows_missing", where, detail, source, arrival_ms // HOUR_MS)


def _objects(scope: _Scope) -> Iterator[Finding]:
    known = {row["key"]: row for row in scope.store.rows("select * from quarantine_object")}
    promised = scope.store.rows(
        "select object, source, arrival_ms, rejected from ledger"
        " where object is not null and arrival_ms >= ?",
        scope.since_ms,
    )
    for entry in promised:
        key, place = entry["object"], (entry["source"], entry["arrival_ms"] // HOUR_MS)
        row = known.get(key)
        if row is None or row["rejects"] != entry["rejected"] + len(row["resolved"]) // ID_BYTES:
            yield Finding("object_missing", key, "the ledger does not know this object", *place)
            continue
        try:
            digest = sha256((scope.quarantine / key).read_bytes()).hexdigest()
        except OSError as error:
            yield Finding("object_missing", key, f"cannot be read: {error.strerror}", *place)
            continue
        if digest != row["digest"]:
            yield Finding("object_changed", key, "its content is not what was kept", *place)


def _strays(scope: _Scope) -> Iterator[Finding]:
    # The folder first: what is catalogued while it is listed is no stray. What a writer has not
    # noted yet lies behind the checkpoint.
    paths = sorted(path for path in scope.lake.rglob("*") if path.is_file())
    known = {file.path for file in catalogue.all_files(scope.store)}
    rows = scope.store.rows("select shard, seq from checkpoint")
    passed = {row["shard"]: row["seq"] for row in rows}
    for path in paths:
        name = path.relative_to(scope.lake).as_posix()
        if name not in known and not _on_its_way(path.name, passed):
            detail = "nobody catalogued it; queries do not read it"
            yield Finding("stray_file", name, detail, unbalances=False)


def _on_its_way(name: str, passed: Mapping[int, int]) -> bool:
    shard, _, rest = name.partition("-")
    seq = rest.removesuffix(".parquet")
    return shard.isdecimal() and seq.isdecimal() and int(seq) > passed.get(int(shard), 0)


def _count_repeats(scope: _Scope, hours: dict[tuple[str, int], Hour], broken: set[str]) -> None:
    import duckdb

    with duckdb.connect() as connection:
        for source in sorted({source for source, _ in hours}):
            table = find(source).table
            # What arrived before was not looked at, and may not be there.
            files = [
                file
                for file in _catalogued(scope)
                if file.table == table.name and file.path not in broken
            ]
            views.create_views(connection, scope.lake, table, files)
            repeats = connection.execute(
                f"select epoch_ms(ingest_time) // {HOUR_MS}, count(*) from (select ingest_time,"  # noqa: S608 - own names
                " row_number() over (partition by event_time, record_id order by ingest_time) as n"
                f' from "{table.name}_landing") where n > 1 group by 1'
            ).fetchall()
            for hour, count in repeats:
                if (source, hour) in hours:
                    hours[source, hour].duplicates = count
