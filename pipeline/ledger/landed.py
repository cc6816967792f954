"""What only the rows themselves can tell: repeats, and what the tables `batch` and `reject` say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.deliver.lake_file import CURATED, LANDING, LakeFile
from pipeline.lake import views
from pipeline.ledger import refused
from pipeline.ledger.findings import SAID, Entries, Finding, hour_of, sequences, source_of
from pipeline.schema import BATCH, HOUR_MS, REJECT, Table
from pipeline.sources import find

if TYPE_CHECKING:
    import duckdb

# By name, so that whoever audits often can hold it open: to make one takes 15 ms.
ENGINE = ":memory:audit"
# Of these all files are read, of the others only what may hold a repeat.
OWN = (BATCH.name, REJECT.name)


def ask_lake(
    folder: Path,
    entries: Entries,
    files: Sequence[LakeFile],
    broken: set[str],
    gaps: Sequence[tuple[int, int]],
    since_ms: int = 0,
) -> Iterator[Finding]:
    """What only the rows themselves can tell: repeats, and what `batch` and `reject` say.

    files  landing files that arrived since then and are not folded in, and all curated files
    """
    import duckdb

    with duckdb.connect(ENGINE) as connection:
        lake = _Lake(connection, folder, [file for file in files if file.path not in broken])
        connection.register("entry", pa.table(entries.columns, _ENTRY))
        differences = lake.ask(BATCH, _DIFFERENCES.format(since_ms))
        differing = _differing(lake, refused.kept_of(entries))
        repeats = {
            source: lake.ask(find(source).table, _REPEATS.format(find(source).table.name))
            for source in sorted({source for source, _ in entries.hours})
        }
    for source, found in repeats.items():
        for at, count in found:
            if (source, at) in entries.hours:
                entries.hours[source, at].duplicates += count
    yield from lake.findings
    unread = broken | {finding.where for finding in lake.findings}
    lost = [file for file in files if file.path in unread]
    skipped = [*gaps, *((seq, seq) for seq in entries.damaged)]
    yield from _differences(differences, skipped, _of(BATCH, lost))
    yield from refused.findings(differing, files, lambda each: _inside(each, _of(REJECT, lost)))


def _differing(lake: "_Lake", kept: pa.Table | None) -> list[tuple[Any, ...]]:
    if kept is None:
        return []
    lake.connection.register("kept", kept)
    return lake.ask(REJECT, refused.SQL)


def _of(table: Table, files: Sequence[LakeFile]) -> list[LakeFile]:
    return [file for file in files if file.table == table.name]


_ENTRY = pa.schema([(name, pa.string() if name == "source" else pa.int64()) for name in SAID])
# A row that has not been folded in is a repeat when curated has it, or another that came before it.
_REPEATS = f"""
select epoch_ms(ingest_time) // {HOUR_MS}, count(*) from (
  select event_time, record_id, ingest_time,
    row_number() over (partition by event_time, record_id order by ingest_time) as n
  from "{{0}}_landing") l
left join (select event_time, record_id from "{{0}}_curated") c
  on c.event_time = l.event_time and c.record_id = l.record_id
where n > 1 or c.record_id is not null group by 1
"""  # noqa: S608 - own names
_DIFFERENCES = f"""
with said as (select * from batch_landing union all by name select * from batch_curated),
newest as (
  select sequence as seq, epoch_ms(event_time) as arrival_ms, * exclude (sequence)
  from said where epoch_ms(event_time) >= {{0}} qualify row_number() over (
    partition by sequence order by attempt desc, landed_at desc) = 1)
