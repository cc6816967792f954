"""Files that came in: what the tables `input` and `input_record` promise of them.

`input` promises that the same file again adds nothing; `input_record`, that its refused lines can
be tried again. What tells of a lost row: the other table; a record that still lies in the stream;
a quarantine object, which says what file its record came from; the bytes of the records of a file;
and the numbers of the rows of `input`, which nobody deletes. A file whose rows are gone from both
tables at their end leaves no trace once its records are pruned, unless a line of it was refused.
"""

from collections.abc import Iterator, Mapping

from pipeline.errors import Reason
from pipeline.ledger.findings import Finding, sequences
from pipeline.ledger.scope import LAST_MS, Scope, number
from pipeline.schema import HOUR_MS

CONTENT = "content/"


def check_inputs(scope: Scope, kept: Mapping[int, str]) -> Iterator[Finding]:
    """Compare both tables with each other, the stream, the ledger and the quarantine.

    kept  digest of the file by sequence, as quarantine objects say
    """
    yield from _unknown_files(scope)
    yield from _unlinked(scope, kept)
    yield from _incomplete(scope)


_UNKNOWN = """
select i.source, i.digest, min(i.seq) as first, max(i.seq) as last,
  max(coalesce(l.arrival_ms, r.arrival_ms)) as arrival_ms
from input_record i left join input f on f.source = i.source and f.digest = i.digest
left join ledger l on l.seq = i.seq left join record r on r.seq = i.seq
where f.digest is null group by 1, 2 order by 3
"""
# SQLite numbers the rows one by one; VACUUM closes holes and makes none.
_HOLES = """
select n + 1, next - 1 from (select n, lead(n) over (order by n) as next from (
  select 0 as n union all select rowid from input)) where next > n + 1
"""


def _unknown_files(scope: Scope) -> Iterator[Finding]:
    detail = "the table input does not know it any more: the same file would come in twice"
    unknown = scope.store.rows(_UNKNOWN)
    for source, digest, first, last, arrival_ms in unknown:
        place = _place(source, arrival_ms)
        if place[1] * HOUR_MS >= scope.since_ms:
            where = f"file {digest} of {sequences(first, last)}"
            yield Finding("input_missing", where, detail, *place)
    holes = scope.store.rows(_HOLES)
    if sum(last - first + 1 for first, last in holes) > len(unknown):
        rows = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in holes)
        where = f"input, rows {rows}"
        yield Finding("input_missing", where, "files that came in are not known any more")


# A record of a file in the stream, which `input_record` does not name as one of that file.
_LOOSE = f"""
select r.seq, substr(r.identity, {len(CONTENT) + 1}) as digest from record r
left join input_record i on i.seq = r.seq
where substr(r.identity, 1, {len(CONTENT)}) = '{CONTENT}' and r.arrival_ms >= ?
  and i.digest is not substr(r.identity, {len(CONTENT) + 1})
"""  # noqa: S608 - own names
_LINK = """
select coalesce(l.source, r.source) as source, coalesce(l.arrival_ms, r.arrival_ms) as arrival_ms,
  i.source = coalesce(l.source, r.source) and i.digest = s.digest as linked
from (select ? as seq, ? as digest) s left join input_record i on i.seq = s.seq
left join ledger l on l.seq = s.seq left join record r on r.seq = s.seq
"""


def _unlinked(scope: Scope, kept: Mapping[int, str]) -> Iterator[Finding]:
    """Records that came from a file, which `input_record` does not say."""
    told = dict(kept) | {seq: digest for seq, digest in scope.store.rows(_LOOSE, scope.since_ms)}
    for seq, digest in sorted(told.items()):
        source, arrival_ms, linked = scope.store.rows(_LINK, seq, digest)[0]
        if not linked:
            detail = f"the table input_record does not say that it came from the file {digest}"
            where = f"sequence {seq}"
            yield Finding("input_record_missing", where, detail, *_place(source, arrival_ms))


# A line that is too long leaves its rest behind; one record alone may have come compressed.
_PARTS = f"""
with part as (
  select i.source, i.digest, coalesce(r.size, l.bytes_in) as size,
    l.reasons like '%"{Reason.TOO_LONG}"%' as cut
  from input_record i left join record r on r.seq = i.seq left join ledger l on l.seq = i.seq)
select f.source, f.digest, f.name, f.arrival_ms, f.done_bytes, count(p.digest) as parts,
  coalesce(sum(p.size), 0) as held
from input f left join part p on p.source = f.source and p.digest = f.digest
where f.done_bytes > 0 and f.arrival_ms >= ? group by 1, 2
having parts = 0 or (parts > 1 and held <> f.done_bytes and count(p.size) = parts
  and coalesce(max(p.cut), 0) = 0)
"""  # noqa: S608 - own names


def _incomplete(scope: Scope) -> Iterator[Finding]:
    """Files of which not every byte is in a record that is known to be of them."""
    for source, digest, name, arrival_ms, done, parts, held in scope.store.rows(
        _PARTS, scope.since_ms
    ):
        where = f"file {digest} ({name})"
        detail = f"{done} bytes of it came in, its {parts} known records hold {held}"
        yield Finding("input_record_missing", where, detail, *_place(source, arrival_ms))


def _place(source: object, arrival_ms: object) -> tuple[str, int]:
    return str(source), arrival_ms // HOUR_MS if number(arrival_ms, LAST_MS) else 0
