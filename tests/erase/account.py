"""The account of tests.curate with a bucket that keeps versions, and files that are Parquet.

What Athena reads of a file is what is in the object that is there just now.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pyarrow as pa
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pyarrow import parquet

from pipeline.deliver.lake import parquet_of
from pipeline.erase.receipt import Receipt, name_of, pseudonym
from pipeline.erase.stack import Eraser
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.work import Request, request_key
from pipeline.erase.subject import Subject
from tests.curate.account import BUCKET, LAKE, Account, _place, _refused, _text, content_of
from tests.deliver.firehose_service import Content

SALT = bytes(range(16))
# Objects or versions that a listing has on a page, so that every list has several.
PAGE = 4
LANDED = re.compile(r"lake/landing/\w+/arrival_dt=([^/]+)/arrival_hour=(\d+)/")
FOLDED = re.compile(r"lake/curated/\w+/dt=([^/]+)/curated_version=([^/]+)/")


@dataclass
class Version:
    """A version of an object; without content it says that the object was deleted."""

    id: str
    content: bytes | None


@dataclass
class Versioned(Account):
    """What is there; `kept`: all versions of each object, oldest first."""

    kept: dict[str, list[Version]] = field(default_factory=dict)

    def eraser(self) -> Eraser:
        """Erasure, whose clients come here."""
        hands = self.curator()
        bucket = Bucket(hands.objects.client, BUCKET)
        return Eraser(bucket, hands.objects, hands.catalog, hands.clock, hands.fresh, hands.runs)

    def ask_for(self, subject: Subject, dry: bool = False) -> str:
        """Say whom an erasure is about; its id."""
        erasure = name_of(int(self.now.timestamp() * 1000), SALT)
        told = Receipt(erasure, "unfinished", "then", pseudonym(subject, SALT))
        now_ms = int(self.now.timestamp() * 1000)
        request = Request(subject.name, subject.value, told, dry, now_ms)
        self.eraser().bucket.write(request_key(erasure), request)
        return erasure

    def holders(self, text: str) -> list[str]:
        """Objects of which any version holds a text, however packed."""
        return sorted(
            {
                key
                for key, versions in self.kept.items()
                for each in versions
                if each.content and text.encode() in _plain(each.content)
            }
        )

    def files(self, table: str = "app_log") -> list[str]:
        """Keys of the landing files that are there."""
        return sorted(key for key in self.objects if key.startswith(f"lake/landing/{table}/"))

    def store(self, key: str, content: bytes | None) -> str:
        """Put an object, or mark it as deleted; the version's id."""
        version = Version(f"v{next(self._numbers)}", content)
        self.kept.setdefault(key, []).append(version)
        self._show(key)
        return version.id

    def _show(self, key: str) -> None:
        """Let what is read be the newest version."""
        versions = self.kept.get(key) or [Version("", None)]
        content = versions[-1].content
        path = f"s3://{BUCKET}/{key}"
        self.duckdb.execute('delete from files where "$path" = ?', [path])
        if content is None:
            self.objects.pop(key, None)
            return
        self.objects[key] = content, self.now
        if content.startswith(b"PAR1") and (at := LANDED.match(key) or FOLDED.match(key)):
            landed = at.re is LANDED
            place = ("landing", at[1], int(at[2]), "") if landed else ("curated", at[1], 0, at[2])
            self._read(path, parquet.read_table(pa.BufferReader(content)), place)

    def _read(self, path: str, rows: pa.Table, place: tuple[str, str, int, str]) -> None:
        self.duckdb.register("added", rows)
        names = ", ".join(f'"{each.name}"' for each in self.table)
        self.duckdb.execute(
            f"insert into files select {names}, ?, ?, ?, ?, ? from added",  # noqa: S608
            [path, *place],
        )
        self.duckdb.unregister("added")

    def _add(self, key: str, rows: pa.Table, zone: str, day: str, hour: int, version: str) -> None:
        rows = rows.cast(self.table.arrow_schema)
        if len(rows):
            self.store(key, parquet_of(self.table, rows, "snappy").to_pybytes())

    def _GetObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, query = _place(request)
        versions = self.kept.get(key, [])
        if "versionId" in query:
            versions = [each for each in versions if each.id == query["versionId"]]
        if not versions or versions[-1].content is None:
            return _refused(request, 404, "NoSuchKey")
        content = versions[-1].content
        if said := request.headers.get("Range"):
            content = content[-int(_text(said).removeprefix("bytes=-")) :]
        head = {"Content-Length": str(len(content)), "ETag": self._tag(key)}
        _, stored = self.objects.get(key, (b"", self.now))
        head["Last-Modified"] = f"{stored:%a, %d %b %Y %H:%M:%S} GMT"
        return AWSResponse(request.url, 206 if said else 200, head, Content(content))

    def _PutObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        wanted = headers.get("if-match")
        if ("if-none-match" in headers and key in self.objects) or (
            wanted and self._tag(key) != wanted
        ):
            return _refused(request, 412, "PreconditionFailed")
        self.store(key, content_of(request.body, headers))
        return AWSResponse(request.url, 200, {"ETag": self._tag(key)}, Content(b""))

    def _CopyObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        source = unquote(_text(request.headers["x-amz-copy-source"])).partition("/")[2]
        self.store(key, self.objects[source][0])
        text = '<CopyObjectResult><ETag>"x"</ETag></CopyObjectResult>'
        return AWSResponse(request.url, 200, {}, Content(text.encode()))

    def _DeleteObject(self, request: AWSPreparedRequest) -> AWSResponse:
        key, _ = _place(request)
        self.store(key, None)
        return AWSResponse(request.url, 204, {}, Content(b""))

    def _DeleteObjects(self, request: AWSPreparedRequest) -> AWSResponse:
        body = request.body if isinstance(request.body, bytes) else request.body.read()
        for each in ElementTree.fromstring(body).iter():  # noqa: S314 - botocore's own
            if each.tag.endswith("Object"):
                said = {part.tag.rpartition("}")[2]: part.text or "" for part in each}
                self.delete(said["Key"], said.get("VersionId"))
                self.before("half of a deletion")
        return AWSResponse(request.url, 200, {}, Content(b"<DeleteResult></DeleteResult>"))

    def delete(self, key: str, version: str | None) -> None:
        """Delete a version of an object for good; None: mark the object as deleted."""
        if version is None:
            self.store(key, None)
            return
        left = [each for each in self.kept.get(key, []) if each.id != version]
        self.kept[key] = left
        self._show(key)
        if not left:
            del self.kept[key]

    def _ListObjectVersions(self, request: AWSPreparedRequest) -> AWSResponse:
        _, query = _place(request)
        found = [
            (key, each, each is versions[-1])
            for key, versions in sorted(self.kept.items())
            if key.startswith(query.get("prefix", ""))
            for each in reversed(versions)
        ]
        marked = (query.get("key-marker"), query.get("version-id-marker"))
        at = 1 + next((at for at, each in enumerate(found) if (each[0], each[1].id) == marked), -1)
        page, more = found[at : at + PAGE], found[at + PAGE :]
        text = "".join(_listed(*each) for each in page)
        if more:
            key, last, _ = page[-1]
            text += f"<NextKeyMarker>{escape(key)}</NextKeyMarker>"
            text += f"<NextVersionIdMarker>{last.id}</NextVersionIdMarker>"
        return _page("ListVersionsResult", text, bool(more), request)

    def _ListObjectsV2(self, request: AWSPreparedRequest) -> AWSResponse:
        _, query = _place(request)
        after = query.get("continuation-token") or query.get("start-after", "")
        found = [
            key
            for key in sorted(self.objects)
            if key.startswith(query.get("prefix", "")) and key > after
        ]
        text = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key][0])}</Size>"
            f"<LastModified>{self.objects[key][1]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key in found[:PAGE]
        )
        if found[PAGE:]:
            token = escape(found[PAGE - 1])
            text += f"<NextContinuationToken>{token}</NextContinuationToken>"
        return _page("ListBucketResult", text, bool(found[PAGE:]), request)


def _page(name: str, text: str, more: bool, request: AWSPreparedRequest) -> AWSResponse:
    text = f"<{name}>{text}<IsTruncated>{str(more).lower()}</IsTruncated></{name}>"
    return AWSResponse(request.url, 200, {}, Content(text.encode()))


def _listed(key: str, version: Version, latest: bool) -> str:
    kind = "DeleteMarker" if version.content is None else "Version"
    size = f"<Size>{len(version.content)}</Size>" if version.content is not None else ""
    return (
        f"<{kind}><Key>{escape(key)}</Key><VersionId>{version.id}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest>{size}</{kind}>"
    )


def _plain(content: bytes) -> bytes:
    if content.startswith(b"PAR1"):
        return repr(parquet.read_table(pa.BufferReader(content)).to_pylist()).encode()
    return content


__all__ = ["LAKE", "Any", "Versioned"]
