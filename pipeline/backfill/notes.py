"""What a backfill notes in the bucket of the lake, beside the lake, so that it can be gone on with.

    backfill/<id>/plan/<first>-<last>.json  which objects or hours of a shard are which batch
    backfill/<id>/begun/<number>.json       how far a batch has come that is not done
    backfill/<id>/done/<number>.json        what came of a batch of which nothing is left
    backfill/<id>/sum.json                  the sums, when an execution has come to its end

Source: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pipeline.aws import told
from pipeline.backfill.plan import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "backfill"
PLAN, BEGUN, DONE, SUM = "plan", "begun", "done", "sum.json"
DIGITS = 8
T = TypeVar("T")


class Counts(msgspec.Struct, frozen=True):
    """What came of objects or records; `bytes` as they are stored, `billed_ms` of the function."""

    objects: int = 0
    records: int = 0
    bytes: int = 0
    events_in: int = 0
    rows: int = 0
    rejected: int = 0
    dropped: int = 0
    calls: int = 0
    billed_ms: int = 0

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

    left: tuple[int, ...] | None = None
    after: str = ""
    at_ms: int = 0
    broken: tuple[str, ...] = ()
    counts: Counts = Counts()
    failed: tuple[Failed, ...] = ()


class Sum(msgspec.Struct, frozen=True):
    """What has come of a request until now.

    behind  number of the last batch that was tried
    more    there are batches behind it, which the next execution takes
    failed  of batches that are not done, what could not be taken: the first of them
    """

    counts: Counts = Counts()
    batches: int = 0
    done: int = 0
    behind: int = 0
    more: bool = False
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True)
class Notes:
    """The notes of one request, `id`."""

    client: "S3Client"
    bucket: str
    id: str

    @property
    def folder(self) -> str:
        """Where they lie, ending in /."""
        return f"{FOLDER}/{self.id}/"

    def parts(self) -> list[str]:
        """Names of the parts of the plan, in order. Raises TailraceError where S3 has none."""
        return sorted(self._names(PLAN))

    def part(self, name: str) -> Part:
        """A part of the plan. Raises TailraceError where S3 does not give it."""
        found = self._read(f"{PLAN}/{name}", Part)
        return found or Part(())

    def add_part(self, part: Part) -> None:
        """Note a part; what stands under its name stays. Raises TailraceError for anything else."""
        first, last = part.batches[0].number, part.batches[-1].number
        name = f"{PLAN}/{first:0{DIGITS}d}-{last:0{DIGITS}d}.json"
        with told("S3", f"s3://{self.bucket}/{self.folder}{name}"):
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.folder + name,
                Body=msgspec.json.encode(part),
                IfNoneMatch="*",
            )

    def begun(self, number: int) -> Begun:
        """How far a batch has come. Raises TailraceError where S3 does not say."""
        return self._read(f"{BEGUN}/{number:0{DIGITS}d}.json", Begun) or Begun()

    def set_begun(self, number: int, begun: Begun) -> None:
        """Note how far it has come. Raises TailraceError where S3 does not take it."""
        self._write(f"{BEGUN}/{number:0{DIGITS}d}.json", begun)

    def done(self) -> set[int]:
        """Numbers of batches that are done. Raises TailraceError where S3 does not list them."""
        return {int(name.partition(".")[0]) for name in self._names(DONE)}

    def done_counts(self, number: int) -> Counts | None:
        """What came of a batch; None: it is not done. Raises TailraceError as the others do."""
        return self._read(f"{DONE}/{number:0{DIGITS}d}.json", Counts)

    def set_done(self, number: int, counts: Counts) -> None:
        """Note that nothing of a batch is left. Raises TailraceError where S3 does not take it."""
        self._write(f"{DONE}/{number:0{DIGITS}d}.json", counts)

    def sum(self) -> Sum:
        """The sums as an execution has noted them last; nothing before one has."""
        return self._read(SUM, Sum) or Sum()

    def set_sum(self, found: Sum) -> None:
        """Note the sums. Raises TailraceError where S3 does not take them."""
        self._write(SUM, found)

    def _names(self, kind: str) -> Iterator[str]:
        prefix = f"{self.folder}{kind}/"
        with told("S3", f"s3://{self.bucket}/{prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            for page in pages:
                yield from (each["Key"].removeprefix(prefix) for each in page.get("Contents", []))

    def _read(self, name: str, kind: type[T]) -> T | None:
        from botocore.exceptions import ClientError

        key = self.folder + name
        with told("S3", f"s3://{self.bucket}/{key}"):
            try:
                body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    return None
                raise
            with closing(body):
                return msgspec.json.decode(body.read(), type=kind)

    def _write(self, name: str, value: msgspec.Struct) -> None:
        key = self.folder + name
        with told("S3", f"s3://{self.bucket}/{key}"):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=msgspec.json.encode(value))


def numbers_of(name: str) -> range:
    """Numbers of the batches in a part of a plan, by its name."""
    first, _, last = name.partition(".")[0].partition("-")
    return range(int(first), int(last) + 1)
