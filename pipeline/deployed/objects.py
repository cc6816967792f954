"""Objects in the stack's buckets: listed, and marked as done once they were replayed.

Source: Amazon S3 API Reference, "ListObjectsV2".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.aws import told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Beside an object of which all that can be replayed has been.
MARK = ".replayed"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a bucket; `done`: it was replayed."""

    bucket: str
    key: str
    bytes: int
    modified: datetime
    done: bool = False

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}"


def listed(client: "S3Client", bucket: str, prefix: str, after: str = "") -> Iterator[Stored]:
    """All objects below a prefix whose keys come after another; in the order of keys.

    Raises TailraceError where S3 does not list them.
    """
    with told("S3", f"s3://{bucket}/{prefix}"):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=after
        )
        for page in pages:
            for each in page.get("Contents", []):
                yield Stored(bucket, each["Key"], each["Size"], each["LastModified"])


def with_marks(client: "S3Client", bucket: str, prefix: str, since: datetime) -> list[Stored]:
    """Objects below a prefix that are no marks, written since a time, with what their marks say.

    Raises TailraceError where S3 does not list them.
    """
    found = list(listed(client, bucket, prefix))
    marks = {each.key.removesuffix(MARK) for each in found if each.key.endswith(MARK)}
    return [
        Stored(each.bucket, each.key, each.bytes, each.modified, each.key in marks)
        for each in found
        if each.modified >= since and not each.key.endswith((MARK, "/"))
    ]
