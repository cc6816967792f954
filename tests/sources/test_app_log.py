"""Application logs: what is read from a line, and that every line comes out once."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import read
from pipeline.reading import lambda_lines
from pipeline.sources import app_log, find
from tests.carriers import ARRIVAL_MS, SENT_MS, envelope, log_event, log_events, wrapped
from tests.processed import context, processed, record

SOURCE = find("app-log")
LINES = Path(__file__).parents[1] / "lines" / "app-log" / "lambda_platform_lines.log"
REQUEST = "12b3cae7-5f4e-415e-93e6-416b8f8b66e6"
ARRIVAL = datetime(2026, 11, 25, 14, 0, 0, 250_000)
NOON = datetime(2026, 11, 25, 12)
NOON_MS = 1_795_608_000_000


def rows_of(*lines: str | bytes) -> list[dict[str, Any]]:
    """Rows of plain lines."""
    text = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    return processed([record(text)], "app-log").rows


def row_of(line: str) -> dict[str, Any]:
    (row,) = rows_of(line)
    return row


def event_of(message: str) -> dict[str, Any]:
    """The row of a CloudWatch log event."""
    (row,) = processed([record(envelope([log_event(message)]))], "app-log").rows
    return row


def told(row: dict[str, Any], *more: str) -> dict[str, Any]:
    """What a row holds of Lambda's columns."""
    names = ("request_id", *(field.name for field in lambda_lines.FIELDS), *more)
    return {name: row[name] for name in names if row[name] is not None}


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (f"[ERROR]\t2026-11-25T12:00:00.123Z\t{REQUEST}\tboom", "ERROR"),
        ("[WARNING]\t2026-11-25T12:00:00.123Z\t\tLAMBDA_WARNING: Unhandled exception.", "WARN"),
        ("[CRITICAL]\t2026-11-25T12:00:00.123Z\tdown", "FATAL"),
        ("[ERROR] KeyError: 'sku'", "ERROR"),
        (f"2026-11-25T12:00:00.123Z\t{REQUEST}\tINFO\thello", "INFO"),
        ("2026-11-25T12:00:00.123Z\tundefined\tERROR\tUncaught Exception", "ERROR"),
        (f"2026-11-25 12:00:00 {REQUEST} DEBUG Handler - x", "DEBUG"),
        (f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed", "ERROR"),
        ("2026-11-25T12:00:00.123Z INFO  web GET / 200 3ms", "INFO"),
        ("2026-11-25T12:00:00.123Z warn slow", "WARN"),
        ("2026-11-25 12:00:00,123 - TRACE - x", "TRACE"),
        ("2026-11-25 12:00:00 [main] DEBUG c.e.App - x", "DEBUG"),
        ("[2026-11-25 12:00:00,123] [error] x", "ERROR"),
        ("2026-11-25T12:00:00Z|FATAL|x", "FATAL"),
        ("2026-11-25T12:00:00Z [ERROR]\t2026-11-25T11:59:59Z\tx", "ERROR"),
        ("ERROR something", "ERROR"),
        ("WARN", "WARN"),
        ("INFO:root:started", "INFO"),
        ("<notice> x", "INFO"),
        ("(debug) x", "DEBUG"),
        ("panic: runtime error", "FATAL"),
        ("fail: Microsoft.AspNetCore.Server[0]", "ERROR"),
        ("Error: boom", "ERROR"),
        ('{"level":"info"}', "INFO"),
        ('{"severity":"Critical"}', "FATAL"),
        ('{"log_level":"Information"}', "INFO"),
        ('{"lvl":"WARN "}', "WARN"),
        ('{"level":30}', "INFO"),
        ('{"level":60}', "FATAL"),
        ('{"level":"gold","severity":"error"}', "ERROR"),
        ('{"severity":"error","level":"debug"}', "DEBUG"),
        ('2026-11-25T12:00:00Z\tx\tINFO\t{"level":"error"}', None),
        (f'2026-11-25T12:00:00Z\t{REQUEST}\tINFO\t{{"level":"error"}}', "ERROR"),
        (f'2026-11-25T12:00:00Z\t{REQUEST}\tINFO\t{{"id":1}}', "INFO"),
        ("Error while reading", None),
        ("Information about it", None),
        ("ERRORS=5", None),
        ("ERROR_COUNT 5", None),
        ("TRACE-ID: 5", None),
        ("no ERROR here", None),
        (" ERROR behind a space", None),
        ('{"level":"gold"}', None),
        ('{"level":true,"lvl":null,"severity":["error"]}', None),
        ('{"message":"x","detail":{"level":"error"}}', None),
        ("", None),
    ],
)
def test_the_level_is_read_where_loggers_write_it(line: str, level: str | None) -> None:
    assert [row["level"] for row in rows_of("x", line)][1:] in ([level], [])


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("2026-11-25T12:00:00Z x", "12:00:00"),
        ("2026-11-25T12:00:00 x", "12:00:00"),
        ("2026-11-25 12:00:00 x", "12:00:00"),
        ("2026-11-25T12:00:00", "12:00:00"),
        ("2026-11-25T12:00:00.5Z x", "12:00:00.500000"),
        ("2026-11-25 12:00:00,123 x", "12:00:00.123000"),
        ("2026-11-25T12:00:00.123999999Z x", "12:00:00.123000"),
        ("2026-11-25T12:00:00+02:00 x", "10:00:00"),
        ("2026-11-25T12:00:00.250-0130 x", "13:30:00.250000"),
        ("2026-11-25 12:00:00+02 x", "10:00:00"),
        ("2026-11-25 12:00:00 +0200 x", "10:00:00"),
        ("2026-11-25 12:00:00 -1234 rows", "12:00:00"),
        ("[2026-11-25T12:00:00Z] x", "12:00:00"),
        ("2026-11-25T11:59:60Z a leap second", "12:00:00"),
        ("[ERROR]\t2026-11-25T12:00:00.123Z\tx", "12:00:00.123000"),
        ("2026-11-25T12:00:00Z [ERROR]\t2026-11-25T11:00:00Z\tx", "12:00:00"),
        ('{"timestamp":"2026-11-25T12:00:00.123456Z"}', "12:00:00.123000"),
        ('{"time":"2026-11-25 12:00:00,123+0200"}', "10:00:00.123000"),
        ('{"@timestamp":"2026-11-25T12:00:00"}', "12:00:00"),
        ('{"ts":1795608000}', "12:00:00"),
        ('{"ts":1795608000.1239}', "12:00:00.123000"),
        ('{"ts":1795608000123}', "12:00:00.123000"),
        ('{"ts":1.795608000123E9}', "12:00:00.123000"),
        ('{"ts":"1795608000123"}', "12:00:00.123000"),
        ('{"ts":1795608000,"timestamp":"2026-11-25T11:00:00Z"}', "11:00:00"),
        ('{"time":"yesterday","ts":1795608000}', "12:00:00"),
        ('2026-11-25T12:00:00Z {"ts":1795604400}', "12:00:00"),
    ],
)
def test_a_line_tells_its_time(line: str, time: str) -> None:
    assert row_of(line)["event_time"] == datetime.fromisoformat(f"2026-11-25T{time}")


