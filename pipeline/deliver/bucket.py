"""Objects in S3: whole or not there, the same key again with the same bytes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.deliver.answers import Refused, answer_of
from pipeline.deliver.attempts import Attempts
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in a bucket: `prefix` is "", or ends with a slash."""

    client: "S3Client"
    name: str
    prefix: str
    attempts: Attempts

    @classmethod
    def at(cls, client: "S3Client", uri: str, attempts: Attempts) -> "Bucket":
        """The place that `s3://bucket/prefix` names. Raises UsageError when it names none."""
        name, _, prefix = uri.removeprefix(SCHEME).partition("/")
        if not uri.startswith(SCHEME) or not name:
            raise UsageError(f"'{uri}' is no place in S3", "", "write it as s3://bucket/prefix")
        prefix = prefix.strip("/")
        return cls(client, name, f"{prefix}/" if prefix else "", attempts)

    def put(self, key: str, content: bytes, kind: str) -> None:
        """Put an object, `kind` its content type; S3 checks the checksum that botocore sends.

        Raises DeliveryError when S3 does not take it; then nothing new stands under the key.
        """
        self.attempts.until_taken(lambda: self._put(key, content, kind), f"S3 bucket {self.name}")

    def _put(self, key: str, content: bytes, kind: str) -> Refused | None:
        answer = answer_of(
            lambda: self.client.put_object(
                Bucket=self.name,
                Key=self.prefix + key,
                Body=content,
                ContentType=kind,
                # What is kept is raw: a browser saves it and shows nothing of it.
                ContentDisposition="attachment",
            )
        )
        if isinstance(answer, Refused):
            return answer
        return None if answer.get("ETag") else Refused("an answer without the object's tag")
