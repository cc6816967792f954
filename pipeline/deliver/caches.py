"""Where address ranges are kept: in a file of a home, or in an object of the lake's bucket."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.deliver.answers import Refused, answer_of
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.files import DISK, Disk, write_whole
from pipeline.errors import DeliveryError
from pipeline.lookups import read_file
from pipeline.lookups.document import LONGEST_BYTES

# A role that may not list the bucket is told of what is not there that it is denied.
ABSENT = ("NoSuchKey", "AccessDenied", "404", "403")


@dataclass(frozen=True, slots=True)
class FileCache:
    """In a file; it is there whole or not at all, and who reads it meanwhile has the old one."""

    path: Path
    disk: Disk = DISK

    @property
    def place(self) -> str:
        """Where that is."""
        return str(self.path)

    def read(self) -> bytes | None:
        """What is kept; None for nothing."""
        return read_file(self.path)

    def write(self, content: bytes) -> None:
        """Keep this instead."""

        def fill(path: Path) -> None:
            path.write_bytes(content)

        write_whole(self.path, fill, self.disk)


@dataclass(frozen=True, slots=True)
class ObjectCache:
    """In an object, under a key of a bucket."""

    bucket: Bucket
    key: str

    @property
    def place(self) -> str:
        """Where that is."""
        return f"s3://{self.bucket.name}/{self.bucket.prefix}{self.key}"

    def read(self) -> bytes | None:
        """What is kept, asked once; None for nothing."""

        def asked() -> Mapping[str, Any]:
            key = f"{self.bucket.prefix}{self.key}"
            found = self.bucket.client.get_object(Bucket=self.bucket.name, Key=key)
            return {"content": found["Body"].read(LONGEST_BYTES + 1)}

        answer = answer_of(asked)
        if not isinstance(answer, Refused):
            content: bytes = answer["content"]
            return content
        if answer.code in ABSENT:
            return None
        what = f"the address ranges cannot be read: {answer.code}"
        raise DeliveryError(what, f"at {self.place}", answer.fix or "it may pass")

    def write(self, content: bytes) -> None:
        """Keep this instead."""
        self.bucket.put(self.key, content, "application/json")
