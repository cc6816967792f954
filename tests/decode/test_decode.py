"""Records opened: what a payload is, is told by its signature; what it is not, has a reason."""

import base64
import binascii
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import LogBatch, Stream, decode, open_payload
from pipeline.decode.identity import of_events, of_ordinals
from pipeline.errors import Drop, Reason
from pipeline.settings import Limits
from pipeline.triggers import Record, awslogs, firehose, kinesis
from tests.carriers import (
    ARRIVAL_MS,
    FIRST_ID,
    LINE,
    SENT_MS,
    control,
    envelope,
    gzipped,
    log_event,
    log_events,
    wrapped,
)
from tests.processed import record

EVENTS = Path(__file__).parent.parent / "events"
STREAM = Stream("123456789010", "flow-logs", "eni-1235b8ca123456789-all")


def opened(*payloads: bytes, limits: Limits | None = None, **changes: Any) -> LogBatch:
    records = [record(payload, str(at), **changes) for at, payload in enumerate(payloads)]
    return decode(records, limits or Limits())


def listed(batch: LogBatch) -> list[bytes]:
    return [batch.lines[index] for index in range(len(batch))]


def failures(batch: LogBatch) -> list[tuple[int, int | None, str]]:
    return [(failure.record, failure.line, str(failure.reason)) for failure in batch.failures]


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (b"a b\nc d\n", [b"a b", b"c d"]),
        (b"a b\nc d", [b"a b", b"c d"]),
        (b"\n", [b""]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [b"a", b"\xef\xbb\xbfb"]),
        (gzipped(b"a\nb\n"), [b"a", b"b"]),
        (gzipped(gzipped(b"a\nb\n")), [b"a", b"b"]),
        (gzipped(b"a\n") + gzipped(b"b\n"), [b"a", b"b"]),
        (base64.b64encode(gzipped(b"a\nb\n")), [b"a", b"b"]),
        (base64.encodebytes(gzipped(b"a\nb\n" * 40)), [b"a", b"b"] * 40),
        (b"H4sI is how base64 of gzip begins", [b"H4sI is how base64 of gzip begins"]),
        (wrapped(["a b", "c"]), [b"a b", b"c"]),
        (b'{"message": "a b"}', [b"a b"]),
        (b'x\n{ "message" : "a"}\n{"message": 1}\n{"m": 2}\n', None),
        (b"{", [b"{"]),
        (b"{}\n[]\n", [b"{}", b"[]"]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_payload_is_what_its_first_bytes_say(payload: bytes, lines: list[bytes] | None) -> None:
    batch = opened(payload)
    assert listed(batch) == (lines or [b"x", b"a", b'{"message": 1}', b'{"m": 2}'])
    assert batch.failures == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzipped(b""), "empty"),
        (gzipped(gzipped(b"")), "empty"),
        (gzipped(b"a")[:-3], "gzip_truncated"),
        (gzipped(b"a")[:-8] + bytes(8), "gzip_corrupt"),
        (gzipped(b"a") + b"x", "gzip_junk"),
        (gzipped(gzipped(gzipped(b"a"))), "too_large"),
        (b"PAR1 and more PAR1", "parquet_unsupported"),
        (b'{"messageType": "DATA_MESSAGE", "logEvents": [', "envelope_malformed"),
        (b'{"messageType": "OTHER", "logEvents": []}', "envelope_malformed"),
        (b'{"logEvents":1,"messageType":' + b"[" * 100_000, "envelope_malformed"),
        (gzipped(b'{"logEvents":1,"messageType":' + b'{"a":' * 100_000), "envelope_malformed"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.fault("F9")
def test_a_payload_that_cannot_be_opened_has_a_reason_and_good_neighbours(
    payload: bytes, reason: str
) -> None:
    batch = opened(b"first", payload, b"last")
    assert failures(batch) == [(1, None, reason)]
    assert listed(batch) == [b"first", b"last"]
    assert batch.record.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"YQ=", "base64_malformed"),
        (b"Y", "base64_malformed"),
        (b"YQ==x", "base64_malformed"),
        (b"a b!", "base64_malformed"),
        (b"\xff", "base64_malformed"),
        (base64.b64encode(b"PAR1"), "parquet_unsupported"),
    ],
)
def test_the_data_of_a_lambda_event_must_be_base64(payload: bytes, reason: str) -> None:
    assert failures(opened(payload, base64=True)) == [(0, None, reason)]


def test_a_payload_refused_before_keeps_its_reason() -> None:
    batch = opened(b"fine", refused="gzip_truncated: gzip breaks off at byte 9")
    assert failures(batch) == [(0, None, "gzip_truncated")]
    assert batch.failures[0].detail == "gzip breaks off at byte 9"


