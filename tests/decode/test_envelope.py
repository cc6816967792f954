"""The subscription envelope, whole and broken: one event at fault leaves its neighbours alone."""

import json
from pathlib import Path

import pytest

from pipeline.decode import Refused, Stream
from pipeline.decode.envelope import read, unwrap
from pipeline.errors import Reason
from tests.carriers import FIRST_ID, SENT_MS, control, envelope, log_event, log_events

EVENTS = Path(__file__).parent.parent / "events"
STREAM = Stream("123456789010", "flow-logs", "eni-1235b8ca123456789-all")


def test_the_example_of_the_documentation_is_read_field_by_field() -> None:
    events = read((EVENTS / "aws-docs" / "subscription-1.json").read_bytes())
    assert events.stream == Stream(
        "111111111111", "CloudTrail/logs", "111111111111_CloudTrail/logs_us-east-1"
    )
    assert events.ids == [
        "31953106606966983378809025079804211143289615424298221568",
        "31953106606966983378809025079804211143289615424298221569",
        "31953106606966983378809025079804211143289615424298221570",
    ]
    assert events.times == [1_432_826_855_000] * 3
    assert events.messages == ['{"eventVersion":"1.03","userIdentity":{"type":"Root"}'] * 3
    assert (events.control, events.malformed) == (False, {})


def test_a_control_message_is_known_as_one() -> None:
    assert read(control()).control
    assert not read(envelope([])).control


def test_the_region_is_the_one_of_the_system_fields() -> None:
    fields = {"@aws.account": "123456789010", "@aws.region": "eu-west-1"}
    events = read(envelope([log_event(extractedFields=fields), log_event(number=1)]))
    assert events.stream == Stream(STREAM.owner, STREAM.group, STREAM.name, "eu-west-1")


@pytest.mark.parametrize("fields", [None, [], "eu-west-1", {}, {"@aws.region": 7}, {"@aws": "x"}])
def test_odd_system_fields_tell_no_region(fields: object) -> None:
    assert read(envelope([log_event(extractedFields=fields)])).stream == STREAM


def test_system_fields_that_are_not_text_tell_no_region() -> None:
    text = envelope([log_event(extractedFields={"@aws.region": "@@"})]).replace(b"@@", b"\xff")
    assert read(text).messages == [log_event()["message"]]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"messageType"',
        b"{}",
        b'{"messageType": "DATA_MESSAGE"}',
        b'{"messageType": "DATA_MESSAGE", "logEvents": null}',
        b'{"messageType": "DATA_MESSAGE", "logEvents": {}}',
        envelope([])[:-1],
        envelope([]) + b"x",
        envelope([], messageType="OTHER_MESSAGE"),
        envelope([log_event(id=7)], messageType="OTHER_MESSAGE"),
        envelope([], messageType=None),
        b'{"messageType": ' + b"[" * 100_000,
        b'{"messageType": ' + b'{"a":' * 100_000,
    ],
    ids=lambda text: text[:40].decode(),
)
def test_what_is_no_envelope_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match=r".") as refused:
        read(text)
    assert refused.value.reason == Reason.ENVELOPE_MALFORMED


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (None, "a log event that is no object"),
        ("text", "a log event that is no object"),
        ([], "a log event that is no object"),
        ({}, "a log event without a proper id"),
        (log_event(id=None), "a log event without a proper id"),
        (log_event(id=7), "a log event without a proper id"),
        (log_event(timestamp=None), "a log event without a proper timestamp"),
        (log_event(timestamp="1432826855000"), "a log event without a proper timestamp"),
        (log_event(timestamp=True), "a log event without a proper timestamp"),
        (log_event(timestamp=1.5), "a log event without a proper timestamp"),
        (log_event(timestamp=10**30), "a log event with a timestamp out of range"),
        (log_event(timestamp=2**63), "a log event with a timestamp out of range"),
        (log_event(timestamp=-(2**63)), "a log event with a timestamp out of range"),
        (log_event(timestamp=2**62), "a log event with a timestamp out of range"),
        (log_event(message=None), "a log event without a proper message"),
        (log_event(message=["a"]), "a log event without a proper message"),
    ],
)
def test_a_wrong_event_is_named_and_its_neighbours_are_read(wrong: object, fault: str) -> None:
    fields = {"@aws.region": "eu-west-1"}
    first, last = log_event("first", extractedFields=fields), log_event("last", 2)
    events = read(envelope([first, wrong, last]))
    assert events.malformed == {1: fault}
    assert json.loads(events.messages[1]) == wrong
    assert (events.messages[0], events.messages[2]) == ("first", "last")
    assert (events.ids[0], events.ids[2]) == (str(FIRST_ID), str(FIRST_ID + 2))
    assert (events.times[0], events.times[2]) == (SENT_MS, SENT_MS)
    assert events.stream == Stream(STREAM.owner, STREAM.group, STREAM.name, "eu-west-1")


