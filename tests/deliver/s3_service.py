"""S3, where botocore would send a request: it keeps whole objects, and fails as told.

The client is a real one, which writes, signs and reads; nothing leaves the machine.
"""

import base64
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import BotoCoreError

from pipeline.aws import one_attempt
from tests.deliver.firehose_service import Content, session

URL = "https://s3.eu-west-1.amazonaws.com/"


@dataclass(frozen=True)
class Fate:
    """What becomes of one call: an answer, or an error of the connection; kept or not."""

    status: int = 200
    body: bytes = b""
    raises: BotoCoreError | None = None
    keeps: bool = False
    tag: bool = False


KEPT = Fate(keeps=True, tag=True)


def error(status: int, code: str) -> Fate:
    """An error as S3 writes it."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>secret</Message></Error>"
    return Fate(status, text.encode())


@dataclass
class S3Service:
    """All buckets.

    fates    of the next calls, in order; those after them are kept
    objects  by bucket and key
    headers  of each call, names in lower case
    told     called with the bucket and the key before anything else
    """

    fates: Iterator[Fate] = field(default_factory=lambda: iter(()))
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    told: Callable[[str, str], None] = lambda bucket, key: None

    def client(self, region: str = "eu-west-1") -> Any:
        """A client whose calls come here."""
        client = session().create_client("s3", region, config=one_attempt())
        client.meta.events.register("before-send.s3.PutObject", self._send)
        return client

    def names(self) -> list[str]:
        """Keys of all objects."""
        return [key for _, key in self.objects]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        address = urlsplit(request.url)
        bucket, key = address.hostname.split(".")[0], unquote(address.path[1:])
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        self.told(bucket, key)
        self.headers.append(headers)
        fate = next(self.fates, KEPT)
        if fate.keeps:
            self.objects[bucket, key] = _content(request.body, headers)
        if fate.raises:
            raise fate.raises
        tag = {"ETag": '"tag"'} if fate.tag else {}
        return AWSResponse(request.url, fate.status, tag, Content(fate.body))


def _content(body: Any, headers: dict[str, str]) -> bytes:
    """The object, if its checksum is right."""
    sent = body if isinstance(body, bytes) else body.read()
    checksum = headers.get("x-amz-checksum-crc32", "")
    if "aws-chunked" in headers.get("content-encoding", ""):
        sent, checksum = _unchunked(sent)
    assert checksum == base64.b64encode(zlib.crc32(sent).to_bytes(4, "big")).decode()
    return sent


def _unchunked(sent: bytes) -> tuple[bytes, str]:
    content = b""
    while True:
        size, _, sent = sent.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            name, _, checksum = sent.partition(b"\r\n")[0].decode().partition(":")
            assert name == "x-amz-checksum-crc32"
            return content, checksum
        content, sent = content + sent[:count], sent[count + 2 :]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
