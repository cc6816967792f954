"""The files of the lake: as the catalogue says, and with the rows that the ledger promised."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

from pipeline.deliver.files import TEMPORARY
from pipeline.deliver.lake import extent_of
from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile, digest_of_file
from pipeline.lake import catalogue, curated
from pipeline.ledger.findings import HOUR_FORMAT, Finding, hour_of, source_of
from pipeline.ledger.folded import Known
from pipeline.ledger.scope import MOST, SOUND, Scope, number, regular, why
from pipeline.schema import BATCH, HOUR_MS, REJECT
from pipeline.store.lock import writer_of
from pipeline.triggers import name_of

ZONES = (LANDING, CURATED)


def check_files(scope: Scope, catalogued: Iterable[LakeFile]) -> Iterator[Finding]:
    """Compare the files with the catalogue, the catalogue with the ledger, and name strays."""
    yield from _contents(scope, catalogued)
    yield from _rows_of_files(scope)
    yield from _strays(scope)


def read_catalogue(scope: Scope, known: Known) -> Iterator[Finding]:
    """Put the files of all hours since then into `known`; name entries that cannot be right."""
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
    wrong = [name for name in counts if not number(getattr(file, name))]
    wrong += [n for n in ("first_ms", "last_ms") if not isinstance(getattr(file, n), int)]
    wrong += [name for name in ("path", "table") if not isinstance(getattr(file, name), str)]
    # A query that looks into one zone must find in it what lies there.
    if file.zone not in ZONES or not str(file.path).startswith(f"{file.zone}/"):
        wrong.append("zone")
    try:
        hour_of(file)
    except (TypeError, ValueError):
        wrong.append("arrival_hour")
    return wrong


def _contents(scope: Scope, files: Iterable[LakeFile]) -> Iterator[Finding]:
    for file in files:
        place = source_of(file), hour_of(file)
        path = scope.lake / file.path
        try:
            digest = digest_of_file(regular(path))
        except (OSError, ValueError) as error:
            yield Finding("file_missing", file.path, f"cannot be read: {why(error)}", *place)
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
        if astuple(found) != said and not (file.zone == CURATED and found.rows == file.rows == 0):
            names = ("rows", "first_ms", "last_ms")
            detail = "; ".join(
                f"the catalogue says {name} {one}, the file {other}"
                for name, one, other in zip(names, said, astuple(found), strict=True)
                if one != other
            )
            yield Finding("extent", file.path, detail, *place)


_PROMISED = f"""
with sound as (
  select *, rows + exists(select 1 from retracted t where t.seq = ledger.seq) as landed
  from ledger where {SOUND}),
promised as (
  select tbl, shard, flush, source, arrival_ms, landed as rows from sound
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
     and f.arrival_hour = h.hour and (f.folded is not null or f.retired_ms is null)
     and f.rows between 0 and {MOST})
  + (select coalesce(sum(e.rows), 0) from erased e
   where e.zone = 'landing' and e.tbl = h.tbl and e.shard = h.shard and e.flush = h.flush
     and e.arrival_hour = h.hour and typeof(e.rows) = 'integer' and e.rows between 0 and {MOST})
from hourly h
"""  # noqa: S608 - own names
# Rows of a flush whose records came again in a later one: the checkpoint was set back into it.
_MOVED = f"""
select coalesce(sum(rows), 0) from ledger where {SOUND} and tbl = ? and shard = ? and flush > ?
  and seq <= (select max(last_seq) from lake_file where tbl = ? and shard = ? and first_seq = ?)
"""  # noqa: S608 - own names


def _rows_of_files(scope: Scope) -> Iterator[Finding]:
    """Rows that the ledger promised against those of the catalogued files, by flush and hour.

    A reject is promised one row of `reject`, a record one of `batch`; later attempts add to these.
    A row that was taken back stays where it is; one that was erased is noted instead.
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


def _strays(scope: Scope) -> Iterator[Finding]:
    # The folder first: what is catalogued while it is listed is no stray. What a writer has not
    # noted yet lies behind the checkpoint, or is a newer version of a day.
    written = writer_of(scope.store.path.parent) is not None
    paths = sorted(path for path in scope.lake.rglob("*") if path.is_file())
    known = {file.path for file in catalogue.all_files(scope.store)}
    rows = scope.store.rows("select shard, seq from checkpoint")
    passed = {row["shard"]: row["seq"] for row in rows if isinstance(row["seq"], int)}
    for path in paths:
        name = path.relative_to(scope.lake).as_posix()
        if (
            name in known
            or _on_its_way(path.name, passed)
            or (written and _unfinished(name, known))
        ):
            continue
        if path.exists():
            detail = "nobody catalogued it; queries do not read it"
            yield Finding("stray_file", name_of(name), detail, unbalances=False)


def _unfinished(name: str, known: Collection[str]) -> bool:
    """Whether a living writer may be about to note it, or to remove it."""
    path = Path(name)
    if path.name.endswith(TEMPORARY):
        return True
    version = curated.version_of(path)
    day = f"{path.parent.as_posix()}/"
    others = (curated.version_of(Path(each)) for each in known if each.startswith(day))
    return version > max(others, default=0)


def _on_its_way(name: str, passed: Mapping[int, int]) -> bool:
    shard, _, rest = name.partition("-")
    seq = rest.removesuffix(".parquet")
    return shard.isdecimal() and seq.isdecimal() and int(seq) > passed.get(int(shard), 0)
