"""The CloudWatch Logs subscription envelope: one JSON object with many log events.

Source: Amazon CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions".
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from pipeline.decode.inflate import Refused
from pipeline.errors import Reason

DATA, CONTROL = "DATA_MESSAGE", "CONTROL_MESSAGE"
MARK, EVENTS_MARK = b'"messageType"', b'"logEvents"'
# AWS allows 512 characters; longer ones would be copied into every row and reject.
MOST_NAME = 512
# Timestamps are int64 milliseconds later; the least int64 stands for "none".
MOST_MS = 1 << 62
MOST_DIGITS = 1000
# Brackets, braces and commas outside of strings: 11 an event with AWS's system fields.
MARKS_AN_EVENT = 12
QUOTE, COMMA = ord('"'), ord(",")
STEPS = np.zeros(256, np.int32)
STEPS[list(b"[{")], STEPS[list(b"]}")] = 1, -1
MARKS = STEPS != 0
MARKS[COMMA] = True


class _Event(msgspec.Struct, gc=False):
    id: str
    timestamp: Annotated[int, msgspec.Meta(gt=-MOST_MS, lt=MOST_MS)]
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
    events = found.logEvents
    ids = [event.id for event in events]
    if not all(ids):
        return _read_leniently(text)
    return Events(
        _stream(found.owner, found.logGroup, found.logStream, _region(events)),
        _is_control(found.messageType),
        ids,
        [event.timestamp for event in events],
        [event.message for event in events],
        {},
    )


def most_events(text: bytes) -> int:
    """How many log events some text holds at most, told without an object for each.

    What is malformed counts as far as a decoder would come; much that is no event counts, too.
    """
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    found = np.frombuffer(plain, np.uint8)
    inside = np.logical_xor.accumulate(found == QUOTE)
    marks = found[MARKS[found] & ~inside]
    # Commas between events are in the object and the list.
    depth = np.cumsum(STEPS[marks], dtype=np.int32)
    between = int(np.count_nonzero((marks == COMMA) & (depth == 2)))
    return max(between + 1, len(marks) // MARKS_AN_EVENT)


def unwrap(line: bytes) -> str | None:
    """The text of a line that is a JSON object whose only key is `message`, else None.

    Flow logs that go through Firehose look so (VPC User Guide, "Publish flow logs to Firehose").
    """
    try:
        return _wrapped.decode(line).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _stream(owner: str, group: str, name: str, region: str) -> Stream:
    if max(map(len, (owner, group, name, region))) > MOST_NAME:
        detail = f"owner, log group or stream of more than {MOST_NAME} characters"
        raise Refused(Reason.ENVELOPE_MALFORMED, detail)
    return Stream(owner, group, name, region)


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return _region_of(fields)


def _region_of(fields: Any) -> str:
    region = fields.get("@aws.region") if isinstance(fields, dict) else ""
    return region if isinstance(region, str) else ""


def _read_leniently(text: bytes) -> Events:
    # The fast decoder refuses a whole envelope for one raw control byte, one byte that is not
    # UTF-8 or one field of another type; here such an event alone is at fault.
    try:
        decoded = text.decode("utf-8", "surrogateescape")
        found = json.loads(decoded, strict=False, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.ENVELOPE_MALFORMED, f"no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict) or not isinstance(found.get("logEvents"), list):
        raise Refused(Reason.ENVELOPE_MALFORMED, "no logEvents list")
    owner, group, name = (_name(found.get(key)) for key in ("owner", "logGroup", "logStream"))
    stream = _stream(owner, group, name, _name(_first_region(found["logEvents"])))
    events = Events(stream, _is_control(str(found.get("messageType"))), [], [], [], {})
    for index, event in enumerate(found["logEvents"]):
        fault = _fault(event)
        if fault:
            events.malformed[index] = fault
            text_of_it = json.dumps(event)
            event = {"id": "", "timestamp": 0, "message": text_of_it}
        events.ids.append(_name(event["id"]))
        events.times.append(event["timestamp"])
        events.messages.append(event["message"])
    return events


def _whole_number(digits: str) -> int | str:
    # int() raises for more than 4,300 digits; as text such a number is its own event's fault.
    return int(digits) if len(digits) <= MOST_DIGITS else digits


def _first_region(events: list[Any]) -> str:
    fields = (event.get("extractedFields") for event in events if isinstance(event, dict))
    return next(filter(None, map(_region_of, fields)), "")


def _name(value: Any) -> str:
    # Half a surrogate pair is no character: neither Arrow nor JSON takes it.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def _fault(event: Any) -> str:
    if not isinstance(event, dict):
        return "a log event that is no object"
    for name, kind in (("id", str), ("timestamp", int), ("message", str)):
        if type(event.get(name)) is not kind:
            return f"a log event without a proper {name}"
    if not event["id"]:
        return "a log event with an empty id"
    if not -MOST_MS < event["timestamp"] < MOST_MS:
        return "a log event with a timestamp out of range"
    return ""
