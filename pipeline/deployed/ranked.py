"""The ranking of a stack: up to when its page views are counted, and whether minutes are added up.

What is not added up is counted all the same; but each batch of it is read for itself.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.counters.board import KEPT_MINUTES
from pipeline.counters.items import Items, after, start_of
from pipeline.counters.table import AHEAD, COUNT, MERGED, MERGED_AFTER
from pipeline.deployed.check import Check
from pipeline.deployed.patient import Patient
from pipeline.deployed.words import counted

TABLE = "CountersTable"
# As many calls of a schedule have not done it.
LATE_MINUTES = 10


def counters(patient: Patient) -> Iterator[Check]:
    """Whether closed minutes are added up. Raises TailraceError where DynamoDB does not tell."""
    table = patient.deployed.outputs.get(TABLE)
    if table is None:
        off = "ViewsPerSecond or RankingsPerSecond is 0"
        yield Check("counters", True, f"none: the stack ranks no pages, {off}")
        return
    items = Items(patient.client("dynamodb"), table)
    places = items.places(COUNT)
    if not places:
        yield Check("counters", True, "no page view is counted yet")
        return
    minute = int(patient.now.timestamp()) // 60
    waiting = _waiting(items, list(places), minute - KEPT_MINUTES - AHEAD)
    newest = _clock(max(place.minute for place in places.values()))
    found = (
        f"page views of {counted(len(places), 'shard')} are counted, the newest came at {newest}"
    )
    late = waiting is not None and waiting < minute - MERGED_AFTER - LATE_MINUTES
    if late and waiting is not None:
        found += f"; minutes since {_clock(waiting)} are not added up, and are slow to read"
    call = f"aws lambda invoke --function-name {patient.deployed.stack}-counters /dev/stdout"
    yield Check("counters", not late, found, f"call what does it: {call}; {patient.logs}")


def _waiting(items: Items, shards: list[str], first: int) -> int | None:
    """The oldest minute, from a first one on, of which something is not added up."""
    merged = items.places(MERGED)
    found = []
    for shard in shards:
        key = merged[shard].key if shard in merged else ""
        behind = items.between(f"{COUNT}#{shard}", max(after(key), start_of(first)))
        found += [each["sk"]["S"] for each in (next(behind, None),) if each is not None]
    return min((int(key.partition("#")[0]) for key in found), default=None)


def _clock(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%d %H:%MZ}"
