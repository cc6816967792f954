"""What lies in a stack's buckets beside its rows: quarantine, failure store, Firehose's errors.

Firehose leaves what it cannot convert or deliver as lines of JSON, `rawData` in base64; Lambda
leaves the invocation that it gave up. What was sent again has a neighbour that ends in `.replayed`.

Sources: Amazon Data Firehose Developer Guide, "Handle data delivery failures", "Record format
conversion error handling"; AWS Lambda Developer Guide, "Retaining discarded batches".
"""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.answers import Refused, answer_of
from pipeline.errors import TailraceError
from pipeline.stack.deployed import bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.settings import Delivery

ERRORS, GIVEN_UP = "errors/", "aws/lambda/"
REPLAYED = ".replayed"
# Of larger ones only their size is told: an error object is what one buffer of Firehose held.
READ_BYTES = 256 << 20
SHOWN_CODES = 3


class _Failed(msgspec.Struct):
    rawData: str = ""
    errorCode: str = ""


_failed = msgspec.json.Decoder(_Failed)


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """An object that Firehose left.

    told   what is in it: records by error code
    lines  the rows that it holds, as they were sent; empty where it cannot be read
    """

    bucket: str
    key: str
    told: str
    lines: bytes

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def table(self) -> str:
        """The table that its rows are for."""
        return self.key.removeprefix(ERRORS).partition("/")[0]


@dataclass(frozen=True, slots=True)
class Remains:
    """The buckets of a stack, and since when what was left in them is looked at; aware."""

    s3: "S3Client"
    delivery: "Delivery"
    since: datetime

    def quarantined(self, folders: Iterable[str]) -> set[str]:
        """Keys of the quarantine that lie in some folders of it."""
        bucket, prefix = bucket_of(self.delivery.quarantine)
        found = set()
        for folder in sorted(folders):
            keys = (key for key, _, _ in self._listed(bucket, prefix + folder))
            found |= {key.removeprefix(prefix) for key in keys}
        return found

    def errors(self) -> Iterator[ErrorObject]:
        """What Firehose left and nobody has sent again."""
        bucket, _ = bucket_of(self.delivery.lake)
        for key, size in self._unsent(bucket, ERRORS):
            yield self._error(bucket, key, size)

    def given_up(self) -> Iterator[str]:
        """Invocations that Lambda gave up and nobody has sent again, by URI."""
        bucket, _ = bucket_of(self.delivery.quarantine)
        for key, _ in self._unsent(bucket, GIVEN_UP):
            yield f"s3://{bucket}/{key}"

    def mark(self, bucket: str, key: str) -> None:
        """Note that an object was sent again. Raises TailraceError when S3 does not take it."""
        answer = answer_of(
            lambda: self.s3.put_object(Bucket=bucket, Key=f"{key}{REPLAYED}", Body=b"1")
        )
        if isinstance(answer, Refused):
            where, fix = f"at s3://{bucket}/{key}", answer.fix or "run it again"
            raise TailraceError(f"S3 does not take a mark: {answer.code}", where, fix)

    def read(self, bucket: str, key: str) -> bytes:
        """The content of an object. Raises TailraceError when S3 does not give it."""
        answer = answer_of(lambda: {"content": self._content(bucket, key)})
        if isinstance(answer, Refused):
            where = f"at s3://{bucket}/{key}"
            fix = "take on the role in the stack's output QuarantineReaderArn, or try again"
            raise TailraceError(f"S3 does not give an object: {answer.code}", where, fix)
        content: bytes = answer["content"]
        return content

    def _content(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _unsent(self, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        listed = [*self._listed(bucket, prefix)]
        sent = {key for key, _, _ in listed if key.endswith(REPLAYED)}
        for key, size, modified in listed:
            if key in sent or f"{key}{REPLAYED}" in sent or not size or modified < self.since:
                continue
            yield key, size

    def _listed(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        answer = answer_of(lambda: {"pages": [page.get("Contents", []) for page in pages]})
        if isinstance(answer, Refused):
            where, fix = f"at s3://{bucket}/{prefix}", answer.fix or "try again"
            raise TailraceError(f"S3 does not list a bucket: {answer.code}", where, fix)
        for page in answer["pages"]:
            for each in page:
                yield each["Key"], each["Size"], each["LastModified"]

    def _error(self, bucket: str, key: str, size: int) -> ErrorObject:
        if size > READ_BYTES:
            return ErrorObject(bucket, key, f"{size:,} bytes", b"")
        codes: Counter[str] = Counter()
        lines = []
        for line in self.read(bucket, key).splitlines():
            try:
                failed = _failed.decode(line)
                raw = base64.b64decode(failed.rawData, validate=True)
            except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
                codes["unreadable"] += 1
                continue
            codes[failed.errorCode or "no code"] += max(raw.count(b"\n"), 1)
            lines.append(raw if raw.endswith(b"\n") else raw + b"\n")
        table = key.removeprefix(ERRORS).partition("/")[0]
        most = codes.most_common(SHOWN_CODES)
        told = f"{table}: " + ", ".join(f"{count:,} x {code}" for code, count in most)
        return ErrorObject(bucket, key, told, b"".join(lines))