@pytest.mark.parametrize("timestamp", [-(2**62) + 1, -1, 0, 2**62 - 1])
def test_a_timestamp_that_fits_is_left_to_the_source(timestamp: int) -> None:
    assert read(envelope([log_event(timestamp=timestamp)])).times == [timestamp]


@pytest.mark.fault("F11")
def test_a_number_of_5000_digits_is_the_fault_of_its_own_event() -> None:
    text = envelope(log_events(["first", "second"])).replace(str(SENT_MS).encode(), b"9" * 5000, 1)
    events = read(text)
    assert events.malformed == {0: "a log event without a proper timestamp"}
    assert events.messages[1] == "second"


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (b"a\x01b", "a\x01b"),
        (b"a\tb", "a\tb"),
        (b"a\x00b", "a\x00b"),
        (b"a\nb", "a\nb"),
        (b"a\xffb", "a\udcffb"),
        (b"a\\ud800b", "a\ud800b"),
        (b"a\\ud83d\\ude00b", "a\U0001f600b"),
        (b"a\\u0000b", "a\x00b"),
    ],
)
def test_a_bad_character_in_one_message_stays_there(inside: bytes, message: str) -> None:
    text = envelope(log_events(["first", "@", "last"])).replace(b'"@"', b'"' + inside + b'"')
    events = read(text)
    assert events.messages == ["first", message, "last"]
    assert events.ids == [str(FIRST_ID + number) for number in range(3)]
    assert events.malformed == {}


def test_provenance_that_is_no_text_is_written_out() -> None:
    text = envelope(log_events(["a"]), logGroup="@", logStream="\ud800", owner=7)
    events = read(text.replace(b'"@"', b'"\xff"'))
    assert events.stream == Stream("", "\\udcff", "\\ud800")


def test_an_event_id_that_is_no_text_is_written_out() -> None:
    assert read(envelope([log_event(id="\ud800")])).ids == ["\\ud800"]


@pytest.mark.fault("F11")
def test_of_duplicate_keys_the_last_one_counts_on_both_ways() -> None:
    text = b'{"messageType": "DATA_MESSAGE", "owner": "1", "owner": "2", "logEvents": [%s]}'
    event = b'{"id": "a", "id": "b", "timestamp": 1, "timestamp": 2, "message": "%s"}'
    for message in (b"good", b"raw \x01"):
        events = read(text % (event % message))
        assert (events.stream.owner, events.ids, events.times) == ("2", ["b"], [2])


@pytest.mark.parametrize("depth", [10, 500, 900])
def test_a_deep_event_is_at_fault_alone(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    events = read(envelope([*log_events(["first"]), "@"]).replace(b'"@"', deep.encode()))
    assert (events.messages[0], list(events.malformed)) == ("first", [1])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"message": "a b"}', "a b"),
        (b'{"message":"a\\n"}', "a\n"),
        (b' {"message": ""} ', ""),
        (b'{"message": "a", "id": 1}', None),
        (b'{"message": 7}', None),
        (b'{"message": null}', None),
        (b'{"Message": "a"}', None),
        (b'{"message": "a"', None),
        (b'{"message": "\xff"}', None),
        (b'{"message": "\\ud800"}', None),
        (b'{"message": "a\x01"}', None),
        (b'{"message": ' + b"[" * 100_000, None),
        (b"{}", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_only_an_object_with_nothing_but_message_is_unwrapped(
    line: bytes, text: str | None
) -> None:
    assert unwrap(line) == text