@pytest.mark.parametrize(
    "line",
    [
        "x 2026-11-25T12:00:00Z",
        "2026-11-25",
        "2026-11-25T12:00 x",
        "2026-13-25T12:00:00Z x",
        "2026-02-30T12:00:00Z x",
        "2026-11-25T24:00:00Z x",
        "2026-11-25T12:60:00Z x",
        "2026-11-25T12:00:00PST x",
        "2026-11-25T12:00:00+15:00 x",
        "\uff12026-11-25T12:00:00Z x",
        '{"timestamp":"2026-11-25T12:00:00Z or so"}',
        '{"timestamp":"1_795_608_000"}',
        '{"timestamp":"NaN"}',
        '{"timestamp":true,"time":null,"ts":[1795608000]}',
        '{"message":"x","inner":{"ts":1795608000}}',
        '{"ts":1795608000',
    ],
)
def test_what_is_no_time_leaves_the_time_of_arrival(line: str) -> None:
    assert row_of(line)["event_time"] == ARRIVAL


@pytest.mark.parametrize(
    "line",
    [
        "1970-01-01T23:59:59Z x",
        "0000-01-01T00:00:00Z x",
        "2026-11-26T14:00:00.251Z x",
        "9999-12-31T23:59:59Z x",
        '{"ts":0}',
        '{"ts":-1795608000}',
        '{"ts":12.5}',
        '{"ts":9223372036854775808}',
        '{"ts":1e999999999}',
        '{"ts":1e-999999999}',
        '{"ts":-1e999999999}',
        '{"ts":' + "9" * 200 + "}",
    ],
)
def test_a_time_out_of_range_refuses_its_own_line_only(line: str) -> None:
    found = processed([record(f"2026-11-25T12:00:00Z a\n{line}\n  b".encode())], "app-log")
    assert found.reasons == ["time_range"]
    assert [(row["message"][-1], row["event_time"]) for row in found.rows] == [
        ("a", NOON),
        ("b", NOON),
    ]