def test_a_slice_of_a_file_is_looked_into_no_further() -> None:
    batch = opened(gzipped(b"a") + b"\nb\n", opened=True, first_ordinal=5)
    assert len(batch) == len((gzipped(b"a") + b"\nb").split(b"\n"))
    assert failures(batch) == []


def test_only_a_file_from_its_beginning_loses_a_byte_order_mark() -> None:
    assert listed(opened(b"\xef\xbb\xbfa\n", opened=True)) == [b"a"]
    assert listed(opened(b"\xef\xbb\xbfa\n", opened=True, first_ordinal=1)) == [b"\xef\xbb\xbfa"]


def test_an_envelope_brings_ids_times_and_provenance() -> None:
    batch = opened(gzipped(envelope(log_events(["a", "b"]))))
    assert listed(batch) == [b"a", b"b"]
    assert batch.time_ms.tolist() == [SENT_MS, SENT_MS]
    assert [segment.stream for segment in batch.segments] == [STREAM]
    assert [batch.event_id(0), batch.event_id(1)] == [str(FIRST_ID), str(FIRST_ID + 1)]
    expected = of_events([STREAM], [2], [str(FIRST_ID), str(FIRST_ID + 1)])
    assert batch.record_id.tolist() == expected.tolist()


def test_an_envelope_spread_over_lines_is_one() -> None:
    pretty = json.dumps(json.loads(envelope(log_events(["a", "b"]))), indent=2).encode()
    assert listed(opened(pretty)) == [b"a", b"b"]
    assert listed(opened(b"\n\n " + pretty + b"\n")) == [b"a", b"b"]


def test_several_envelopes_one_a_line_are_several() -> None:
    text = b"\n".join([envelope(log_events(["a"])), control(), envelope(log_events(["b", "c"]))])
    batch = opened(gzipped(text))
    assert listed(batch) == [b"a", b"b", b"c"]
    assert batch.dropped == {(0, Drop.CONTROL): 1}


def test_a_broken_envelope_among_envelopes_is_refused_alone() -> None:
    text = envelope(log_events(["a"])) + b"\n" + envelope([])[:-1] + b"\n\n"
    batch = opened(text + envelope(log_events(["b"])))
    assert listed(batch) == [b"a", envelope([])[:-1], b"b"]
    assert [(f.line, f.reason) for f in batch.failures] == [(1, Reason.ENVELOPE_MALFORMED)]
    assert batch.dropped == {(0, Drop.BLANK): 1}


def test_a_line_among_others_that_says_it_is_an_envelope_is_a_line() -> None:
    forged = envelope(log_events(["a", "b"]), logGroup="/prod/payments")
    batch = opened(b"first\n" + forged + b"\n" + wrapped(["c"]) + b"last")
    assert listed(batch) == [b"first", forged, b"c", b"last"]
    assert batch.ordinal.tolist() == [0, 1, 2, 3]
    assert batch.record_id.tolist() == of_ordinals("stream/s/0/0", batch.ordinal).tolist()
    assert (batch.segments[0].stream, batch.dropped) == (None, {})


@given(
    content=st.binary(max_size=40).map(lambda tail: b"text" + tail),
    changes=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(b"=A/+\n -_\x80")), max_size=3),
)
def test_base64_is_read_as_strictly_as_the_standard_library_reads_it(
    content: bytes, changes: list[tuple[int, int]]
) -> None:
    text = bytearray(base64.b64encode(content))
    for at, byte in changes:
        text[at % len(text)] = byte
    try:
        expected = binascii.a2b_base64(text.translate(None, b" \t\r\n"), strict_mode=True)
    except binascii.Error:
        assert failures(opened(bytes(text), base64=True)) == [(0, None, "base64_malformed")]
    else:
        assert open_payload(record(bytes(text), base64=True), Limits()) == expected


@pytest.mark.parametrize("text", [b"PAR1 hello\na\n", b"H4sI hello\na\n", b"H4sIhello\na\n"])
def test_a_log_that_begins_like_something_else_is_read(text: bytes) -> None:
    assert listed(opened(text)) == text.splitlines()


def test_a_log_group_of_more_than_512_characters_is_refused() -> None:
    batch = opened(envelope(log_events(["a"]), logGroup="x" * 513))
    assert [failure.reason for failure in batch.failures] == [Reason.ENVELOPE_MALFORMED]


def test_an_event_without_an_id_is_refused_and_none_meets_another() -> None:
    events = [log_event("a", 0, id=""), log_event("b", 1), None, None]
    batch = opened(envelope(events), envelope(events))
    assert [failure.line for failure in batch.failures] == [0, 2, 3, 4, 6, 7]
    refused = batch.record_id[[0, 2, 3, 4, 6, 7]].tolist()
    assert len(set(refused)) == 6


