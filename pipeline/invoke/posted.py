"""What API Gateway writes into a stream for a POST of page views, as lines of `page-view`.

No code of ours stands on that way in: a mapping template (infra/views/*.vtl) puts one record for
each view, with what the server knows beside the body. Here the address in it becomes the hash of a
visitor, before anything else reads the record. What is none, or holds no view, becomes one line
that the source refuses and that says nothing of who sent it.

Source: Amazon API Gateway Developer Guide, "Variables for data transformations".
"""

import binascii
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from re import compile as pattern
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pipeline import beacon
from pipeline.beacon import LONGEST_AGENT, MOST_BYTES, SOURCE, Seen
from pipeline.errors import UsageError
from pipeline.triggers import Record

# Of an image, whose body is its query string; no type that a body could have.
IMAGE = "image/gif"
# A body in base64, and headers: API Gateway takes 10,240 bytes of those.
MOST_PAYLOAD = 64 << 10
# The year 10000, which no calendar of ours has.
MOST_MS = 253_402_300_800_000
COUNTRY = pattern("[A-Z]{2}")
# An address with its zone at most.
LONGEST_IP = 64


class _Posted(msgspec.Struct):
    """A record, its bytes in base64.

    at       when API Gateway took the request, epoch ms
    ip       who sent it
    kind     type of the body
    country  what CloudFront says
    referer  of an image: the page that it stands in
    """

    at: Annotated[int, Meta(ge=0, lt=MOST_MS)]
    ip: Annotated[str, Meta(min_length=1, max_length=LONGEST_IP)]
    kind: str
    body: bytes
    id: str = ""
    agent: bytes = b""
    country: bytes = b""
    referer: bytes = b""


_decoder = msgspec.json.Decoder(_Posted)


def opening(key: bytes) -> Callable[[Record], Record]:
    """What makes lines of views of each record of a Kinesis event."""

    def opened_record(record: Record) -> Record:
        try:
            payload = binascii.a2b_base64(record.payload, strict_mode=True)
        except binascii.Error:
            payload = record.payload
        return replace(
            record,
            payload=opened(payload, key),
            base64=False,
            opened=True,
            # A view that looks like an envelope of CloudWatch is none.
            plain=True,
            # By its log group formats are declared: which parameters tell pages apart.
            log_group=SOURCE,
        )

    return opened_record


def opened(payload: bytes, key: bytes) -> bytes:
    """The lines of a record, each a view or what is refused; at least one.

    payload  as the mapping template wrote it, at most MOST_PAYLOAD bytes
    key      that salts of the hashes of visitors are made of
    """
    try:
        if len(payload) > MOST_PAYLOAD:
            raise msgspec.ValidationError("too long")
        posted = _decoder.decode(payload)
    # Bytes that are no UTF-8 are a ValueError, arrays in arrays a RecursionError.
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _no_record(payload)
    try:
        views = _views(posted)
    except UsageError:
        return _no_views(posted.body)
    lines = beacon.lines_of(views, _seen(posted), beacon.salt_of(key, posted.at))
    return b"\n".join(lines) if lines else _no_views(posted.body)


def _views(posted: _Posted) -> list[Any]:
    """The views of a body. Raises UsageError where it has none."""
    if posted.kind != IMAGE:
        return beacon.views_of(posted.body, posted.kind)
    return [beacon.of_image(beacon.form_of(posted.body), _text(posted.referer))]


def _seen(posted: _Posted) -> Seen:
    country = _text(posted.country)
    known = country if COUNTRY.fullmatch(country) else ""
    return Seen(posted.at, posted.ip, _text(posted.agent)[:LONGEST_AGENT], known)


def _no_record(payload: bytes) -> bytes:
    # What is in it nobody knows, so not a word of it: half a record still has its address.
    digest = sha256(payload).hexdigest()[:16]
    told = f"a record of {len(payload)} bytes that is none of a page view, sha256 {digest}"
    return msgspec.json.encode(told)


def _no_views(body: bytes) -> bytes:
    # As a JSON text, which is no view whatever stands in it, and one line however many it has.
    return msgspec.json.encode(_text(body[:MOST_BYTES]))


def _text(told: bytes) -> str:
    return told.decode("utf-8", "backslashreplace")