def test_a_line_without_time_has_that_of_the_line_before_it() -> None:
    first = b"at the very start\n2026-11-25T12:00:00Z ERROR x\nTraceback\n\n  File y\n"
    records = [
        record(first + b'{"ts":1795608001}\nz'),
        record(b"another record"),
        record(b"a later slice\n2026-11-25T13:00:00Z x", time_ms=NOON_MS),
        record(b"a slice behind a time that cannot be", time_ms=ARRIVAL_MS + 90_000_000),
    ]
    rows = processed(records, "app-log").rows
    later = NOON.replace(second=1)
    times = [ARRIVAL, NOON, NOON, NOON, later, later, ARRIVAL, NOON, NOON.replace(hour=13), ARRIVAL]
    assert [row["event_time"] for row in rows] == times


def test_the_time_of_cloudwatch_comes_before_that_of_the_line() -> None:
    sent = datetime(2026, 11, 25, 13, 50)
    for message in ("2026-11-25T12:00:00Z x", '{"ts":1795608000}', "[ERROR] x"):
        assert event_of(message)["event_time"] == sent
    bad = log_event("2026-11-25T12:00:00Z x", timestamp=(1 << 62) - 1)
    assert processed([record(envelope([bad]))], "app-log").reasons == ["time_range"]


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (f"[ERROR]\t2026-11-25T12:00:00.123Z\t{REQUEST}\tboom", REQUEST),
        (f"2026-11-25T12:00:00.123Z\t{REQUEST}\tINFO\tx", REQUEST),
        (f"2026-11-25T12:00:00.123Z {REQUEST} Task timed out after 3.00 seconds", REQUEST),
        (f"RequestId: {REQUEST} Error: Runtime exited", REQUEST),
        (f"2026-11-25T12:00:00Z START RequestId: {REQUEST} Version: 3", REQUEST),
        ('{"requestId":"a"}', "a"),
        ('{"request_id":"a"}', "a"),
        ('{"AWSRequestId":"a"}', "a"),
        ('{"awsRequestId":"a"}', "a"),
        ('{"aws_request_id":"a"}', "a"),
        ('{"function_request_id":"a","request_id":"b"}', "a"),
        ('{"requestId":"","request_id":"b"}', "b"),
        ('{"requestId":17}', "17"),
        (f'2026-11-25T12:00:00Z\t{REQUEST}\tINFO\t{{"order":1}}', REQUEST),
        ("2026-11-25T12:00:00.123Z\tundefined\tERROR\tx", None),
        ("2026-11-25T12:00:00.123Z\tcaller\tINFO\tx", None),
        (f"{REQUEST} is an order", None),
        ('{"requestId":null,"request":{"id":"a"}}', None),
    ],
)
def test_the_request_is_read_where_loggers_write_it(line: str, request_id: str | None) -> None:
    assert row_of(line)["request_id"] == request_id


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (
            '{"a":"x","n":1,"f":1.50,"e":1E5,"t":true,"u":false,"big":123456789012345678901234}',
            {"a": "x", "n": "1", "f": "1.50", "e": "1E5", "t": "true", "u": "false"}
            | {"big": "123456789012345678901234"},
        ),
        ('{"z":"1","a":null,"l":[1],"o":{"k":2},"b":""}', {"z": "1", "b": ""}),
        ('{"a":1,"a":"two"}', {"a": "two"}),
        ('{"k\\u00e9y":"caf\\u00e9 \\ud83d\\ude00","n":"\\u0000"}', {"kéy": "café 😀", "n": "\0"}),
        ('{"a":1}  \t', {"a": "1"}),
        (f'2026-11-25T12:00:00Z\t{REQUEST}\tINFO\t{{"order":7}}', {"order": "7"}),
        ('2026-11-25T12:00:00Z {"order":7}', {"order": "7"}),
        ("{}", None),
        ('{"a":null,"b":[]}', None),
        ('["a"]', None),
        ('INFO {"order":7}', None),
        ('2026-11-25T12:00:00Z got {"order":7}', None),
    ],
)
def test_scalars_of_a_json_object_become_fields(line: str, fields: dict[str, str] | None) -> None:
    row = row_of(line)
    assert (row["fields"], row["message"]) == (fields, line)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"level":"error"',
        '{"level":"error"} and more',
        '{"level":"error",}',
        "{'level': 'error'}",
        '{"level":"error","x":NaN}',
        '{"level":"error","x":01}',
        '{"level":"error","x":"\t"}',
        '{"level":"error","x":"\\ud800"}',
        '{"level":"error","\\udfff":1}',
        pytest.param('{"level":"error","x":' + "[" * 100_000, id="100,000 open"),
        pytest.param('{"x":' * 100_000 + "1" + "}" * 100_000, id="100,000 deep"),
        pytest.param('{"level":"error","x":' + "9" * 5_000 + "}", id="5,000 digits"),
    ],
)
def test_broken_json_is_text(line: str) -> None:
    before, row, after = rows_of('{"n":1}', line, '{"n":2}')
    assert (row["message"], row["fields"], row["level"]) == (line, None, None)
    assert (before["fields"], after["fields"]) == ({"n": "1"}, {"n": "2"})


