"""JSON documents in a bucket: each is read whole, and written whole or not at all.

Source: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from pipeline.aws import told
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
# Documents are judged when they are read.
Count = Annotated[int, Meta(ge=0)]
# What reading JSON raises for what is none, is no UTF-8, or is nested without end.
UNREADABLE = msgspec.MsgspecError, ValueError, RecursionError


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents below a prefix of a bucket, by their names behind it.

    prefix  ends with a slash
    fix     what to do about one that cannot be read
    """

    client: "S3Client"
    bucket: str
    prefix: str
    fix: str

    def read(self, name: str, kind: type[T]) -> T | None:
        """A document; None where there is none.

        Raises TailraceError where S3 does not give it, or it is none of its kind.
        """
        return self.tagged(name, kind)[0]

    def tagged(self, name: str, kind: type[T]) -> tuple[T | None, str, datetime | None]:
        """A document, its ETag and when it was written; None, "" and None where there is none.

        Raises TailraceError as `read` does.
        """
        from botocore.exceptions import ClientError

        with self._told(name):
            try:
                said = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None, "", None
                raise
            with closing(said["Body"]) as body:
                content = body.read()
        try:
            return msgspec.json.decode(content, type=kind), said["ETag"], said["LastModified"]
        except UNREADABLE as error:
            # Without what was found in its place: it may name somebody.
            raise TailraceError("it cannot be read", self._place(name), self.fix) from error

    def write(self, name: str, value: Any) -> None:
        """Write a document, whatever stands under its name. Raises TailraceError as `read` does."""
        with self._told(name):
            self.client.put_object(
                Bucket=self.bucket, Key=self.prefix + name, Body=msgspec.json.encode(value)
            )

    def add(self, name: str, value: Any) -> None:
        """Write a document that is not there yet.

        Raises TailraceError where it is, which stays, or where S3 does not take it.
        """
        with self._told(name):
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.prefix + name,
                Body=msgspec.json.encode(value),
                IfNoneMatch="*",
            )

    def names(self, folder: str) -> Iterator[str]:
        """Names behind a folder of theirs, which ends with a slash; in order.

        Raises TailraceError where S3 does not list them.
        """
        prefix = self.prefix + folder
        with self._told(folder):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            for page in pages:
                for each in page.get("Contents", []):
                    # A folder that somebody has made in S3's console is an object, too.
                    if not each["Key"].endswith("/"):
                        yield each["Key"].removeprefix(prefix)

    def _told(self, name: str) -> AbstractContextManager[None]:
        return told("S3", self._place(name))

    def _place(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{name}"
