"""Objects fetched from S3 into a file of our own, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.deliver.answers import Refused, answer_of
from pipeline.deliver.attempts import Attempts
from pipeline.errors import DeliveryError
from pipeline.triggers import Notice

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1 << 20


@contextmanager
def fetched(client: "S3Client", notice: Notice, attempts: Attempts) -> Iterator[BinaryIO]:
    """A file with the bytes of an object, gone when it is left.

    Raises DeliveryError when S3 does not give all of them.
    """
    with TemporaryFile() as file:
        try:
            attempts.until_taken(lambda: _fetch(client, notice, file, attempts), notice.uri)
        except OSError as error:
            what = f"an object cannot be kept while it is read: {error.strerror}"
            fix = "give the function more ephemeral storage; the object comes again"
            raise DeliveryError(what, f"at {notice.uri}", fix) from error
        file.seek(0)
        yield file


def _fetch(
    client: "S3Client", notice: Notice, file: BinaryIO, attempts: Attempts
) -> Refused | None:
    file.seek(0)
    file.truncate()

    def copied() -> dict[str, Any]:
        body = client.get_object(Bucket=notice.bucket, Key=notice.key)["Body"]
        for chunk in body.iter_chunks(CHUNK):
            if attempts.left_s() <= 0:
                what = "an object does not come in the time that is left"
                raise DeliveryError(what, f"at {notice.uri}", "it comes again by itself")
            file.write(chunk)
        return {}

    answer = answer_of(copied)
    return answer if isinstance(answer, Refused) else None