def test_ordinals_go_on_where_the_slice_before_ended() -> None:
    batch = opened(b"a\nb\n", opened=True, first_ordinal=70, identity="content/0f1e")
    assert batch.ordinal.tolist() == [70, 71]
    assert batch.record_id.tolist() == of_ordinals("content/0f1e", batch.ordinal).tolist()


def test_control_messages_are_counted_alone_and_among_data() -> None:
    alone = opened(gzipped(control()))
    assert (len(alone), alone.dropped, alone.failures) == (0, {(0, Drop.CONTROL): 1}, [])
    among = opened(envelope(log_events(["a"])), control(), envelope(log_events(["b"])))
    assert (listed(among), among.dropped) == ([b"a", b"b"], {(1, Drop.CONTROL): 1})


def test_our_own_log_groups_are_dropped_event_by_event() -> None:
    own = envelope(log_events(["a", "b"]), logGroup="/aws/lambda/tailrace-flows")
    batch = decode([record(own), record(b"c")], Limits(), ["/aws/lambda/tailrace-"])
    assert (listed(batch), batch.dropped) == ([b"c"], {(0, Drop.OWN_LOG): 2})


def test_a_line_over_the_limit_is_refused_alone() -> None:
    limits = Limits(line_bytes=10)
    batch = opened(b"x" * 10 + b"\n" + b"x" * 11 + b"\nlast", b"next", limits=limits)
    assert failures(batch) == [(0, 1, "too_long")]
    assert len(batch) == 4
    batch = opened(envelope([log_event("a"), log_event("x" * 11, 1), 7]), limits=limits)
    assert sorted(failures(batch)) == [(0, 1, "too_long"), (0, 2, "envelope_malformed")]


def test_a_log_group_that_was_named_is_the_provenance_of_plain_lines() -> None:
    assert opened(b"a", log_group="g").segments[0].stream == Stream("", "g", "")
    assert opened(b"a").segments[0].stream is None


def test_the_event_of_a_kinesis_subscription_is_read() -> None:
    batch = decode(kinesis(event("kinesisStreamCloudWatchLogsEvent")), Limits())
    assert [line[:38] for line in listed(batch)[:2]] == [
        b"START RequestId: 06e46194-f277-454e-88",
        b"END RequestId: 06e46194-f277-454e-88d3",
    ]
    assert batch.record.tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.time_ms.tolist()[:3] == [1_668_093_027_015, 1_668_093_027_024, 1_668_093_027_024]
    assert batch.segments[1].stream == Stream(
        "231436140809",
        "/aws/lambda/pt-1488-DummyLogDataFunction-gnWXPvL6jJyG",
        "2022/11/10/[$LATEST]6749cb3ec3b34895986d592d7421cab2",
    )


def test_the_event_of_a_firehose_subscription_is_read() -> None:
    batch = decode(firehose(event("firehoseCloudWatchLogs")), Limits())
    assert listed(batch)[0] == b"8499846a-88c1-4fb3-bfca-117ec023c5c3"
    assert batch.record.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert batch.dropped == {(0, Drop.CONTROL): 1}


def test_the_event_of_a_subscription_without_a_stream_is_read() -> None:
    batch = decode(awslogs(event("cloudWatchLogEvent"), ARRIVAL_MS), Limits())
    assert listed(batch) == [b"[ERROR] First test message", b"[ERROR] Second test message"]
    assert [batch.event_id(0), batch.event_id(1)] == ["eventId1", "eventId2"]
    assert batch.time_ms.tolist() == [1_440_442_987_000, 1_440_442_987_001]


def test_zlib_is_no_signature_that_is_known() -> None:
    # An event made for a test elsewhere; CloudWatch itself always sends gzip.
    batch = decode(awslogs(event("cloudWatchLogEventWithPolicyLevel"), ARRIVAL_MS), Limits())
    assert listed(batch)[0].startswith(b"x\xda")
    assert batch.failures == []


def test_envelopes_between_other_lines_cost_no_more_than_their_size() -> None:
    text = (envelope(log_events([LINE])) + b"\n" + wrapped([LINE])) * 4000
    started = time.perf_counter()
    assert len(opened(text)) == 8000
    assert time.perf_counter() - started < 3


piece = st.sampled_from(
    [
        *(
            b"a b\n",
            b"\n",
            b"\r\n",
            b"{",
            b"}\n",
            b"\xff",
            b"\x00",
            b"\xef\xbb\xbf",
            b"H4sI",
            b"PAR1",
        ),
        *(gzipped(b"a\n"), gzipped(b""), gzipped(b"a")[:-2], b"\x1f\x8b", b"\x1f"),
        *(envelope(log_events(["a", "b"])), envelope([7, log_event("c")]), control(), envelope([])),
        *(envelope([])[:-1], b'{"messageType"', wrapped(["a", "b"]), b'{"message": 1}', b"=" * 3),
    ]
)
payload = st.one_of(
    st.binary(max_size=40),
    st.lists(piece, max_size=6).map(b"".join),
    st.lists(piece, max_size=4).map(lambda pieces: gzipped(b"".join(pieces))),
    st.lists(piece, max_size=4).map(lambda pieces: base64.b64encode(gzipped(b"".join(pieces)))),
)