@pytest.mark.parametrize("digits", [19, 20, 400, 4_299, 4_300, 4_301])
def test_a_long_number_is_text_or_a_field(digits: int) -> None:
    fields = row_of('{"x":' + "9" * digits + "}")["fields"]
    assert fields in ({"x": "9" * digits}, None)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("text\n", "text"),
        ("text\r\n", "text"),
        ("text\n\n", "text\n"),
        ("text\r", "text\r"),
        ("\ntext", "\ntext"),
        ("[ERROR] x\nTraceback:\n  File y\n", "[ERROR] x\nTraceback:\n  File y"),
        ("\x1b[31mred\x1b[0m\ttab\x00\x7f", "\x1b[31mred\x1b[0m\ttab\x00\x7f"),
        ("\ufeffmark", "\ufeffmark"),
        ("  indented  ", "  indented  "),
        ("\x00", "\x00"),
    ],
)
def test_a_message_is_kept_as_it_is(message: str, kept: str) -> None:
    found = processed([record(envelope(log_events(["a\n", message, "b"])))], "app-log")
    assert [row["message"] for row in found.rows] == ["a", kept, "b"]


def test_blank_lines_are_dropped_and_counted() -> None:
    blank = ["", " ", "\n", "\r\n", "\t \n\n"]
    found = processed([record(envelope(log_events(["a", *blank, "b"])))], "app-log")
    assert [row["message"] for row in found.rows] == ["a", "b"]
    assert found.report.outcomes[0].dropped == {"blank": 5}


