"""What the table `reject` says of records whose refused lines were tried again.

Each attempt writes the rows of a record anew: those that are none any more, as resolved, and those
that are left. The sums by flush do not count them; so here what stands at last is compared with the
ledger, object by object: as many rejects, and all of them of the last attempt. Of an object of
which lines were erased there may be fewer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.deliver.lake_file import CURATED, LakeFile
from pipeline.ledger.findings import KEPT, Entries, Finding
from pipeline.schema import HOUR_MS, REJECT

# Only where a flush has records that were tried again: of the others the sums by flush tell.
SQL = """
with tried as (
  select * from kept semi join (select shard, flush from kept where attempt > 0)
  using (shard, flush)),
said as (
  select object, event_time, record_id, attempt, resolved from reject_landing union all
  select object, event_time, record_id, attempt, resolved from reject_curated),
newest as (
  select object, attempt, resolved from said semi join tried using (object)
  qualify row_number() over (partition by object, event_time, record_id
    order by attempt desc) = 1),
standing as (
  select object, count(*) as rejects, min(attempt) as attempt from newest
  where resolved is not true group by object)
select seq, source, shard, arrival_ms, rejected, t.attempt, coalesce(rejects, 0) as standing,
  coalesce(s.attempt, t.attempt) as oldest
from tried t left join standing s using (object)
where standing > rejected or (standing < rejected and not touched) or oldest < t.attempt
order by seq
"""
_TEXTS = ("source", "object")


@dataclass(frozen=True, slots=True)
class Differing:
    """A record of which the ledger and the table `reject` do not say the same."""

    seq: int
    source: str
    shard: int
    arrival_ms: int
    rejected: int
    attempt: int
    standing: int
    oldest: int


def kept_of(entries: Entries) -> pa.Table | None:
    """The table `kept` of the SQL; None where nothing was tried again."""
    if not any(entries.kept["attempt"]):
        return None
    schema = [(name, pa.string() if name in _TEXTS else pa.int64()) for name in KEPT]
    return pa.table(entries.kept, pa.schema(schema))


def findings(
    rows: Iterable[tuple[int, ...]],
    files: Sequence[LakeFile],
    is_lost: Callable[[Differing], bool],
) -> Iterator[Finding]:
    """What of the answers to the SQL is wrong; `is_lost`: a file cannot be read, which is said."""
    curated = [file for file in files if (file.table, file.zone) == (REJECT.name, CURATED)]
    for each in (Differing(*row) for row in rows):  # type: ignore[arg-type]
        # Compaction keeps one row of an event that two records brought at one time; that none is
        # lost of curated files their footers tell.
        folded = any(file.first_ms <= each.arrival_ms <= file.last_ms for file in curated)
        few = each.standing < each.rejected
        if is_lost(each) or (few and folded and each.oldest >= each.attempt):
            continue
        detail = (
            f"the ledger says rejected {each.rejected}, the table reject {each.standing}"
            if each.standing != each.rejected
            else f"the ledger says attempt {each.attempt}, the table reject {each.oldest}"
        )
        place = each.source, each.arrival_ms // HOUR_MS
        yield Finding("reject", f"sequence {each.seq}", detail, *place)
