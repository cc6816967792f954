"""The log group of a subscription envelope, from its first bytes: who is to read the record.

AWS writes `logGroup` ahead of `logEvents`, so that a log event's text cannot forge it; an envelope
in another order is read whole.
"""

import re
import zlib
from binascii import Error, a2b_base64

import msgspec

from pipeline.decode import BASE64_OF_GZIP, BOM, GZIP_MAGIC, Refused, open_payload
from pipeline.decode.envelope import EVENTS_MARK, MARK
from pipeline.settings import Limits
from pipeline.triggers import Record

# Names are at most 512 characters; a few kilobytes hold what stands ahead of the events.
PACKED, HEAD = 4 << 10, 16 << 10
LAYERS = 2
LOG_GROUP = re.compile(rb'"logGroup"\s*:\s*("(?:[^"\\]|\\.)*")')


class _Envelope(msgspec.Struct, gc=False):
    logGroup: str = ""


_decoder = msgspec.json.Decoder(_Envelope)


def log_group_of(record: Record, limits: Limits) -> str:
    """The log group that a record's envelope names; "" where it is none, or is broken."""
    head = _head(record)
    if not head.lstrip().startswith(b"{") or MARK not in head:
        return ""
    before = head.partition(EVENTS_MARK)[0]
    found = LOG_GROUP.search(before)
    try:
        if found:
            return msgspec.json.decode(found[1], type=str)
        # Wherever the name stands it is behind what was looked at.
        return _decoder.decode(open_payload(record, limits).removeprefix(BOM)).logGroup
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused):
        return ""


def _head(record: Record) -> bytes:
    """The first bytes of what `open_payload` would find: base64 and two layers of gzip off."""
    packed = record.payload[:PACKED]
    try:
        if record.base64 or packed.startswith(BASE64_OF_GZIP):
            packed = a2b_base64(packed[: len(packed) // 4 * 4])
        for _ in range(LAYERS):
            if packed.startswith(GZIP_MAGIC):
                packed = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, HEAD)
    except (Error, zlib.error):
        return b""
    return packed.removeprefix(BOM)