@pytest.mark.parametrize(
    "bad", [b"\xff", b"ab\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"ERROR \xe2\x82"]
)
def test_a_line_that_is_not_utf8_does_not_hurt_its_neighbours(bad: bytes) -> None:
    found = processed([record("é 1\n".encode() + bad + b"\n\xc3\xa9 2\n\nc")], "app-log")
    assert [row["message"] for row in found.rows] == ["é 1", "é 2", "c"]
    assert [(each["reason"], each["line"]) for each in found.rejects] == [("encoding", 1)]
    assert found.rejects[0]["detail"].startswith("not UTF-8 at byte ")


def test_lines_that_failed_before_are_not_parsed() -> None:
    long = b"x" * (1 << 20) + b"y"
    found = processed([record(b"2026-11-25T12:00:00Z a\n" + long + b"\nb")], "app-log")
    assert (found.reasons, [row["event_time"] for row in found.rows]) == (
        ["too_long"],
        [NOON, NOON],
    )
    events = [log_event("a"), {"id": "1", "message": "no timestamp"}, log_event("b", 2)]
    found = processed([record(envelope(events))], "app-log")
    assert found.reasons == ["envelope_malformed"]
    assert [row["message"] for row in found.rows] == ["a", "b"]


def test_a_wrapped_line_is_read_as_its_text() -> None:
    found = processed([record(wrapped(["2026-11-25T12:00:00Z ERROR x", "y"]))], "app-log")
    rows = [(row["message"], row["level"], row["event_time"]) for row in found.rows]
    assert rows == [("2026-11-25T12:00:00Z ERROR x", "ERROR", NOON), ("y", None, NOON)]


def test_the_lines_of_the_developer_guide_are_read() -> None:
    rows = rows_of(LINES.read_bytes())
    assert Counter(row["lambda_event"] for row in rows) == {
        "start": 11,
        "end": 11,
        "report": 13,
        None: 6,
    }
    reports = [row for row in rows if row["lambda_event"] == "report"]
    figures = [field.name for field in lambda_lines.FIELDS if field.unit]
    assert [[row[name] for name in figures[:5]] for row in reports] == [
        [976.25, 977, 128, 90, 430.47],
        [2.75, 3, 128, 56, 113.51],
        [12.34, 100, 128, 18, None],
        [12.96, 13, 128, 48, 117.86],
        [3906.38, 4000, 512, 367, 5960.19],
        [79.67, 80, 128, 73, None],
        [198.5, 200, 512, 90, 524.75],
        [15.74, 16, 128, 56, 130.49],
        [128.83, 200, 128, 74, 166.62],
        [4157.16, 4200, 256, 99, 841.6],
        [38.66, 39, 128, 54, 203.69],
        [237.17, 300, 128, 26, 48.26],
        [0.99, 1, 256, 12, None],
    ]
    assert [row["request_id"] for row in reports][-2:] == ["f8ac1208...", "id"]
    assert all(row["request_id"] for row in rows if row["lambda_event"])
    assert all(row["lambda_version"] == "$LATEST" for row in rows if row["lambda_event"] == "start")
    traced = [row["xray_trace_id"] for row in rows if row["xray_trace_id"]]
    assert len(traced) == 7
    assert traced[0] == "1-5d9d007f-0a8c7fd02xmpl480aed55ef0"
    assert {row["level"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("message", "columns"),
    [
        (
            "INIT_START Runtime Version: python:3.13.v12\tRuntime Version ARN: arn:aws:lambda:x\n",
            {"lambda_event": "init_start"},
        ),
        (
            f"REPORT RequestId: {REQUEST}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
            "Memory Size: 1024 MB\tMax Memory Used: 1024 MB\tStatus: error\t"
            "Error Type: Runtime.OutOfMemory\n"
            "XRAY TraceId: 1-6ac7d556-0329\tSegmentId: 90cb\tSampled: true\t\n",
            {
                "lambda_event": "report",
                "request_id": REQUEST,
                "duration_ms": 3000.0,
                "billed_duration_ms": 3000,
                "memory_size_mb": 1024,
                "max_memory_used_mb": 1024,
                "status": "error",
                "xray_trace_id": "1-6ac7d556-0329",
            },
        ),
        (
            f"REPORT RequestId: {REQUEST}\tDuration: 2338.66 ms\tBilled Duration: 2521 ms\tMemory "
            "Size: 3009 MB\tMax Memory Used: 173 MB\tRestore Duration: 398.97 ms\tBilled Restore "
            "Duration: 182 ms\t\n",
            {
                "lambda_event": "report",
                "request_id": REQUEST,
                "duration_ms": 2338.66,
                "billed_duration_ms": 2521,
                "memory_size_mb": 3009,
                "max_memory_used_mb": 173,
                "restore_duration_ms": 398.97,
            },
        ),
        (
            f"REPORT RequestId: {REQUEST}\tDuration: {'9' * 400}.5 ms\tMemory Size: 1{'0' * 10} MB",
            {"lambda_event": "report", "request_id": REQUEST},
        ),
        ("START RequestId:", {}),
        ("REPORT of Duration: 5.00 ms", {}),
        ("A REPORT RequestId: x Duration: 5.00 ms", {}),
    ],
)
def test_a_line_of_lambda_tells_its_figures(message: str, columns: dict[str, Any]) -> None:
    assert told(event_of(message)) == columns


TRACING = {"spanId": "54565fb41ac79632", "type": "X-Amzn-Trace-Id"}
METRICS = {"durationMs": 693.92, "billedDurationMs": 694, "memorySizeMB": 128}


@pytest.mark.parametrize(
    ("kind", "body", "columns"),
    [
        (
            "platform.initStart",
            {"functionVersion": "$LATEST", "phase": "init"},
            {"lambda_event": "init_start", "lambda_version": "$LATEST"},
        ),
        (
            "platform.start",
            {
                "requestId": "r",
                "version": "7",
                "tracing": TRACING | {"value": "Root=1-62;Parent=2"},
            },
            {
                "lambda_event": "start",
                "request_id": "r",
                "lambda_version": "7",
                "xray_trace_id": "1-62",
            },
        ),
        (
            "platform.runtimeDone",
            {"requestId": "r", "status": "success", "metrics": {"durationMs": 140.0}},
            {"lambda_event": "end", "request_id": "r"},
        ),
        (
            "platform.report",
            {
                "requestId": "r",
                "status": "timeout",
                "metrics": METRICS | {"maxMemoryUsedMB": 84, "initDurationMs": 397},
            },
            {
                "lambda_event": "report",
                "request_id": "r",
                "duration_ms": 693.92,
                "billed_duration_ms": 694,
                "memory_size_mb": 128,
                "max_memory_used_mb": 84,
                "init_duration_ms": 397.0,
                "status": "timeout",
            },
        ),
        (
            "platform.report",
            {
                "requestId": 5,
                "metrics": {
                    "durationMs": "x",
                    "billedDurationMs": -1,
                    "memorySizeMB": 2**31,
                    "maxMemoryUsedMB": True,
                    "initDurationMs": 10**400,
                    "restoreDurationMs": [1],
                },
                "tracing": "none",
            },
            {"lambda_event": "report"},
        ),
        ("platform.report", {"metrics": 5}, {"lambda_event": "report"}),
        ("platform.initReport", {"metrics": METRICS}, {}),
        ("function", {"requestId": "r"}, {}),
    ],
)
def test_a_json_event_of_lambda_tells_the_same(
    kind: str, body: dict[str, Any], columns: dict[str, Any]
) -> None:
    line = json.dumps({"time": "2026-11-25T12:00:00.000Z", "type": kind, "record": body})
    row = row_of(line)
    assert told(row) == columns
    assert row["event_time"] == NOON
    assert row["fields"] == {"time": "2026-11-25T12:00:00.000Z", "type": kind}


def test_a_json_line_without_a_proper_record_is_no_event_of_lambda() -> None:
    for line in ('{"type":"platform.report","record":"x"}', '{"type":["platform"],"record":{}}'):
        assert told(row_of(line)) == {}


def test_a_json_line_names_its_trace() -> None:
    assert told(row_of('{"xray_trace_id":"1-62"}')) == {"xray_trace_id": "1-62"}


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (b"", None, None),
        (b"", 5, 5),
        (b"x\ny\n", 5, 5),
        (b"2026-11-25T12:00:00Z a\nx\n", 5, NOON_MS),
        (b"2026-11-25T12:00:00Z a\r\n2026-11-25T12:00:01Z b\r\n", 5, NOON_MS + 1000),
        (b'{"ts":1795608000}\n{"ts":\n', None, NOON_MS),
        (
            b"2026-11-25T12:00:00Z a\n2026-11-25T12:00:09Z \xff\n1970-01-01T00:00:00Z x\n",
            5,
            NOON_MS,
        ),
        (wrapped(["2026-11-25T12:00:00Z a", "b"]), None, NOON_MS),
        (b"2026-11-25T12:00:00Z a\n" + b"  at a line of a trace\n" * 20_000, None, NOON_MS),
        (b"2026-11-25T12:00:00Z a\n" + b"{" * 200_000 + b"\n", None, NOON_MS),
        (envelope([log_event("x")]) + b"\nplain\n", None, SENT_MS),
    ],
)
def test_the_last_time_of_a_slice_is_carried_on(
    text: bytes, before: int | None, after: int | None
) -> None:
    assert SOURCE.carry_time is not None
    assert SOURCE.carry_time(text, before, ARRIVAL_MS) == after


