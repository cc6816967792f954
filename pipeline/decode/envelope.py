"""The CloudWatch Logs subscription envelope: one JSON object with many log events.

Source: Amazon CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions".
"""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.decode.inflate import Refused
from pipeline.errors import Reason

DATA, CONTROL = "DATA_MESSAGE", "CONTROL_MESSAGE"
MARK = b'"messageType"'


class _Event(msgspec.Struct, gc=False):
    id: str
    timestamp: int
    message: str
    extractedFields: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Envelope(msgspec.Struct, gc=False):
    messageType: str
    logEvents: list[_Event]
    owner: str = ""
    logGroup: str = ""
    logStream: str = ""


class _Wrapped(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    message: str


_decoder = msgspec.json.Decoder(_Envelope)
_wrapped = msgspec.json.Decoder(_Wrapped)


@dataclass(frozen=True, slots=True)
class Stream:
    """Provenance: the log stream that an envelope came from; empty text where it does not say."""

    owner: str
    group: str
    name: str
    region: str = ""


@dataclass(slots=True)
class Events:
    """The log events of one envelope, side by side, in its order.

    malformed  events that are no events, by index: their JSON stands in `messages`
    """

    stream: Stream
    control: bool
    ids: list[str]
    times: list[int]
    messages: list[str]
    malformed: dict[int, str]


def read(text: bytes) -> Events:
    """Read one envelope; an event that is broken is named and does not hurt its neighbours.

    Raises Refused(ENVELOPE_MALFORMED) when it is no envelope at all.
    """
    try:
        found = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_leniently(text)
    stream = Stream(found.owner, found.logGroup, found.logStream, _region(found.logEvents))
    events = found.logEvents
    return Events(
        stream,
        _is_control(found.messageType),
        [event.id for event in events],
        [event.timestamp for event in events],
        [event.message for event in events],
        {},
    )


def unwrap(line: bytes) -> str | None:
    """The text of a line that is a JSON object whose only key is `message`, else None.

    Flow logs that go through Firehose look so (VPC User Guide, "Publish flow logs to Firehose").
    """
    try:
        return _wrapped.decode(line).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_control(kind: str) -> bool:
    if kind not in (DATA, CONTROL):
        raise Refused(Reason.ENVELOPE_MALFORMED, f"messageType is {kind[:100]!r}")
    return kind == CONTROL


def _region(events: list[_Event]) -> str:
    # All events of an envelope come from one stream, so the first tells the system fields of all.
    raw = events[0].extractedFields if events else msgspec.UNSET
    if isinstance(raw, msgspec.UnsetType):
        return ""
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return ""
    region = fields.get("@aws.region", "")
    return region if isinstance(region, str) else ""


def _read_leniently(text: bytes) -> Events:
    # The fast decoder refuses a whole envelope for one raw control byte, one byte that is not
    # UTF-8 or one field of another type; here such an event alone is at fault.
    try:
        found = json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.ENVELOPE_MALFORMED, f"no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict) or not isinstance(found.get("logEvents"), list):
        raise Refused(Reason.ENVELOPE_MALFORMED, "no logEvents list")
    names = (found.get("owner"), found.get("logGroup"), found.get("logStream"))
    stream = Stream(*(name if isinstance(name, str) else "" for name in names))
    events = Events(stream, _is_control(str(found.get("messageType"))), [], [], [], {})
    for index, event in enumerate(found["logEvents"]):
        fault = _fault(event)
        if fault:
            events.malformed[index] = fault
            event = {"id": "", "timestamp": 0, "message": json.dumps(event)}
        events.ids.append(event["id"])
        events.times.append(event["timestamp"])
        events.messages.append(event["message"])
    return events


def _fault(event: Any) -> str:
    if not isinstance(event, dict):
        return "a log event that is no object"
    for name, kind in (("id", str), ("timestamp", int), ("message", str)):
        if type(event.get(name)) is not kind:
            return f"a log event without a proper {name}"
    if not -(1 << 62) < event["timestamp"] < 1 << 62:
        return "a log event with a timestamp out of range"
    return ""
