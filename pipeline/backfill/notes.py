"""What a backfill notes in the bucket of the lake, beside the lake, so that it can be gone on with.

backfill/<id>/plan/<first>-<last>.json  which objects or hours of a shard are which batch
backfill/<id>/keys.json                 which keys each of these parts begins and ends with
backfill/<id>/begun/<number>.json       how far a batch has come that is not done
backfill/<id>/done/<number>.json        what came of a batch of which nothing is left
backfill/<id>/sum.json                  the sums, when an execution has come to its end
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pipeline.backfill.plan import Part, Time
from pipeline.documents import Count, Documents
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "backfill"
PLAN, BEGUN, DONE = "plan", "begun", "done"
KEYS, SUM = "keys.json", "sum.json"
DIGITS = 8
# Objects that one part of the plan names: 1.5 MB of JSON. No more batches than that are in it.
IN_A_PART = 10_000
PART_NAME = re.compile(rf"(\d{{{DIGITS}}})-(\d{{{DIGITS}}})\.json", re.ASCII)
BATCH_NAME = re.compile(rf"(\d{{{DIGITS}}})\.json", re.ASCII)

# Digits, as Kinesis numbers records; "" for none.
Sequence = Annotated[str, Meta(pattern=r"\A[0-9]{0,128}\Z")]


class Counts(msgspec.Struct, frozen=True):
    """What came of objects or records; `bytes` as they are stored, `billed_ms` of the function."""

    objects: Count = 0
    records: Count = 0
    bytes: Count = 0
    events_in: Count = 0
    rows: Count = 0
    rejected: Count = 0
    dropped: Count = 0
    calls: Count = 0
    billed_ms: Count = 0

    def __add__(self, other: "Counts") -> "Counts":
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Counts(*(mine + more for mine, more in pairs))


class Failed(msgspec.Struct, frozen=True):
    """An object, or the place in a shard, that could not be taken, and why."""

    where: str
    why: str


class Begun(msgspec.Struct, frozen=True):
    """How far a batch has come.

    left    places of its objects that are still to be taken; None: all
    after   sequence number up to which a slice was taken; "" for none
    at_ms   nothing behind that one has arrived before; 0 where nobody knows
    broken  sequence numbers up to there of records that a fault of ours does not let in
    failed  what the last call could not take
    """

    left: tuple[Count, ...] | None = None
    after: Sequence = ""
    at_ms: Time = 0
    broken: tuple[Sequence, ...] = ()
    counts: Counts = Counts()
    failed: tuple[Failed, ...] = ()


class Sum(msgspec.Struct, frozen=True):
    """What has come of a request until now.

    behind  number of the last batch that was tried
    more    there are batches behind it, which the next execution takes
    failed  of batches that are not done, what could not be taken: the first of them
    """

    counts: Counts = Counts()
    batches: Count = 0
    done: Count = 0
    behind: Count = 0
    more: bool = False
    failed: tuple[Failed, ...] = ()


class Ends(msgspec.Struct, frozen=True, array_like=True):
    """First and last key of a part of a plan."""

    first: str
    last: str

    @classmethod
    def of(cls, part: Part) -> "Ends":
        """Those of a part, whose objects are in order."""
        return cls(part.batches[0].objects[0].key, part.batches[-1].objects[-1].key)

    def meet(self, other: "Ends") -> bool:
        """Whether a key may be in both."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Notes:
    """The notes of one request, `id`; all raise TailraceError where S3 does not do its part."""

    client: "S3Client"
    bucket: str
    id: str

    @property
    def folder(self) -> str:
        """Where they lie, ending in /."""
        return f"{FOLDER}/{self.id}/"

    @property
    def _documents(self) -> Documents:
        # All of them: a batch that is numbered anew must not find what is noted of another.
        fix = f"delete s3://{self.bucket}/{self.folder}, and run it again: rows stay as they are"
        return Documents(self.client, self.bucket, self.folder, fix)

    def parts(self) -> list[str]:
        """Names of the parts of the plan, in order."""
        names = self._documents.names(f"{PLAN}/")
        return sorted(name for name in names if PART_NAME.fullmatch(name))

    def part(self, name: str) -> Part:
        """A part of the plan."""
        return self._documents.read(f"{PLAN}/{name}", Part) or Part(())

    def meeting(self, names: Iterable[str], keys: Ends) -> list[Part]:
        """Those parts of some that may name keys of a range.

        A part that the table of keys does not know, because a call broke off, is read.
        """
        ends = self._ends()
        some = [self.part(name) for name in names if name not in ends or ends[name].meet(keys)]
        return [part for part in some if Ends.of(part).meet(keys)]

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Note parts, which are new: none takes the place of another."""
        found: dict[str, Ends] = {}
        for part in parts:
            name = _name(part.batches[0].number, part.batches[-1].number)
            self._documents.add(f"{PLAN}/{name}", part)
            if part.batches[0].objects:
                found[name] = Ends.of(part)
        if found:
            self._documents.write(KEYS, self._ends() | found)

    def _ends(self) -> dict[str, Ends]:
        return self._documents.read(KEYS, dict[str, Ends]) or {}

    def begun(self, number: int) -> Begun:
        """How far a batch has come."""
        return self._documents.read(f"{BEGUN}/{_name(number)}", Begun) or Begun()

    def set_begun(self, number: int, begun: Begun) -> None:
        """Note how far it has come."""
        self._documents.write(f"{BEGUN}/{_name(number)}", begun)

    def done(self) -> set[int]:
        """Numbers of batches that are done."""
        names = map(BATCH_NAME.fullmatch, self._documents.names(f"{DONE}/"))
        return {int(name[1]) for name in names if name}

    def done_counts(self, number: int) -> Counts | None:
        """What came of a batch; None: it is not done."""
        return self._documents.read(f"{DONE}/{_name(number)}", Counts)

    def set_done(self, number: int, counts: Counts) -> None:
        """Note that nothing of a batch is left."""
        self._documents.write(f"{DONE}/{_name(number)}", counts)

    def sum(self) -> Sum:
        """The sums as an execution has noted them last; nothing before one has."""
        return self._documents.read(SUM, Sum) or Sum()

    def set_sum(self, found: Sum) -> None:
        """Note the sums."""
        self._documents.write(SUM, found)


def _name(*numbers: int) -> str:
    return "-".join(f"{each:0{DIGITS}d}" for each in numbers) + ".json"


def numbers_of(name: str) -> range:
    """Numbers of the batches in a part of a plan, by its name.

    Raises TailraceError for one of more batches than a part has.
    """
    first, last = (int(each) for each in PART_NAME.findall(name)[0])
    numbers = range(first, last + 1)
    if len(numbers) > IN_A_PART:
        fix = "delete the notes of the backfill, and run it again: rows stay as they are"
        raise TailraceError(f"no part of a plan has {len(numbers):,} batches", name, fix)
    return numbers