PARTS = st.sampled_from(
    [
        *("2026-11-25T12:00:00Z", "2026-11-25 13:00:00,5+02:00", "[ERROR]", "INFO", "error:", "["),
        *("{", '{"ts":1795608000', ',"level":"warn"', "}", '"a":', "1e5", "null", "\\ud800"),
        *(REQUEST, f"START RequestId: {REQUEST}", "REPORT RequestId: ", "Duration: 1.5 ms", "XRAY"),
        *('{"time":1,"type":"platform.report","record":{"metrics":{"durationMs":1}}}', "undefined"),
        *(" ", "\t", "\r", "\0", "é", "\ud800", "\udcff", "\u2028", "x"),
    ]
)
MESSAGES = st.lists(PARTS, max_size=6).map("".join)


ENCODED = MESSAGES.map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.binary(max_size=40) | ENCODED, min_size=1))
def test_every_line_of_any_bytes_comes_out_once(lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)
    batch, parsed, refusals = read([record(text, opened=True)], SOURCE, context())
    out = [*parsed.line.tolist(), *(each.line for each in refusals)]
    out += [int(at) for dropped in parsed.dropped.values() for at in dropped]
    assert sorted(out) == list(range(len(batch)))
    assert len(parsed.rows) == len(parsed.line)


@given(st.lists(MESSAGES | MESSAGES.map(lambda text: text + "\n"), min_size=1))
def test_every_event_of_an_envelope_comes_out_once(messages: list[str]) -> None:
    batch, parsed, refusals = read([record(envelope(log_events(messages)))], SOURCE, context())
    dropped = sum(len(lines) for lines in parsed.dropped.values())
    assert len(batch) == len(messages) == len(parsed.rows) + len(refusals) + dropped


