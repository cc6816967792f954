"""The quarantine of the deployed stack: one object a record, in a bucket of its own."""

from dataclasses import dataclass

from pipeline.deliver.bucket import Bucket
from pipeline.triggers import Record

KIND = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class S3Quarantine:
    """Keeps objects below a place in S3."""

    bucket: Bucket

    def keep(self, key: str, content: bytes, record: Record, rejects: int) -> None:
        """Put an object; the same key again overwrites it with the same bytes.

        Raises DeliveryError when S3 does not take it.
        """
        self.bucket.put(key, content, KIND)
