"""Objects fetched from S3 into a file of our own, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from pipeline.deliver.answers import Refused, answer_of
from pipeline.deliver.attempts import Attempts
from pipeline.errors import DeliveryError
from pipeline.triggers import Notice

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1 << 20


class Fetched(NamedTuple):
    """A file with the bytes of an object; `stored_ms`: since when S3 has it, None: it says nothing.

    By that time an object is known whoever tells of it: a notice has a time of its own, and a
    listing has none.
    """

    file: BinaryIO
    stored_ms: int | None = None


@contextmanager
def fetched(client: "S3Client", notice: Notice, attempts: Attempts) -> Iterator[Fetched]:
    """The bytes of an object, in a file that is gone when it is left.

    Raises DeliveryError when S3 does not give all of them.
    """
    said: dict[str, Any] = {}
    with TemporaryFile() as file:
        try:
            attempts.until_taken(lambda: _fetch(client, notice, file, attempts, said), notice.uri)
        except OSError as error:
            what = f"an object cannot be kept while it is read: {error.strerror}"
            fix = "give the function more ephemeral storage; the object comes again"
            raise DeliveryError(what, f"at {notice.uri}", fix) from error
        file.seek(0)
        yield Fetched(file, _stored_ms(said.get("LastModified")))


def _stored_ms(stored: datetime | None) -> int | None:
    return round(stored.timestamp() * 1000) if stored else None


def _fetch(
    client: "S3Client", notice: Notice, file: BinaryIO, attempts: Attempts, said: dict[str, Any]
) -> Refused | None:
    file.seek(0)
    file.truncate()

    def copied() -> dict[str, Any]:
        said.update(client.get_object(Bucket=notice.bucket, Key=notice.key))
        for chunk in said["Body"].iter_chunks(CHUNK):
            if attempts.left_s() <= 0:
                what = "an object does not come in the time that is left"
                raise DeliveryError(what, f"at {notice.uri}", "it comes again by itself")
            file.write(chunk)
        return {}

    answer = answer_of(copied)
    return answer if isinstance(answer, Refused) else None
