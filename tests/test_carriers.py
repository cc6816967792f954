"""The same flow lines through every carrier are the same rows, but for where they came from."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pipeline import triggers
from pipeline.invoke.objects import records_of
from pipeline.settings import Limits
from pipeline.triggers import Record
from tests.carriers import (
    ARRIVAL_MS,
    LINE,
    awslogs_event,
    control,
    envelope,
    firehose_event,
    gzipped,
    kinesis_event,
    log_events,
    wrapped,
)
from tests.processed import Processed, processed

EVENTS = Path(__file__).parent / "events"
OF_THE_CARRIER = ("record_id", "log_group", "log_stream", "owner_account_id", "owner_region")
LINES = [
    LINE,
    "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249"
    " 1418530010 1418530070 REJECT OK",
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - SKIPDATA",
    "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105"
    " 2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK",
    "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336"
    " 1432917027 1432917142 ACCEPT OK",
    LINE,
]


def text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def records_of_file(content: bytes) -> list[Record]:
    """Two slices of one file, as `ingest` cuts it."""
    cut = content.index(b"\n", len(content) // 2) + 1
    first = content[:cut].count(b"\n")
    return [
        Record(content[:cut], "1", ARRIVAL_MS, "content/0f1e", opened=True),
        Record(content[cut:], "2", ARRIVAL_MS, "content/0f1e", first, opened=True),
    ]


def records_of_object(content: bytes) -> list[Record]:
    """An object in S3, as a function reads it."""
    notice = triggers.Notice("logs", "AWSLogs/x.log.gz", ARRIVAL_MS)
    return list(records_of(BytesIO(content), notice, "vpc-flow", (), Limits()))


CARRIERS: dict[str, Callable[[Sequence[str]], list[Record]]] = {
    "Kinesis, gzipped envelope": lambda lines: triggers.kinesis(
        kinesis_event([gzipped(envelope(log_events(lines)))])
    ),
    "Kinesis, envelopes of one event and a probe": lambda lines: triggers.kinesis(
        kinesis_event([gzipped(control()), *(gzipped(envelope(log_events([x]))) for x in lines)])
    ),
    "Kinesis, plain lines": lambda lines: triggers.kinesis(kinesis_event([text(lines)])),
    "Kinesis, a line a record": lambda lines: triggers.kinesis(
        kinesis_event([line.encode() for line in lines])
    ),
    "CloudWatch Logs": lambda lines: triggers.awslogs(
        awslogs_event(gzipped(envelope(log_events(lines)))), ARRIVAL_MS
    ),
    "Firehose, envelope": lambda lines: triggers.firehose(
        firehose_event([gzipped(envelope(log_events(lines)))])
    ),
    "Firehose, wrapped lines": lambda lines: triggers.firehose(
        firehose_event([wrapped([line]) for line in lines])
    ),
    "S3, gzip with a header": lambda lines: records_of_object(
        gzipped(
            b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets"
            b" bytes start end action log-status\n" + text(lines)
        )
    ),
    "S3, wrapped lines of Firehose": lambda lines: records_of_object(gzipped(wrapped(lines))),
    "S3, base64 of a carrier record": lambda lines: records_of_object(
        base64.b64encode(gzipped(envelope(log_events(lines))))
    ),
    "HTTP, lines": lambda lines: [triggers.http_body(text(lines), "key-1", ARRIVAL_MS)],
    "HTTP, gzip of CRLF lines": lambda lines: [
        triggers.http_body(gzipped(text(lines).replace(b"\n", b"\r\n")), "key-1", ARRIVAL_MS)
    ],
    "HTTP, envelope": lambda lines: [
        triggers.http_body(envelope(log_events(lines)), "key-1", ARRIVAL_MS)
    ],
    "file": lambda lines: records_of_file(text(lines)),
    "file of envelopes, one a line": lambda lines: [
        Record(
            b"\n".join(envelope(log_events([line])) for line in lines), "1", ARRIVAL_MS, "content/1"
        )
    ],
}
every_carrier = pytest.mark.parametrize("carrier", CARRIERS)


def told(done: Processed) -> list[dict[str, Any]]:
    """The rows without what belongs to the carrier."""
    return [{k: v for k, v in row.items() if k not in OF_THE_CARRIER} for row in done.rows]


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return found


@every_carrier
def test_the_rows_are_the_same_through_every_carrier(carrier: str) -> None:
    done = processed(CARRIERS[carrier](LINES))
    expected = told(processed(CARRIERS["HTTP, lines"](LINES)))
    assert told(done) == expected
    assert [row["srcport"] for row in done.rows] == [20641, 49761, None, None, 34892, 0, 20641]
    assert done.rejects == []


@every_carrier
def test_bad_lines_are_refused_the_same_through_every_carrier(carrier: str) -> None:
    bad = [LINES[0].replace("22", "x"), LINES[1] + " x", LINES[2].replace("NODATA", "NONE")]
    lines = [bad[0], *LINES[:3], bad[1], LINES[4], bad[2]]
    done = processed(CARRIERS[carrier](lines))
    assert told(done) == told(processed(CARRIERS["HTTP, lines"]([*LINES[:3], LINES[4]])))
    assert done.reasons == ["type", "field_count", "value"]


@every_carrier
def test_a_redelivery_has_the_same_identities(carrier: str) -> None:
    once, again = processed(CARRIERS[carrier](LINES)), processed(CARRIERS[carrier](LINES))
    assert again.identities == once.identities


@pytest.mark.parametrize(
    "carrier", [name for name in CARRIERS if "one event" not in name and "one a line" not in name]
)
def test_two_equal_lines_are_two_events(carrier: str) -> None:
    done = processed(CARRIERS[carrier](LINES))
    assert done.rows[0]["srcport"] == done.rows[6]["srcport"]
    assert len(set(done.identities)) == 7


def test_an_event_of_cloudwatch_is_the_same_by_every_road_that_keeps_its_envelope() -> None:
    roads = [name for name in CARRIERS if "nvelope" in name and "one" not in name]
    roads += ["CloudWatch Logs", "S3, base64 of a carrier record"]
    seen = {tuple(processed(CARRIERS[name](LINES)).identities) for name in roads}
    assert len(roads) == 5
    assert len(seen) == 1


def test_a_file_cut_into_slices_has_the_identities_of_the_whole() -> None:
    whole = [Record(text(LINES), "1", ARRIVAL_MS, "content/0f1e")]
    cut = records_of_file(text(LINES))
    assert processed(cut).identities == processed(whole).identities


def test_lines_of_a_kinesis_record_are_known_by_their_place_in_the_stream() -> None:
    (row,) = processed(triggers.kinesis(kinesis_event([LINE.encode()]))).rows
    assert row["record_id"] == -2_650_294_722_995_789_296
    assert row["event_time"] == datetime(2014, 12, 14, 4, 7, 50)


def test_provenance_is_what_the_envelope_says_and_null_for_plain_lines() -> None:
    names = ("log_group", "log_stream", "owner_account_id")
    (row,) = processed(CARRIERS["CloudWatch Logs"]([LINE])).rows
    assert [row[name] for name in names] == [
        "flow-logs",
        "eni-1235b8ca123456789-all",
        "123456789010",
    ]
    (row,) = processed(CARRIERS["HTTP, lines"]([LINE])).rows
    assert [row[name] for name in names] == [None, None, None]


@pytest.mark.parametrize(
    ("name", "open_event", "sums"),
    [
        ("kinesisStreamEvent", triggers.kinesis, [(1, 0, 1), (1, 0, 1)]),
        ("kinesisStreamCloudWatchLogsEvent", triggers.kinesis, [(3, 0, 3), (3, 0, 3)]),
        ("firehoseCloudWatchLogs", triggers.firehose, [(1, 0, 0), (3, 0, 3), (3, 0, 3), (3, 0, 3)]),
        ("kinesisFirehoseKinesisEvent", triggers.firehose, [(1, 0, 1), (1, 0, 1)]),
        ("kinesisFirehosePutEvent", triggers.firehose, [(1, 0, 1), (1, 0, 1)]),
        ("cloudWatchLogEvent", lambda e: triggers.awslogs(e, ARRIVAL_MS), [(2, 0, 2)]),
        # zlib, which no carrier of AWS sends: two runs of bytes that are no lines.
        (
            "cloudWatchLogEventWithPolicyLevel",
            lambda e: triggers.awslogs(e, ARRIVAL_MS),
            [(2, 0, 2)],
        ),
    ],
)
def test_events_of_other_logs_are_refused_line_by_line(
    name: str, open_event: Callable[[dict[str, Any]], list[Record]], sums: list[tuple[int, ...]]
) -> None:
    done = processed(open_event(event(name)))
    found = [(each.events_in, each.rows, each.rejected) for each in done.report.outcomes]
    assert found == sums


def test_the_same_events_are_rows_of_an_application_log() -> None:
    done = processed(triggers.awslogs(event("cloudWatchLogEvent"), ARRIVAL_MS), "app-log")
    assert [row["message"] for row in done.rows] == [
        "[ERROR] First test message",
        "[ERROR] Second test message",
    ]
    assert [row["event_time"] for row in done.rows] == [
        datetime(2015, 8, 24, 19, 3, 7),
        datetime(2015, 8, 24, 19, 3, 7, 1000),
    ]
    done = processed(triggers.firehose(event("firehoseCloudWatchLogs")), "app-log")
    assert [(o.rows, dict(o.dropped)) for o in done.report.outcomes] == [
        (0, {"control": 1}),
        (3, {}),
        (3, {}),
        (3, {}),
    ]
