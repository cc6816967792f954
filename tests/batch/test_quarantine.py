"""What the quarantine keeps of a record, and that a replay can start from it."""

import base64
import gzip
import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from pipeline.batch import Context, judge, reopen, rows_of, with_times
from pipeline.decode import Stream
from pipeline.decode.identity import of_events, of_ordinals
from pipeline.reading.parsed import Formats
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import (
    LINE,
    SENT_MS,
    envelope,
    gzipped,
    log_event,
    log_events,
)
from tests.processed import context, processed, record

GOOD = LINE.encode()
BAD = LINE.replace("20641", "65536").encode()
SHORT = b"2 123456789010 eni-1235b8ca123456789"


def lines(*texts: bytes) -> bytes:
    return b"".join(text + b"\n" for text in texts)


def test_a_record_without_any_row_is_kept_whole() -> None:
    payload = gzipped(lines(BAD, b"", SHORT))
    done = processed([record(base64.b64encode(payload), "7", base64=True, shard=3)])
    ((key, held),) = done.objects.items()
    assert key.startswith("vpc-flow/dt=2026-11-25/0003-000000000007-")
    assert key.endswith(".json.gz")
    assert base64.b64decode(base64.b64decode(held["payload"])) == payload
    assert held["reasons"] == {"range": 1, "field_count": 1}
    assert "lines" not in held


def test_of_a_record_with_rows_only_the_rejected_lines_are_kept() -> None:
    done = processed([record(lines(GOOD, BAD, b"", SHORT), formats=())])
    (held,) = done.objects.values()
    assert "payload" not in held
    assert [(line["ordinal"], line["reason"]) for line in held["lines"]] == [
        (1, "range"),
        (3, "field_count"),
    ]
    assert [base64.b64decode(line["raw"]) for line in held["lines"]] == [BAD, SHORT]


def test_an_object_of_lines_tells_the_identity_of_each() -> None:
    done = processed([record(lines(GOOD, BAD, SHORT), "7", identity="stream/s/0/7")])
    (held,) = done.objects.values()
    for line in held["lines"]:
        ids = of_ordinals(held["identity"], np.array([line["ordinal"]]))
        assert [str(each) for each in ids] == [line["record_id"]]
        assert line["event_id"] is None


def test_an_object_of_events_tells_the_identity_of_each() -> None:
    done = processed([record(envelope([log_event("x", 5), log_event(LINE, 6)]), "7")])
    (held,) = done.objects.values()
    (event,) = held["lines"]
    stream = Stream(event["owner"], event["log_group"], event["log_stream"])
    ids = of_events([stream], [1], [event["event_id"]])
    assert [str(each) for each in ids] == [event["record_id"]]
    assert event["timestamp"] == SENT_MS
    assert event["record_id"] == str(done.rejects[0]["record_id"])


def test_an_object_of_a_whole_record_gives_the_same_rejects_again() -> None:
    done = processed([record(lines(BAD, SHORT), "7", first_ordinal=40, formats=("srcport",))])
    (held,) = done.objects.values()
    again = Record(
        base64.b64decode(held["payload"]),
        held["position"],
        held["arrival_ms"],
        held["identity"],
        held["first_ordinal"],
        tuple(held["formats"]),
        held["log_group"],
        held["time_ms"],
        held["base64"],
        held["opened"],
        held["shard"],
    )
    assert processed([again]).rejects == done.rejects


def test_a_raw_byte_of_a_rejected_message_is_kept() -> None:
    payload = envelope(log_events([LINE, "@"])).replace(b'"@"', b'"a\xff\xfe b"')
    done = processed([record(payload)])
    (held,) = done.objects.values()
    assert base64.b64decode(held["lines"][0]["raw"]) == b"a\xff\xfe b"
    assert done.reasons == ["encoding"]


def test_an_object_is_gzip_of_json_without_a_time_of_making() -> None:
    (content,) = processed([record(b"\xff")]).quarantine.objects.values()
    assert content[4:8] == bytes(4)
    assert json.loads(gzip.decompress(content))["version"] == 1


def test_keys_hold_no_character_that_a_path_or_an_object_store_minds() -> None:
    keys = [*processed([record(b"x", "../a b/\u00e9:\\\n?*" + "c" * 300)]).objects]
    assert all(0 < len(key) < 200 for key in keys)
    assert set("".join(keys)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/="
    )
    assert ".." not in keys[0].split("/")


