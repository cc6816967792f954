"""The log group of a subscription envelope, from its first bytes: who is to read the record.

AWS writes `logGroup` ahead of `logEvents`, so that a log event's text cannot forge it; an envelope
in another order is read whole.
"""

import re
import zlib
from binascii import Error, a2b_base64

import msgspec

from pipeline.decode import GZIP_MAGIC, Refused, open_payload
from pipeline.decode.envelope import EVENTS_MARK, MARK
from pipeline.settings import Limits
from pipeline.triggers import Record

# Names are at most 512 characters; a few kilobytes hold what stands ahead of the events.
PACKED, HEAD = 4 << 10, 16 << 10
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
        return _decoder.decode(open_payload(record, limits)).logGroup
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused):
        return ""


def _head(record: Record) -> bytes:
    packed = record.payload[:PACKED]
    try:
        if record.base64:
            packed = a2b_base64(packed[: len(packed) // 4 * 4])
        if packed.startswith(GZIP_MAGIC):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, HEAD)
    except (Error, zlib.error):
        return b""
    return packed
