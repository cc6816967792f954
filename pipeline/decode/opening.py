"""What a payload is wrapped in taken off: base64, and up to two layers of gzip, by signature.

Nothing is told by a name: a carrier says base64 or not, all else stands in the first bytes.
"""

import binascii
from collections.abc import Iterator
from contextlib import suppress

from pipeline.decode.inflate import Refused, inflate, inflate_record
from pipeline.errors import Reason
from pipeline.settings import Limits
from pipeline.triggers import Record

try:  # a sixth of the CPU of binascii; the standard library stands in where it is not installed
    import pybase64
except ImportError:  # pragma: no cover - the locked environments have it
    pybase64 = None  # type: ignore[assignment]

BOM = b"\xef\xbb\xbf"
PARQUET_MAGIC = b"PAR1"
# Base64 of the first three bytes of a gzip file with the usual method 8.
BASE64_OF_GZIP = b"H4sI"
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
GZIP_MAGIC = b"\x1f\x8b"
WHITESPACE = b" \t\r\n"


def open_payload(record: Record, limits: Limits) -> bytes:
    """The text of a record: base64 and up to two layers of gzip taken off, by their signature.

    Raises Refused, also for an empty payload and for Parquet.
    """
    if record.refused:
        reason, _, detail = record.refused.partition(": ")
        raise Refused(Reason(reason), detail)
    payload = record.payload
    if record.base64 or payload.startswith(BASE64_OF_GZIP):
        payload = _unbase64(payload, must=record.base64)
    if not payload:
        raise Refused(Reason.EMPTY, "the payload is empty")
    if payload.startswith(PARQUET_MAGIC) and payload.endswith(PARQUET_MAGIC):
        raise Refused(Reason.PARQUET_UNSUPPORTED, "Parquet flow logs are not read yet")
    text = inflate_record(payload, limits)
    if text in (b"", BOM):
        raise Refused(Reason.EMPTY, "the payload holds no text")
    return text


def contents(payload: bytes, limits: Limits, cap: int) -> Iterator[bytes]:
    """What `open_payload` finds in a payload, at most `cap` bytes, in pieces that can be let go.

    Raises Refused where it cannot be decompressed.
    """
    if payload.startswith(BASE64_OF_GZIP):
        payload = _unbase64(payload, must=False)
    return inflate((payload,), limits, cap)


def _unbase64(payload: bytes, must: bool) -> bytes:
    try:
        packed = _a2b(payload)
    except binascii.Error as error:
        if must:
            raise Refused(Reason.BASE64_MALFORMED, f"no base64: {error}") from error
        return payload
    # Text may happen to be base64; what is told by its signature must have one inside.
    return packed if must or packed.startswith(GZIP_MAGIC) else payload


def _a2b(payload: bytes) -> bytes:
    if pybase64 is not None:
        # What it takes the standard library takes, too; what it refuses is looked at again.
        with suppress(binascii.Error):
            return pybase64.b64decode(payload, validate=True)
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except binascii.Error:  # line breaks are allowed, in files
        return binascii.a2b_base64(payload.translate(None, WHITESPACE), strict_mode=True)


def may_be_base64_of_gzip(chunk: bytes) -> bool:
    """Whether some bytes of a payload (its first, or any later ones) fit base64 of gzip."""
    return not chunk.translate(None, BASE64)