@given(st.lists(ENCODED, min_size=2, max_size=12), st.data())
def test_a_file_cut_anywhere_gives_the_same_rows(lines: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(lines) - 1))
    head, tail = (b"".join(line + b"\n" for line in part) for part in (lines[:cut], lines[cut:]))
    assert SOURCE.carry_time is not None
    time_ms = SOURCE.carry_time(head, None, ARRIVAL_MS)
    slices = [record(head, opened=True), record(tail, opened=True, time_ms=time_ms)]
    whole = processed([record(head + tail, opened=True)], "app-log")
    found = processed(slices, "app-log")
    names = ("event_time", "message", "level", "request_id")
    assert [[row[name] for name in names] for row in found.rows] == [
        [row[name] for name in names] for row in whole.rows
    ]
    assert found.reasons == whole.reasons


def test_a_batch_beyond_one_piece_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        LINES.read_bytes(),
        b'{"level":"info","ts":1795608000}\n\nplain\n2026-11-25T12:00:00Z INFO',
    ] * 2
    whole = rows_of(*lines)
    monkeypatch.setattr(app_log, "PIECE_BYTES", 100)
    assert rows_of(*lines) == whole


def test_no_lines_are_no_rows_of_the_same_columns() -> None:
    _, parsed, _ = read([], SOURCE, context())
    assert len(parsed.rows) == 0
    assert {"event_time", *(field.name for field in app_log.FIELDS)} == set(
        parsed.rows.column_names
    )
