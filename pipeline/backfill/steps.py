"""The steps of a backfill: infra/backfill.asl.yaml says in which order.

Every step can be the last one that is run, and can come again: what it has to know is noted in the
bucket of the lake, and rows keep their identity. A batch that fails does not end the others.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import invoke
from pipeline.aws import told
from pipeline.backfill.again import HomeAgain
from pipeline.backfill.notes import IN_A_PART, Counts, Ends, Notes, Sum, numbers_of
from pipeline.backfill.plan import Batch, Known, Object, Part, Request, batches_of, slices_of
from pipeline.backfill.shards import Shards
from pipeline.backfill.taking import Taking
from pipeline.batch import Attempt
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Objects that one call looks at.
LISTED = 50_000
AT_ONCE = 8
SHOWN, SHOWN_TEXT = 5, 300

Step = Mapping[str, Any]
Told = dict[str, Any]


class NotAll(TailraceError):
    """Something of a batch could not be taken; what was taken of it is noted."""


@dataclass(frozen=True)
class Backfill:
    """Backfills of one stage.

    bucket   of the lake, for the notes
    stack    what the function works with, and an AwsHome
    clock    the time, aware
    sleep    between two pages of a shard
    """

    bucket: str
    s3: "S3Client"
    kinesis: Any
    stack: invoke.Stack
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def take(self, step: Step, left: invoke.Left) -> Told:
        """Do a step: `step` is its name, what else it has to know stands beside it.

        left  seconds until it has to wind up

        Raises NotAll where something could not be taken, TailraceError where a service does not do
        its part, ValueError for a step that is none.
        """
        steps: dict[str, Callable[[Step, invoke.Left], Told]] = {
            "plan": self._plan,
            "round": self._round,
            "take": self._take,
            "sum": self._sum,
        }
        name = str(step.get("step"))
        if name not in steps:
            raise ValueError(f"there is no step {name!r}")
        return steps[name](step, left)

    def _notes(self, step: Step) -> tuple[Request, Notes]:
        request = msgspec.convert(step["request"], Request)
        return request, Notes(self.s3, self.bucket, request.id)

    def _plan(self, step: Step, left: invoke.Left) -> Told:
        """Batches of what is there and in no plan yet; `after`: where the next call goes on."""
        request, notes = self._notes(step)
        if request.stream:
            batches, after = self._hours(request, notes), ""
        else:
            batches, after = self._objects(request, notes, step["after"])
        notes.add_parts(_parts(batches))
        return {"after": after, "more": bool(after)}

    def _objects(self, request: Request, notes: Notes, after: str) -> tuple[Iterator[Batch], str]:
        some = list(islice(self._listed(request, after), LISTED))
        if not some:
            return iter(()), ""
        names = notes.parts()
        # Of a plan of millions of objects no call may read all.
        known = Known.of(notes.meeting(names, Ends(some[0].key, some[-1].key)))
        fresh = (each for each in some if (each.key, each.stored_ms) not in known.objects)
        wanted = (each for each in fresh if self._is_wanted(request, each))
        last = some[-1].key if len(some) == LISTED else ""
        return batches_of(wanted, _behind(names)), last

    def _is_wanted(self, request: Request, found: Object) -> bool:
        if not request.holds(found.stored_ms) or (found.key.endswith("/") and not found.bytes):
            return False
        uri = f"s3://{request.bucket}/{found.key}"
        return request.source in ("", self.stack.routes.source_of(uri))

    def _listed(self, request: Request, after: str) -> Iterator[Object]:
        with told("S3", f"s3://{request.bucket}/{request.prefix}"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=request.bucket, Prefix=request.prefix, StartAfter=after
            )
            for page in pages:
                for each in page.get("Contents", []):
                    stored_ms = round(each["LastModified"].timestamp() * 1000)
                    yield Object(each["Key"], each["Size"], stored_ms)

    def _hours(self, request: Request, notes: Notes) -> Iterator[Batch]:
        names = notes.parts()
        known = Known.of(notes.part(name) for name in names)
        shards = Shards(self.kinesis, request.stream, self.sleep, self.clock)
        first = max(request.from_ms, shards.kept_since_ms(self.clock()))
        found = slices_of(shards.names(), first, min(request.to_ms, self._now_ms()))
        fresh = (each for each in found if (each.shard, each.to_ms) not in known.slices)
        for number, each in enumerate(fresh, _behind(names)):
            yield Batch(number, slice=each)

    def _round(self, step: Step, left: invoke.Left) -> Told:
        """The next batches that are not done, `most` of them."""
        _, notes = self._notes(step)
        done, found = notes.done(), []
        for name in notes.parts():
            numbers = (each for each in numbers_of(name) if each > step["behind"])
            found += [{"part": name, "number": each} for each in numbers if each not in done]
            if len(found) >= step["most"]:
                break
        some = found[: step["most"]]
        return {"batches": some, "behind": some[-1]["number"] if some else step["behind"]}

    def _take(self, step: Step, left: invoke.Left) -> Told:
        """Take a batch, or go on with it; `more`: the time was up."""
        request, notes = self._notes(step)
        number, began = step["number"], self.clock()
        if notes.done_counts(number) is not None:
            return {"more": False}
        (batch,) = [each for each in notes.part(step["part"]).batches if each.number == number]
        shards = Shards(self.kinesis, request.stream, self.sleep, self.clock)
        taking = Taking(request, batch, self._again(step, request), shards, left, self._now_ms())
        before = notes.begun(number)
        begun, more = taking.go_on(before)
        told = {"more": more, "rejected": begun.counts.rejected - before.counts.rejected}
        passed = round((self.clock() - began).total_seconds() * 1000)
        begun = msgspec.structs.replace(
            begun, counts=begun.counts + Counts(calls=1, billed_ms=passed)
        )
        if not more and not begun.failed:
            notes.set_done(number, begun.counts)
            return told
        notes.set_begun(number, begun)
        if begun.failed and not more:
            first = begun.failed[0]
            what = f"{len(begun.failed)} of batch {number} could not be taken: {first.why}"
            raise NotAll(what[:SHOWN_TEXT], first.where)
        return told

    def _again(self, step: Step, request: Request) -> invoke.Stack:
        home = self.stack.home
        if not isinstance(home, invoke.AwsHome):
            return self.stack
        attempt = Attempt.at(step["begun_ms"])
        # With the attempt: what an earlier one wrote may have been other rows.
        written = (f"{request.id}{attempt.number:x}", self._now_ms())
        own = replace(home, replay=written, outlasts=False)
        return replace(self.stack, home=HomeAgain(own, attempt))

    def _sum(self, step: Step, left: invoke.Left) -> Told:
        """All sums; `more`: the next execution has something to take."""
        _, notes = self._notes(step)
        done = notes.done()
        numbers = [each for name in notes.parts() for each in numbers_of(name)]
        open_ = [each for each in numbers if each not in done]
        found = Sum(Counts(), len(numbers), len(done), step["behind"])
        if any(each > step["behind"] for each in open_):
            notes.set_sum(msgspec.structs.replace(found, more=True))
            return {"more": True, "failed": 0, "why": ""}
        # Each of them is a request to S3, of which one after the other takes 20 ms.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            counts = sum(filter(None, pool.map(notes.done_counts, done)), Counts())
            begun = list(pool.map(notes.begun, open_))
        counts = sum((each.counts for each in begun), counts)
        failed = tuple(islice((one for each in begun for one in each.failed), SHOWN))
        notes.set_sum(msgspec.structs.replace(found, counts=counts, failed=failed))
        why = "; ".join(f"{each.where}: {each.why}" for each in failed)[:SHOWN_TEXT]
        return {"more": False, "failed": len(open_), "why": why}

    def _now_ms(self) -> int:
        return round(self.clock().astimezone(UTC).timestamp() * 1000)


def _behind(names: list[str]) -> int:
    """The first number that no part of a plan has."""
    return max((numbers_of(name).stop for name in names), default=1)


def _parts(batches: Iterator[Batch]) -> Iterator[Part]:
    mine: list[Batch] = []
    size = 0
    for each in batches:
        mine.append(each)
        size += len(each.objects) or 1
        if size >= IN_A_PART:
            yield Part(tuple(mine))
            mine, size = [], 0
    if mine:
        yield Part(tuple(mine))