select {", ".join(f"{side}.{name}" for side in "en" for name in SAID)}
from entry e full join newest n on n.seq = e.seq
where {" or ".join(f"e.{name} is distinct from n.{name}" for name in SAID)}
order by coalesce(e.seq, n.seq)
"""  # noqa: S608 - own names


@dataclass(slots=True)
class _Lake:
    """DuckDB over some files; those that it cannot read are named and left out."""

    connection: "duckdb.DuckDBPyConnection"
    folder: Path
    files: Sequence[LakeFile]
    findings: list[Finding] = field(default_factory=list)

    def ask(self, table: Table, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement over what one table has in landing and in curated."""
        import duckdb

        files = [file for file in self.files if file.table == table.name]
        try:
            return self._rows(table, files, sql)
        except duckdb.Error:
            return self._rows(table, [file for file in files if self._reads(table, file, sql)], sql)

    def _rows(self, table: Table, files: Sequence[LakeFile], sql: str) -> list[tuple[Any, ...]]:
        landing = [file for file in files if file.zone == LANDING]
        curated = [file for file in files if file.zone == CURATED]
        if table.name not in OWN and landing:
            curated = views.overlapping(curated, landing)
        for zone, mine in ((LANDING, landing), (CURATED, curated)):
            rows = views.rows(self.folder, table, mine)
            self.connection.execute(f'create or replace temp view "{table.name}_{zone}" as {rows}')
        return self.connection.execute(sql).fetchall()

    def _reads(self, table: Table, file: LakeFile, sql: str) -> bool:
        import duckdb

        if file.zone == CURATED and table.name not in OWN:
            # Nothing of it would be read for the sake of no landing file.
            sql = f'select max(event_time), max(record_id) from "{table.name}_{CURATED}"'  # noqa: S608
        try:
            self._rows(table, [file], sql)
        except duckdb.Error as error:
            detail = f"its rows cannot be read: {str(error).splitlines()[0]}"
            place = source_of(file), hour_of(file)
            self.findings.append(Finding("file_unreadable", file.path, detail, *place))
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Said:
    """One side's word on a record, in the order of `SAID`."""

    seq: int
    source: str
    shard: int
    arrival_ms: int
    events_in: int
    rows: int
    rejected: int
    dropped: int
    attempt: int


def _differences(
    rows: Iterable[tuple[Any, ...]], skipped: Sequence[tuple[int, int]], lost: Sequence[LakeFile]
) -> Iterator[Finding]:
    """Records of which the ledger and the table `batch` do not say the same.

    skipped  sequences whose entry is gone or damaged, which is said already
    lost     files of `batch` that cannot be read, which is said as well
    """
    unknown: list[_Said] = []
    without: list[_Said] = []
    for row in rows:
        entry, batch = row[: len(SAID)], row[len(SAID) :]
        if batch[0] is None:
            said = _Said(*entry)
            if not _inside(said, lost):
                without.append(said)
        elif entry[0] is None:
            said = _Said(*batch)
            if not any(first <= said.seq <= last for first, last in skipped):
                unknown.append(said)
        elif not _inside(_Said(*entry), lost):
            pairs = zip(SAID, entry, batch, strict=True)
            detail = "; ".join(
                f"the ledger says {name} {one}, the table batch {other}"
                for name, one, other in pairs
                if one != other
            )
            yield Finding("batch", f"sequence {entry[0]}", detail, *_hour_place(_Said(*entry)))
    detail = "the table batch knows it, the ledger does not"
    yield from _in_runs(unknown, "entry_missing", detail)
    yield from _in_runs(without, "batch_missing", "the ledger knows it, the table batch does not")


def _inside(said: _Said | refused.Differing, files: Sequence[LakeFile]) -> bool:
    return any(
        file.first_ms <= said.arrival_ms <= file.last_ms
        if file.zone == CURATED
        else file.shard == said.shard and file.first_seq <= said.seq <= file.last_seq
        for file in files
    )


def _hour_place(said: _Said) -> tuple[str, int]:
    return said.source, said.arrival_ms // HOUR_MS


def _in_runs(found: Sequence[_Said], kind: str, detail: str) -> Iterator[Finding]:
    """One finding for each run of sequences of one source and hour."""
    numbered = enumerate(found)
    for _, run in groupby(numbered, lambda each: (each[1].seq - each[0], _hour_place(each[1]))):
        said = [each for _, each in run]
        where = sequences(said[0].seq, said[-1].seq)
        yield Finding(kind, where, detail, *_hour_place(said[0]))
