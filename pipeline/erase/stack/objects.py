"""What an erasure keeps in the bucket of the lake, and how objects go from there for good.

    erasures/<id>.json             the receipt
    erasures/<id>.erased.json      how many rows went, by hour of arrival, for the audit
    erasures/<id>.objects.json     objects of the quarantine that went, for the audit
    subjects/<id>.json             whom it is about: the last step deletes it; where none comes, a
                                   rule of the bucket does it within days
    erasing/<id>/<phase>/<lane>/   what is to be done, an object each, until it is done
    erasing/<id>/gone/             which identities go, noted before they do
    erasing/<id>/seen/             which files of curated hold how many rows
    erasing/<id>/...               landing that was folded, days to be swapped, versions to delete

Sources: Amazon S3 API Reference, "ListObjectVersions", "DeleteObjects", "CopyObject".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pipeline.aws import told
from pipeline.curate.objects import AT_ONCE, LAKE
from pipeline.documents import Documents
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

FOLDER, SUBJECTS = "erasing", "subjects"
PIECE = 1 << 20
T = TypeVar("T")


class Gone(TailraceError):
    """A version that was listed is there no more: an erasure before, or a rule, deleted it."""


class Kept(msgspec.Struct, frozen=True):
    """A version of an object that has content; `latest`: it is what is read without naming one."""

    id: str
    bytes: int
    latest: bool


class Key(msgspec.Struct, frozen=True):
    """An object with all its versions, newest first."""

    key: str
    versions: tuple[Kept, ...]


@dataclass(frozen=True)
class Bucket:
    """The bucket of the lake, with every version of what lies in it."""

    client: "S3Client"
    name: str

    @property
    def lake(self) -> str:
        """URI of the lake's folder."""
        return f"s3://{self.name}/{LAKE}"

    def keys(self, prefix: str) -> list[str]:
        """Keys of the objects below a prefix, in order. Raises TailraceError as all of these."""
        with self._told(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix
            )
            found = [each["Key"] for page in pages for each in page.get("Contents", [])]
            # A folder that somebody has made in S3's console is an object, too.
            return [key for key in found if not key.endswith("/")]

    def versions(self, prefix: str) -> Iterator[Key]:
        """Every object below a prefix that still has content, also one that was deleted."""
        for key, of_key in groupby(self._versions(prefix), lambda each: each[0]):
            yield Key(key, tuple(kept for _, kept in of_key))

    def key(self, name: str) -> Key:
        """An object with the versions that it has now, which may be none."""
        found = (each for each in self.versions(name) if each.key == name)
        return next(found, Key(name, ()))

    def _versions(self, prefix: str) -> Iterator[tuple[str, Kept]]:
        with self._told(prefix):
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=self.name, Prefix=prefix
            )
            for page in pages:
                for each in page.get("Versions", []):
                    if each["Key"].endswith("/"):
                        continue
                    yield each["Key"], Kept(each["VersionId"], each["Size"], each["IsLatest"])

    def delete(self, key: str, versions: Iterable[Kept]) -> None:
        """Delete versions of an object for good, the oldest first: none takes another's place."""
        self._delete([(key, each.id) for each in versions][::-1])

    def delete_all(self, prefix: str, but: Sequence[str] = ()) -> int:
        """Delete all below a prefix for good, with every version; how many versions that was."""
        found = []
        with self._told(prefix):
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=self.name, Prefix=prefix
            )
            for page in pages:
                marks: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                found += [(each["Key"], each["VersionId"]) for each in marks]
        self._delete([each for each in found if each[0] not in but][::-1])
        return len(found)

    def _delete(self, found: Sequence[tuple[str, str]]) -> None:
        for begin in range(0, len(found), AT_ONCE):
            some = found[begin : begin + AT_ONCE]
            named: Any = {"Objects": [{"Key": key, "VersionId": each} for key, each in some]}
            with self._told(some[0][0]):
                said = self.client.delete_objects(Bucket=self.name, Delete=named)
            if said.get("Errors"):
                first = said["Errors"][0]
                raise TailraceError(f"S3 does not delete {first.get('Key')}", first.get("Code", ""))

    def fetch(self, key: str, into: Path, version: str = "") -> None:
        """Fill a file of our own with an object, or with a version of it.

        Raises Gone for a version that is there no more.
        """
        from botocore.exceptions import ClientError

        named: Any = {"VersionId": version} if version else {}
        with self._told(key):
            try:
                body = self.client.get_object(Bucket=self.name, Key=key, **named)["Body"]
            except ClientError as error:
                if version and _status(error) == 404:
                    raise Gone("a version of an object is gone", key) from error
                raise
            with into.open("wb") as file:
                for piece in body.iter_chunks(PIECE):
                    file.write(piece)

    def put_file(self, key: str, path: Path) -> None:
        """Write an object of what is in a file, which is far shorter than 5 GB."""
        with self._told(key), path.open("rb") as file:
            self.client.put_object(Bucket=self.name, Key=key, Body=file)

    def put_bytes(self, key: str, content: bytes) -> None:
        """Write an object."""
        with self._told(key):
            self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def drop(self, key: str) -> None:
        """Delete an object as usual: its versions stay for a while."""
        with self._told(key):
            self.client.delete_object(Bucket=self.name, Key=key)

    def end_of(self, key: str, size: int) -> bytes:
        """The last bytes of an object."""
        with self._told(key):
            said = self.client.get_object(Bucket=self.name, Key=key, Range=f"bytes=-{size}")
            return said["Body"].read()

    def copy(self, key: str, to: str) -> None:
        """Let S3 itself write an object's content to another key."""
        source: Any = {"Bucket": self.name, "Key": key}
        with self._told(key):
            self.client.copy_object(Bucket=self.name, Key=to, CopySource=source)

    def read(self, key: str, kind: type[T]) -> T | None:
        """An object that was written by `write`; None where there is none."""
        return self._documents.read(key, kind)

    def write(self, key: str, value: Any) -> None:
        """Write an object as JSON."""
        self._documents.write(key, value)

    @property
    def _documents(self) -> Documents:
        return Documents(self.client, self.name, "", "run the erasure again")

    def _told(self, key: str) -> "AbstractContextManager[None]":
        return told("S3", f"s3://{self.name}/{key}")


def _status(error: "ClientError") -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
