"""One bad line, event or record leaves the others alone and is counted."""

import base64
from typing import Any

import pytest

from pipeline.settings import Limits
from pipeline.sources import NAMES
from tests.carriers import (
    LINE,
    SENT_MS,
    control,
    envelope,
    gzipped,
    log_event,
    log_events,
)
from tests.processed import Processed, context, processed, record

GOOD = LINE.encode()
BAD = LINE.replace("20641", "65536").encode()
SHORT = b"2 123456789010 eni-1235b8ca123456789"


def lines(*texts: bytes) -> bytes:
    return b"".join(text + b"\n" for text in texts)


def counts(done: Processed) -> list[tuple[int, int, int, dict[str, int]]]:
    return [
        (each.events_in, each.rows, each.rejected, {str(k): v for k, v in each.dropped.items()})
        for each in done.report.outcomes
    ]


@pytest.mark.parametrize("bad", [BAD, SHORT, b"\xff", b"a\tb", b"x", b"\xef\xbb\xbfx", b"{"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.fault("F6")
def test_a_bad_line_leaves_its_neighbours_alone(bad: bytes, place: int) -> None:
    texts = [GOOD, GOOD.replace(b"22", b"23"), GOOD.replace(b"22", b"24")]
    texts.insert(place, bad)
    # A byte order mark is taken off the very beginning only.
    text = lines(b"", *texts)
    done = processed([record(text)])
    assert [row["dstport"] for row in done.rows] == [22, 23, 24]
    assert [reject["line"] for reject in done.rejects] == [place + 1]
    assert counts(done) == [(5, 3, 1, {"blank": 1})]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "empty"),
        (gzipped(GOOD)[:-1], "gzip_truncated"),
        (gzipped(GOOD)[:-8] + bytes(8), "gzip_corrupt"),
        (gzipped(GOOD) + b"x", "gzip_junk"),
        (gzipped(gzipped(gzipped(GOOD))), "too_large"),
        (b'{"messageType": "OTHER", "logEvents": []}', "envelope_malformed"),
        (b"PAR1", "parquet_unsupported"),
        (SHORT, "field_count"),
        (b"\xff\xff", "encoding"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.fault("F6")
def test_a_bad_record_leaves_its_neighbours_alone(bad: bytes, reason: str, place: int) -> None:
    payloads = [gzipped(GOOD), gzipped(envelope(log_events([LINE, LINE])))]
    payloads.insert(place, bad)
    done = processed([record(payload, str(n)) for n, payload in enumerate(payloads)])
    assert len(done.rows) == 3
    assert done.reasons == [reason]
    (held,) = done.objects.values()
    assert base64.b64decode(held["payload"]) == bad
    assert done.report.outcomes[place].reasons == {reason: 1}
    assert [outcome.object is None for outcome in done.report.outcomes] == [
        n != place for n in range(3)
    ]


@pytest.mark.fault("F6")
def test_a_bad_record_alone_writes_no_rows() -> None:
    done = processed([record(b"\xff")])
    assert (done.rows, done.reasons) == ([], ["encoding"])
    assert "vpc_flow" not in done.sink.pieces
    assert counts(done) == [(1, 0, 1, {})]


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        (b"raw \x01 control", "control_char"),
        (b"raw \xff byte", "encoding"),
        (b"half \\ud800 pair", "encoding"),
        (b"two halves \\udcc3\\udca9", "encoding"),
        (b"two\\nlines", "control_char"),
    ],
)
def test_a_broken_message_among_good_ones_is_refused_alone(inside: bytes, reason: str) -> None:
    whole = envelope(log_events([LINE, "@", LINE]))
    alone = processed([record(whole)])
    done = processed([record(whole.replace(b'"@"', b'"' + inside + b'"'))])
    assert done.rows == alone.rows
    assert len(done.rows) == 2
    assert done.reasons == [reason]


