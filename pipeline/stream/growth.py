"""Files that have grown: which file that came in before one begins with, and how far.

A file goes on with another one when it begins with all whole lines of it. Of the last line without
an end it is told apart whether the file has gone on with that, too, or holds something else there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from pipeline.store import Store
from pipeline.stream.scan import HEAD_BYTES, Scan, Wanted, head_of

MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Base:
    """A file that came in before, as `input` knows it, whose whole lines another begins with.

    complete  bytes of its whole lines
    covers    the other file begins with its last line as well, or it has none without an end
    """

    digest: str
    name: str
    formats: str
    complete: int
    covers: bool
    shard_key: str


def lengths_known(store: Store, source: str) -> Wanted:
    """For a scan: the lengths at which a file could be one of those that came in before."""

    def wanted(head: bytes) -> Sequence[int]:
        found = _candidates(store, source, head)
        ends = {length for row in found for length in (row[1], row[2])}
        return sorted(ends - {0})

    return wanted


def base_of(store: Store, source: str, found: Scan) -> Base | None:
    """The longest file that came in before and that a scanned one begins with; None for none."""
    best: tuple[tuple[int, bool, int], str] | None = None
    for digest, length, complete, complete_digest, number in _candidates(
        store, source, found.first
    ):
        covers = found.prefixes.get(length) == digest
        begins = complete > 0 and found.prefixes.get(complete) == complete_digest
        if digest != found.digest and (covers or begins):
            best = max(best or ((-1, False, 0), ""), ((complete, covers, number), digest))
    if best is None:
        return None
    (complete, covers, _), digest = best
    row = store.rows("select * from input where source = ? and digest = ?", source, digest)[0]
    key = row["shard_key"] or digest
    return Base(digest, row["name"], row["formats"], complete, covers, key)


def chain_of(store: Store, source: str, digest: str) -> list[str]:
    """Digests of a file and of those that it went on with, the newest first."""
    rows = store.rows(
        "with recursive chain(digest, depth) as ("
        " select ?, 0 union all select i.continues, c.depth + 1 from chain c"
        " join input i on i.source = ? and i.digest = c.digest where i.continues <> '')"
        " select digest from chain order by depth",
        *(digest, source),
    )
    return [row[0] for row in rows]


def went_on(store: Store, source: str, digest: str) -> bool:
    """Whether another file that came in holds all of this one."""
    return bool(
        store.rows(
            "select 1 from input where source = ? and continues = ? and covers limit 1",
            *(source, digest),
        )
    )


_FOUND = "select digest, length, complete_length, complete_digest, rowid from input"


def _candidates(store: Store, source: str, head: bytes) -> list[tuple[str, int, int, str, int]]:
    """Files that one which begins so may go on with; few, however many there are."""
    found = []
    if head_of(head):
        sql = f"{_FOUND} where source = ? and head = ?"
        found += store.rows(sql, source, head_of(head))
    small = head[:HEAD_BYTES]
    lines, starts = _prefixes(small)
    for column, digests in (("complete_digest", lines), ("digest", starts)):
        for at in range(0, len(digests), MOST_AT_ONCE):
            some = digests[at : at + MOST_AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"{_FOUND} where source = ? and head = '' and {column} in ({marks})"
            found += store.rows(sql, source, *some)
    return list({tuple(row): None for row in found})


def _prefixes(small: bytes) -> tuple[list[str], list[str]]:
    """Digests of a small content up to each line end, and up to each byte of its first line."""
    ends = [at + 1 for at, byte in enumerate(small) if byte == ord("\n")]
    first = small.find(b"\n")
    starts = range(1, (first if first >= 0 else len(small)) + 1)
    return [_digest(small[:end]) for end in ends], [_digest(small[:end]) for end in starts]


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
