"""What failed in a stack, brought in once more: safe to run twice, at any time.

What Firehose could not deliver is put again as it is. What Lambda gave up goes through the
function's own code, here, with the function's settings. Whoever did all of an object puts a mark
beside it; without it the same is done again, and changes nothing, for rows keep their identity.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.deliver.attempts import Attempts
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.packing import RECORD_BYTES, calls
from pipeline.deliver.put_batch import Batch
from pipeline.deployed.objects import MARK, Stored, with_marks
from pipeline.deployed.stage import ERRORS, Deployed
from pipeline.deployed.undelivered import Sum, Undelivered, read, table_of
from pipeline.deployed.words import counted
from pipeline.errors import DeliveryError
from pipeline.invoke.fetching import fetched
from pipeline.lake.tables import all_tables
from pipeline.queries.window import Window
from pipeline.triggers import Notice

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_s3 import S3Client

KIND = "application/json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be replayed: objects that were stored in a window; `dry`: nothing is written."""

    stored: Window
    now: datetime
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Hands:
    """What a replay works with.

    s3, firehose  with one attempt of their own
    reader        gives a client for the quarantine, whose key decrypts for one role alone
    """

    deployed: Deployed
    s3: "S3Client"
    reader: Callable[[], "S3Client"]
    firehose: "FirehoseClient"
    wanted: Wanted
    attempts: Attempts = field(default_factory=lambda: Attempts(lambda: 3600.0))

    def waiting(self, bucket: str, prefix: str) -> list[Stored]:
        """Objects below a prefix that were stored in time and not replayed.

        Raises TailraceError where S3 does not list them.
        """
        times = self.wanted.stored
        found = with_marks(self.s3, bucket, prefix, times.from_time)
        return [each for each in found if not each.done and each.modified < times.to_time]

    def mark(self, stored: Stored, rows: int) -> None:
        """Note that all of an object was replayed. Raises DeliveryError where S3 does not."""
        if not self.wanted.dry:
            said = {"replayed_at": self.wanted.now.astimezone(UTC).isoformat(), "rows": rows}
            bucket = Bucket(self.s3, stored.bucket, "", self.attempts)
            bucket.put(f"{stored.key}{MARK}", json.dumps(said).encode(), KIND)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one object.

    rows, rejected  of what was in it
    lost            what of it cannot be brought back any more, or not from here
    fault           why it has failed again
    """

    kind: str
    where: str
    rows: int = 0
    rejected: int = 0
    lost: str = ""
    fault: str = ""


def put_again(hands: Hands) -> Iterator[Replayed]:
    """Put what Firehose could not deliver to its streams again, object by object.

    Raises TailraceError where S3 does not list the objects.
    """
    for stored in hands.waiting(hands.deployed.lake_bucket, f"{ERRORS}/"):
        table = table_of(stored.key)
        kind = f"{ERRORS}/{table}"
        if table not in all_tables():
            yield Replayed(kind, stored.uri, fault=f"there is no table {table}")
            continue
        try:
            yield _put(hands, stored, kind, table)
        except DeliveryError as error:
            yield Replayed(kind, stored.uri, fault=error.what)


def _put(hands: Hands, stored: Stored, kind: str, table: str) -> Replayed:
    found = Sum()
    notice = Notice(stored.bucket, stored.key, 0)
    with fetched(hands.s3, notice, hands.attempts) as (file, _):
        for call in calls(_contents(read(file), found)):
            if not hands.wanted.dry:
                Batch(hands.firehose, hands.deployed.stream(table), call).put(hands.attempts)
    if found.unreadable:
        lost = f"{counted(found.unreadable, 'record')} cannot be read"
        return Replayed(kind, stored.uri, found.rows, lost=lost)
    hands.mark(stored, found.rows)
    return Replayed(kind, stored.uri, found.rows)


def _contents(records: Iterator[Undelivered], found: Sum) -> Iterator[bytes]:
    for record in records:
        found.add(record)
        if record.content:
            yield from _fitting(record.content)


def _fitting(content: bytes) -> Iterator[bytes]:
    """A record as Firehose takes it: a line that came back without its newline may be too long."""
    if len(content) <= RECORD_BYTES:
        yield content
        return
    yield from content.splitlines(keepends=True)
