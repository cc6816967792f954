"""What compaction keeps in the bucket of the lake, beside the lake: one writer at a time.

    compaction/lock.json                     which execution is at work; "" for none
    compaction/<table>/state.json            what is curated
    compaction/<table>/plan.json             what is being compacted, until it is done
    compaction/<table>/unneeded/<dt>.<version>   a version that may be none, for a day or not at all

Sources: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.aws import told
from pipeline.curate.plan import Listed, Plan, State, first_day
from pipeline.deliver.lake_file import CURATED, LANDING
from pipeline.documents import Documents
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

FOLDER, LAKE = "compaction", "lake"
LOCK = f"{FOLDER}/lock.json"
AT_ONCE = 1000
# DescribeExecution is eventually consistent: who has just begun may not be known yet.
KNOWN_AFTER = timedelta(hours=1)


class LockLost(TailraceError):
    """Another execution is at work, or none: this one must not change anything any more."""


class Lock(msgspec.Struct, frozen=True):
    """Who is at work; an execution of Step Functions by its ARN."""

    execution: str


@dataclass(frozen=True, slots=True)
class Held:
    """The lock as it lies there: the tag of its entry, and since when; "" and None for none."""

    execution: str = ""
    tag: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A version of a day that is not needed, or was not when it was marked."""

    key: str
    day: str
    version: str
    at: datetime


@dataclass(frozen=True)
class Objects:
    """The bucket of the lake."""

    client: "S3Client"
    bucket: str

    @property
    def lake(self) -> str:
        """URI of the lake's folder."""
        return f"s3://{self.bucket}/{LAKE}"

    def state(self, table: str) -> State:
        """What is curated of a table. Raises TailraceError where S3 does not say."""
        return self._documents.read(f"{table}/state.json", State) or State()

    def set_state(self, table: str, state: State) -> None:
        """Note what is curated. Raises TailraceError where S3 does not take it."""
        self._documents.write(f"{table}/state.json", state)

    def plan(self, table: str) -> Plan | None:
        """The plan that is not done yet. Raises TailraceError where S3 does not say."""
        return self._documents.read(_plan(table), Plan)

    def set_plan(self, table: str, plan: Plan | None) -> None:
        """Note a plan; None: it is done. Raises TailraceError where S3 does not take it."""
        if plan is not None:
            self._documents.write(_plan(table), plan)
            return
        with self._told(key := f"{FOLDER}/{_plan(table)}"):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def lock(self) -> Held:
        """Who is at work. Raises TailraceError where S3 does not say."""
        found, tag, since = self._documents.tagged(LOCK.removeprefix(f"{FOLDER}/"), Lock)
        return Held(found.execution if found else "", tag, since)

    def check(self, execution: str) -> None:
        """See that an execution is the one at work; asked anew right before a change.

        Glue takes no condition: what is left is the moment between this answer and the change.

        Raises LockLost where it is not: it was taken for over, or has ended and is run again.
        """
        if (held := self.lock()).execution != execution:
            raise LockLost(
                "this execution is not the one at work any more",
                held.execution or "none is",
                "start a new one, or wait for the next: it goes on where this one ended",
            )

    def set_lock(self, execution: str, instead_of: str = "") -> bool:
        """Note who is at work, if nobody is, or still the entry with a tag; whether it was so."""
        from botocore.exceptions import ClientError

        body = msgspec.json.encode(Lock(execution))
        condition = {"IfMatch": instead_of} if instead_of else {"IfNoneMatch": "*"}
        try:
            self.client.put_object(Bucket=self.bucket, Key=LOCK, Body=body, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            if _status(error) in (404, 409, 412):
                return False
            with self._told(LOCK):
                raise
        return True

    def enter(
        self, execution: str, runs: Callable[[str], bool | None], now: datetime
    ) -> tuple[bool, str]:
        """Be the only one at work; whether it is so, and who is where it is not.

        runs  whether an execution still runs; None: nobody knows it, or not yet
        now   aware
        """
        held = self.lock()
        if held.execution == execution:
            return True, ""
        if held.since and held.execution:
            does = runs(held.execution)
            if does or (does is None and now - held.since < KNOWN_AFTER):
                return False, held.execution
        return self.set_lock(execution, held.tag), ""

    def release(self, execution: str) -> None:
        """Nobody is at work any more, if it was this one. Raises TailraceError as the others.

        The entry stays, for to delete it could take it from who has come in the meantime.
        """
        if (held := self.lock()).execution == execution:
            self.set_lock("", held.tag)

    def landing(self, table: str, state: State, now: datetime) -> Iterator[Listed]:
        """Objects of landing, as far as is looked back. Raises TailraceError as the others."""
        prefix = f"{LAKE}/{LANDING}/{table}/"
        first = first_day(state, now)
        yield from self._listed(prefix, f"{prefix}arrival_dt={first}" if first else "")

    def size(self, folder: str) -> int:
        """Bytes below a folder of ours, an URI that ends in /."""
        return sum(each.bytes for each in self._listed(self._key(folder)))

    def mark(self, table: str, day: str, version: str) -> None:
        """Mark a version as one that may not be needed."""
        with self._told(key := _mark(table, day, version)):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=b"")

    def unmark(self, table: str, day: str, version: str) -> None:
        """Take the mark away."""
        with self._told(key := _mark(table, day, version)):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def marked(self, table: str) -> list[Marked]:
        """All marks of a table."""
        prefix = f"{FOLDER}/{table}/unneeded/"
        with self._told(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            found = [each for page in pages for each in page.get("Contents", [])]
        marks: list[Marked] = []
        for each in found:
            day, _, version = each["Key"].removeprefix(prefix).partition(".")
            # What somebody else has put there, a folder of the console for one, is no mark.
            if version:
                marks.append(Marked(each["Key"], day, version, each["LastModified"]))
        return marks

    def remove(self, folder: str) -> int:
        """Delete all below a folder of ours, an URI that ends in /; how many objects that was."""
        keys = [each.key for each in self._listed(self._key(folder))]
        for begin in range(0, len(keys), AT_ONCE):
            some = [{"Key": key} for key in keys[begin : begin + AT_ONCE]]
            with self._told(folder):
                said = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": some})  # type: ignore[typeddict-item]
            if said.get("Errors"):
                first = said["Errors"][0]
                raise TailraceError(f"S3 does not delete {first.get('Key')}", first.get("Code", ""))
        return len(keys)

    def _key(self, folder: str) -> str:
        key = folder.removeprefix(f"s3://{self.bucket}/")
        if not key.startswith(f"{LAKE}/{CURATED}/") or not key.endswith("/"):
            raise ValueError(f"{folder} is no folder of curated")
        return key

    def _listed(self, prefix: str, after: str = "") -> Iterator[Listed]:
        with self._told(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, StartAfter=after
            )
            for page in pages:
                for each in page.get("Contents", []):
                    yield Listed(each["Key"], each["Size"])

    @property
    def _documents(self) -> Documents:
        fix = "delete it: what is curated is then looked at anew"
        return Documents(self.client, self.bucket, f"{FOLDER}/", fix)

    def _told(self, key: str) -> "AbstractContextManager[None]":
        return told("S3", f"s3://{self.bucket}/{key}")


def _plan(table: str) -> str:
    return f"{table}/plan.json"


def _mark(table: str, day: str, version: str) -> str:
    return f"{FOLDER}/{table}/unneeded/{day}.{version}"


def _status(error: "ClientError") -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
