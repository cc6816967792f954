"""Landing without a subject: what is left of a file is written beside it, then the file goes.

Never over it: a running query may read half of each. One that has listed the file before it goes
fails, and asked again is right; one that lists both sees copies, of which views show one.

Compaction knows what the hours held that it has folded, by the names of their files. Where that was
still so before, it is told the new names when all is done, for nothing has come that it has to see.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b

from pipeline.curate.objects import Objects
from pipeline.curate.plan import Hour, Listed, Plan, State, by_hour, summary
from pipeline.erase.stack.objects import Bucket, Key
from pipeline.erase.stack.work import Before, folder, latest

ERASED = re.compile(r"-e[0-9a-f]{8}$")
TOKEN_BYTES = 4
PARQUET = ".parquet"


def renamed(key: str, erasure: str) -> str:
    """Name of what an erasure leaves of a file: the same one each time, and no other file's."""
    token = blake2b(f"{erasure}/{key}".encode(), digest_size=TOKEN_BYTES).hexdigest()
    return f"{stem(key)}-e{token}{PARQUET}"


def stem(key: str) -> str:
    """What the names of a file have in common, whatever was erased of it."""
    return ERASED.sub("", key.removesuffix(PARQUET))


def noting(
    bucket: Bucket, objects: Objects, erasure: str, table: str, keys: Iterable[Key]
) -> Iterator[Key]:
    """Objects as they come; behind the last one it is noted what hours hold that were folded so.

    Of a table that is long in use compaction knows the last days alone. What was noted before
    stands.
    """
    state, plan = objects.state(table), objects.plan(table)
    known = [state.hours, plan.hours if plan else {}]
    held: dict[str, list[Listed]] = {}
    for key in keys:
        yield key
        listed = [Listed(key.key, now.bytes)] if (now := latest(key)) else []
        for name in by_hour(listed):
            if any(name in hours for hours in known):
                held.setdefault(name, []).extend(listed)
    found = {
        name: of_hour
        for name, of_hour in held.items()
        if any(hours.get(name) == summary(of_hour) for hours in known)
    }
    if found:
        place = _place(erasure, table)
        noted = bucket.read(place, Before) or Before()
        bucket.write(place, Before({**found, **noted.hours}))


def settle(bucket: Bucket, objects: Objects, erasure: str, now: datetime) -> None:
    """Tell compaction the new names, where it knew the old ones."""
    for key in bucket.keys(f"{folder(erasure)}folded/"):
        noted = bucket.read(key, Before)
        if noted and noted.hours:
            _settle(objects, key.rpartition("/")[2].removesuffix(".json"), noted, now)


def _settle(objects: Objects, table: str, noted: Before, now: datetime) -> None:
    state, plan = objects.state(table), objects.plan(table)
    there = {each.key: each for each in objects.landing(table, state, now)}
    erased = [each for key, each in sorted(there.items()) if ERASED.search(_bare(key))]
    count = Counter(stem(each.key) for each in erased)
    # Of several that may be what is left of a file none is: their hour is folded once more.
    stems = {name: each for each in erased if count[name := stem(each.key)] == 1}
    expected = {
        name: [left for each in of_hour if (left := there.get(each.key, stems.get(stem(each.key))))]
        for name, of_hour in noted.hours.items()
    }
    hours = _changed(state.hours, noted, expected)
    if hours != state.hours:
        objects.set_state(table, State(state.watermark, hours))
    if plan is not None and (hours := _changed(plan.hours, noted, expected)) != plan.hours:
        objects.set_plan(table, Plan(plan.id, plan.until, hours, plan.days))


def _changed(
    hours: Mapping[str, Hour], noted: Before, expected: Mapping[str, list[Listed]]
) -> dict[str, Hour]:
    """What is known of hours, with what is left of those that were as noted."""
    told = dict(hours)
    for name, before in noted.hours.items():
        if hours.get(name) == summary(before):
            told[name] = summary(expected[name])
    return told


def _bare(key: str) -> str:
    return key.removesuffix(PARQUET)


def _place(erasure: str, table: str) -> str:
    return f"{folder(erasure)}folded/{table}.json"
