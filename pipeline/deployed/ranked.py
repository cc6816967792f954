"""The rankings of a stack: up to when views and logs are counted, and if minutes are added up.

What is not added up is counted all the same; but each batch of it is read for itself.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from pipeline.counters.board import KEPT_MINUTES
from pipeline.counters.declared import all_rankings
from pipeline.counters.items import Items, Place, after, start_of
from pipeline.counters.table import AHEAD, COUNT, MERGED, MERGED_AFTER, OF_LOGS
from pipeline.deployed.check import Check
from pipeline.deployed.patient import Patient
from pipeline.deployed.stage import Deployed
from pipeline.deployed.words import counted

TABLE = "CountersTable"
OF_PAGES = "page"
NOTHING = "ViewsPerSecond or RankingsPerSecond is 0, and RankLogs false"
# As many calls of a schedule have not done it.
LATE_MINUTES = 10


def counters(patient: Patient) -> Iterator[Check]:
    """Whether closed minutes are added up. Raises TailraceError where DynamoDB does not tell."""
    table = patient.deployed.outputs.get(TABLE)
    if table is None:
        yield Check("counters", True, f"none: the stack ranks nothing, {NOTHING}")
        return
    items = Items(patient.client("dynamodb"), table)
    places = items.places(COUNT)
    if not places:
        yield Check("counters", True, "nothing is counted yet")
        return
    minute = int(patient.now.timestamp()) // 60
    waiting = _waiting(items, list(places), minute - KEPT_MINUTES - AHEAD)
    found = "; ".join(_streams(places))
    late = waiting is not None and waiting < minute - MERGED_AFTER - LATE_MINUTES
    if late and waiting is not None:
        found += f"; minutes since {_clock(waiting)} are not added up, and are slow to read"
    call = f"aws lambda invoke --function-name {patient.deployed.stack}-counters /dev/stdout"
    yield Check("counters", not late, found, f"call what does it: {call}; {patient.logs}")


def rankings_of(deployed: Deployed) -> tuple[str, ...]:
    """Rankings that a stack counts as events come: of page views, of logs, of both, or none."""
    if TABLE not in deployed.outputs:
        return ()
    views = all(deployed.number(each, 0) for each in ("ViewsPerSecond", "RankingsPerSecond"))
    logs = deployed.parameters.get("RankLogs") == "true"
    return tuple(name for name in all_rankings() if (views if name == OF_PAGES else logs))


def _streams(places: Mapping[str, Place]) -> Iterator[str]:
    """What is counted of each stream."""
    for what, of_logs in (("page views", False), ("logs", True)):
        mine = [place for log, place in places.items() if log.startswith(OF_LOGS) is of_logs]
        if mine:
            newest = _clock(max(place.minute for place in mine))
            shards = counted(len(mine), "shard")
            yield f"{what} of {shards} are counted, the newest came at {newest}"


def _waiting(items: Items, logs: list[str], first: int) -> int | None:
    """The oldest minute, from a first one on, of which something is not added up."""
    merged = items.places(MERGED)
    found = []
    for log in logs:
        key = merged[log].key if log in merged else ""
        behind = items.between(f"{COUNT}#{log}", max(after(key), start_of(first)))
        found += [each["sk"]["S"] for each in (next(behind, None),) if each is not None]
    return min((int(key.partition("#")[0]) for key in found), default=None)


def _clock(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%d %H:%MZ}"