@pytest.mark.parametrize(
    "broken",
    [
        {"timestamp": SENT_MS, "message": LINE},
        log_event(LINE, timestamp="1432826855000"),
        log_event(LINE, timestamp=2**63),
        log_event(LINE, id=7),
        log_event([LINE]),  # type: ignore[arg-type]
        None,
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_event_among_good_ones_is_refused_alone(broken: Any, place: int) -> None:
    region = {"extractedFields": {"@aws.region": "eu-west-1"}}
    events = [log_event(LINE, number, **region) for number in range(2)]
    alone = processed([record(envelope(events))])
    done = processed([record(envelope([*events[:place], broken, *events[place:]]))])
    assert done.rows == alone.rows
    assert done.reasons == ["envelope_malformed"]


def test_names_that_are_no_text_do_not_stop_a_batch() -> None:
    payload = envelope([log_event(LINE, id="\ud800"), log_event("x")], logGroup="\ud800", owner="@")
    done = processed([record(payload.replace(b'"@"', b'"\xff"'))])
    assert (done.rows[0]["log_group"], done.rows[0]["owner_account_id"]) == ("\\ud800", "\\udcff")
    assert done.reasons == ["field_count"]


def test_an_event_over_the_limit_is_refused_and_kept_whole() -> None:
    long = LINE + " " * (1 << 20)
    done = processed([record(gzipped(envelope(log_events([LINE, long, LINE]))))])
    assert (len(done.rows), done.reasons) == (2, ["too_long"])
    (held,) = done.objects.values()
    assert base64.b64decode(held["lines"][0]["raw"]) == long.encode()


@pytest.mark.fault("F11")
def test_deep_json_is_quarantined_and_its_neighbours_are_rows() -> None:
    deep = b'{"logEvents": 1, "messageType": ' + b"[" * 100_000
    done = processed([record(GOOD, "1"), record(deep, "2"), record(lines(deep, GOOD), "3")])
    assert (len(done.rows), done.reasons) == (2, ["envelope_malformed", "field_count"])


def test_limits_of_the_context_hold() -> None:
    done = processed([record(lines(GOOD, b"x"))], within=context(Limits(line_bytes=50)))
    assert done.reasons == ["too_long", "field_count"]


@pytest.mark.fault("F14")
def test_control_messages_are_counted_and_never_quarantined() -> None:
    events = [log_event(LINE), log_event("x", 1)]
    done = processed([record(control(), "1"), record(envelope(events), "2")])
    assert counts(done) == [(1, 0, 0, {"control": 1}), (2, 1, 1, {})]
    assert len(done.objects) == 1


@pytest.mark.fault("F24")
def test_our_own_log_groups_are_dropped_and_counted() -> None:
    own = envelope(log_events([LINE, LINE, "x"]), logGroup="/aws/lambda/tailrace-flows")
    within = context(own_log_groups=("/aws/lambda/tailrace-",))
    done = processed([record(own), record(GOOD, "8")], within=within)
    assert counts(done) == [(3, 0, 0, {"own_log": 3}), (1, 1, 0, {})]
    assert done.objects == {}


@pytest.mark.fault("F6", "F9", "F14")
@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize(
    ("payload", "reasons", "dropped"),
    [
        (b"", ["empty"], 0),
        (b"\xef\xbb\xbf", ["empty"], 0),
        (b"\x1f\x8b", ["gzip_truncated"], 0),
        (b"PAR1 x PAR1", ["parquet_unsupported"], 0),
        (gzipped(control()), [], 1),
        (gzipped(envelope([])), [], 0),
    ],
)
def test_a_record_without_any_line_is_no_fault_of_any_source(
    source: str, payload: bytes, reasons: list[str], dropped: int
) -> None:
    done = processed([record(payload)], source)
    assert done.rows == []
    assert done.reasons == reasons
    (outcome,) = done.report.outcomes
    assert sum(outcome.dropped.values()) == dropped