def reopened(
    content: bytes, formats: tuple[str, ...] = (), within: Context | None = None
) -> tuple[list[dict[str, Any]], list[str], list[int]]:
    """Rows, reasons and identities of refused lines that today's code makes of an object."""
    within = within or context()
    name, batch, _ = reopen(content, formats, within.limits)
    source = find(name)
    reading = with_times(judge(batch, source, within))
    rows = rows_of(reading, source, within).cast(source.table.arrow_schema)
    ids = [int(batch.record_id[each.line]) for each in reading.refusals if each.line is not None]
    return (
        rows.to_pylist(maps_as_pydicts="strict"),
        [str(each.reason) for each in reading.refusals],
        ids,
    )


@pytest.mark.parametrize(
    "payload",
    [
        lines(GOOD, BAD, b"", SHORT),
        lines(BAD, SHORT),
        gzipped(lines(BAD)),
        envelope([log_event("x"), log_event(LINE, 1), log_event("y z", 2)]),
        envelope([log_event("x")]),
        lines(b"srcport end", b"22 1418530070", b"x 1418530070", b"22 1"),
        lines(GOOD, b"srcport end", b"x 1418530070"),
        lines(b"end srcport", b"x 1418530070", b"", b"end dstport", b"1 1"),
        b"\xff",
        gzipped(GOOD)[:-1],
        envelope([None, log_event(LINE)]),
        lines(GOOD, b"x" * (1 << 20) + b"x"),
        envelope([log_event(LINE + " " * (1 << 20)), log_event(LINE, 1)]),
    ],
    ids=range(13),
)
def test_what_is_opened_again_is_refused_again_for_the_same_reason(payload: bytes) -> None:
    done = processed([record(payload)])
    (content,) = done.quarantine.objects.values()
    rows, reasons, ids = reopened(content)
    assert rows == []
    # A record that was no envelope event once is no flow line now.
    assert reasons == [
        "field_count" if reason == "envelope_malformed" else reason for reason in done.reasons
    ]
    assert ids == [reject["record_id"] for reject in done.rejects if reject["line"] is not None]


@pytest.mark.parametrize("source", ["vpc-flow", "app-log"])
def test_a_file_refused_when_it_was_scanned_stays_refused(source: str) -> None:
    # Too big a file is kept by its path: what stands for it is no line of a log.
    stand_in = b'{"path":"/var/log/big.gz","length":99999999,"digest":"0f1e"}'
    done = processed([record(stand_in, refused="gzip_truncated: breaks off at byte 9")], source)
    (content,) = done.quarantine.objects.values()
    assert done.reasons == ["gzip_truncated"]
    assert reopened(content) == ([], ["gzip_truncated"], [])


def test_lines_refused_under_a_wrong_format_are_rows_under_the_right_one() -> None:
    fields = {"@aws.region": "eu-west-1"}
    messages = ["22 1418530070", "1418530070 23", "24 1418530070"]
    payload = envelope([log_event(m, n, extractedFields=fields) for n, m in enumerate(messages)])
    wrong = context(formats=Formats({"flow-logs": ("end srcport",)}))
    right = context(formats=Formats({"flow-logs": ("srcport end",)}))
    before = processed([record(gzipped(payload))], within=wrong)
    (content,) = before.quarantine.objects.values()
    rows, reasons, _ = reopened(content, within=right)
    never_wrong = processed([record(gzipped(payload))], within=right)
    assert (rows, reasons) == (never_wrong.rows, [])
    assert [row["srcport"] for row in rows] == [22, 24]


def test_a_format_given_anew_takes_the_place_of_the_old_one() -> None:
    text = lines(b"1418530070 7", b"22 1418530070")
    done = processed([record(text, formats=("end srcport",), first_ordinal=3, log_group="g")])
    (content,) = done.quarantine.objects.values()
    ((row,), reasons, _) = reopened(content, ("srcport end",))
    assert (row["srcport"], row["log_group"], reasons) == (22, "g", [])
    assert row["record_id"] == of_ordinals("stream/s/0/7", np.array([4]))[0]
    assert row["ingest_time"] == datetime(2026, 11, 25, 14, 0, 0, 250_000)