@given(st.lists(payload, max_size=4), st.booleans(), st.booleans())
def test_any_bytes_become_lines_failures_and_drops(
    payloads: list[bytes], as_base64: bool, as_slice: bool
) -> None:
    if as_slice:  # an empty slice holds no line, and no file is cut so
        payloads = [payload for payload in payloads if payload not in (b"", b"\xef\xbb\xbf")]
    batch = opened(*payloads, base64=as_base64, opened=as_slice)
    count = sum(segment.count for segment in batch.segments)
    assert len(batch) == count == len(batch.record) == len(batch.ordinal)
    assert len(batch) == len(batch.record_id) == len(batch.time_ms) == len(batch.segment_of)
    assert batch.record.tolist() == sorted(batch.record)
    seen = {*batch.record.tolist(), *(f.record for f in batch.failures)}
    seen |= {at for at, _ in batch.dropped}
    empty = {s.record for s in batch.segments if s.count == 0}
    assert seen | empty == set(range(len(payloads)))


@given(st.lists(payload, min_size=2, max_size=4))
def test_a_record_is_opened_the_same_alone_and_among_others(payloads: list[bytes]) -> None:
    together = opened(*payloads)
    for at, payload in enumerate(payloads):
        alone = decode([record(payload, str(at))], Limits())
        mine = together.record == at
        assert listed(alone) == [together.lines[int(i)] for i in mine.nonzero()[0]]
        assert alone.record_id.tolist() == together.record_id[mine].tolist()
        assert alone.ordinal.tolist() == together.ordinal[mine].tolist()
        assert alone.time_ms.tolist() == together.time_ms[mine].tolist()
        assert [f.reason for f in alone.failures] == [
            f.reason for f in together.failures if f.record == at
        ]


def test_no_records_make_an_empty_batch() -> None:
    batch = decode([], Limits())
    assert (len(batch), batch.failures, batch.dropped) == (0, [], {})


def test_a_record_of_an_empty_envelope_has_no_lines_and_no_failure() -> None:
    batch = decode([Record(envelope([]), "1", ARRIVAL_MS, "s")], Limits())
    assert (len(batch), batch.failures, batch.dropped) == (0, [], {})


FEW = Limits(record_lines=3)
LARGE = [(0, None, "too_large")]


def test_a_record_has_so_many_lines_at_most() -> None:
    assert failures(opened(gzipped(b"a\n" * 4_000_000), limits=Limits())) == LARGE
    assert listed(opened(b"a\nb\nc\n", limits=FEW)) == [b"a", b"b", b"c"]
    batch = opened(b"a\n\nb\n\n", b"c\n", limits=FEW)
    assert (failures(batch), listed(batch)) == (LARGE, [b"c"])


def test_a_slice_of_a_file_has_as_many_lines_as_it_was_cut_to() -> None:
    assert len(opened(b"a\n" * 9, limits=FEW, opened=True)) == 9


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (envelope(log_events(['a,b {"c",d']) * 3, subscriptionFilters=["a,b"]), 3),
        (envelope(log_events(["\\", '\\"', '",",",",', "[[[[,,,,"])[1:]), 3),
        (b"\n".join([envelope(log_events(["a"])), b"", envelope(log_events(["b", "c"]))]), 3),
    ],
)
def test_what_strings_hold_is_no_event_too_many(text: bytes, lines: int) -> None:
    batch = opened(text, limits=FEW)
    assert (failures(batch), len(batch)) == ([], lines)


BROKEN = b'{"messageType" "logEvents" "'


@pytest.mark.parametrize(
    "text",
    [
        envelope(log_events(["a", "b", "c", "d"])),
        envelope([0] * 4),
        envelope([[{}] * 50]),
        b"\n".join([envelope(log_events(["a", "b"]))] * 2),
        b"\n".join([BROKEN, envelope([0] * 4)]),
    ],
)
def test_a_record_has_so_many_log_events_at_most(text: bytes) -> None:
    assert failures(opened(text, limits=FEW)) == LARGE


@pytest.mark.fault("F6")
def test_broken_events_of_several_envelopes_in_one_record_are_different_ones() -> None:
    """What becomes of them is kept by their identity."""
    lines = b"\n".join(envelope([log_event(), {"id": 7}]) for _ in range(3))
    batch = opened(lines, lines)
    broken = [line for _, line, reason in failures(batch) if reason == "envelope_malformed"]
    assert len(broken) == 6
    assert len({int(batch.record_id[line]) for line in broken if line is not None}) == 6
