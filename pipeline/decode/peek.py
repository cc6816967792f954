"""The log group of a subscription envelope: who is to read the record.

The record is opened for it, and nothing but the envelope's own names is decoded: 0.3 us a log
event. Its head alone, at 0.1 us, tells neither whether another line or another name follows.
"""

from contextlib import suppress
from typing import Annotated, Literal

import msgspec

from pipeline.decode import (
    BOM,
    Lines,
    Refused,
    all_envelopes,
    envelope,
    looks_like_envelope,
    open_payload,
    with_plain_ends,
)
from pipeline.decode.envelope import MOST_NAME
from pipeline.settings import Limits
from pipeline.triggers import Record

Name = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]


class _Envelope(msgspec.Struct, gc=False):
    messageType: Literal["DATA_MESSAGE", "CONTROL_MESSAGE"]
    logEvents: msgspec.Raw
    owner: Name = ""
    logGroup: Name = ""
    logStream: Name = ""


_decoder = msgspec.json.Decoder(_Envelope)


def log_group_of(record: Record, limits: Limits) -> str:
    """The log group that `decode` finds in a record, the first of several; "" for none.

    A control message has one, too.
    """
    try:
        text = open_payload(record, limits)
    except Refused:
        return ""
    if not looks_like_envelope(text.removeprefix(BOM)):
        return ""
    try:
        found = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _first_group(text)
    is_list = memoryview(found.logEvents)[0] == ord("[")
    return found.logGroup if is_list else _first_group(text)


def _first_group(text: bytes) -> str:
    """The same of several envelopes, one a line, and of one that the fast decoder refuses."""
    if looks_like_envelope(text):
        with suppress(Refused):
            return envelope.read(text).stream.group
        if b"\n" not in text.strip():
            return ""
    lines = Lines.of_text(with_plain_ends(text.removeprefix(BOM)))
    for at in range(len(lines)) if all_envelopes(lines) else ():
        with suppress(Refused):
            events = envelope.read(lines[at])
            if not events.control:
                return events.stream.group
    return ""
