"""Objects of a stack's quarantine: searched by its reader's role, and written without a subject.

The key of the quarantine decrypts for that role alone, and encrypts for whoever of the account may:
so who runs this reads by the role, and writes and deletes by rights of their own.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.aws import told
from pipeline.batch import Context
from pipeline.deliver.oversize import FOLDER as OVERSIZE
from pipeline.deployed.objects import listed
from pipeline.deployed.stage import QUARANTINE
from pipeline.erase.objects import Change, Entry, without
from pipeline.erase.receipt import Objects
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.subject import Subject
from pipeline.ledger.retry import UNREADABLE, check_size

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A stack's ledger is a table that is written to once: nothing in it is changed by what goes.
NOBODY = Entry(0, 0, frozenset())


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that holds the subject, and what becomes of it; None: it cannot be read."""

    key: str
    change: Change | None


def find(
    bucket: Bucket, reader: "Callable[[], S3Client]", subject: Subject, context: Context
) -> Iterator[Touched]:
    """Every object that holds the subject, and those that cannot be read.

    Raises TailraceError where S3 does not list or give them, or the role is not to be had.
    """
    for each in listed(bucket.client, bucket.name, f"{QUARANTINE}/"):
        if each.key.endswith("/"):
            continue
        with told("S3", each.uri):
            content = reader().get_object(Bucket=bucket.name, Key=each.key)["Body"].read()
        try:
            change = _change(each.key, content, subject, context)
        except ValueError:
            yield Touched(each.key, None)
            continue
        if change is not None:
            yield Touched(each.key, change)


def erase(bucket: Bucket, touched: Sequence[Touched]) -> None:
    """Write the objects without the subject, and delete what was before with every version.

    Raises TailraceError where S3 does not take it; run again, it goes on.
    """
    for each in touched:
        if each.change is None:
            continue
        content = each.change.content
        if content is not None:
            bucket.put_bytes(each.key, content)
        for found in bucket.versions(each.key):
            if found.key == each.key:
                old = [kept for kept in found.versions if content is None or not kept.latest]
                bucket.delete(each.key, old)


def counted(touched: Sequence[Touched]) -> Objects:
    """What becomes of the quarantine, for a receipt."""
    changes = [each.change for each in touched if each.change is not None]
    removed = sum(change.content is None for change in changes)
    return Objects(removed, len(changes) - removed, sum(change.lines for change in changes))


def removed(touched: Sequence[Touched]) -> list[str]:
    """Keys of the objects that go."""
    return [each.key for each in touched if each.change and each.change.content is None]


def _change(key: str, content: bytes, subject: Subject, context: Context) -> Change | None:
    if not key.startswith(f"{QUARANTINE}/{OVERSIZE}/"):
        return without(content, subject, NOBODY, context)
    try:
        check_size(content)
        row = gzip.decompress(content)
    except UNREADABLE as error:
        raise ValueError("it is no row") from error
    # A row that was too long for Firehose: what of it is in the table is searched there.
    return Change(None, 1, 0, 0) if subject.in_bytes(row) else None
