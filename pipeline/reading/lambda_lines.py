"""What the Lambda service itself writes into a function's log, as text and as JSON.

    INIT_START Runtime Version: python:3.13.v12 <tab> Runtime Version ARN: arn:...
    START RequestId: <id> Version: $LATEST
    END RequestId: <id>
    REPORT RequestId: <id> <tab> Duration: 976.25 ms <tab> Billed Duration: 977 ms <tab> ...
    {"time": "...", "type": "platform.report", "record": {"requestId": "<id>", "metrics": {...}}}

Figures are read from reports only, so that a sum over all lines counts each invocation once.

Source: AWS Lambda Developer Guide, "Viewing CloudWatch logs for Lambda functions", "Lambda
Telemetry API Event schema reference" and "Monitoring for Lambda SnapStart".
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import Field, Type

FIELDS = (
    Field(
        "lambda_event",
        Type.VARCHAR,
        "Kind of a line of Lambda itself: init_start, start, end, report.",
    ),
    Field("lambda_version", Type.VARCHAR, "Version of the function, such as $LATEST."),
    Field("duration_ms", Type.DOUBLE, "Time in the handler.", "ms", "Duration"),
    Field("billed_duration_ms", Type.INT64, "Time that is paid for.", "ms", "Billed Duration"),
    Field("memory_size_mb", Type.INT32, "Memory that the function may use.", "MB", "Memory Size"),
    Field("max_memory_used_mb", Type.INT32, "Most memory it has used.", "MB", "Max Memory Used"),
    Field("init_duration_ms", Type.DOUBLE, "Cold start: time to set up.", "ms", "Init Duration"),
    Field(
        "restore_duration_ms",
        Type.DOUBLE,
        "Cold start from a snapshot (SnapStart).",
        "ms",
        "Restore Duration",
    ),
    Field("status", Type.VARCHAR, "How it ended: timeout, error, failure; success or null."),
    Field("xray_trace_id", Type.VARCHAR, "X-Ray trace of the invocation, or of a JSON line."),
)
# How a text line begins; XRAY is the second line of a REPORT, where each line is one of its own.
BEGIN = (
    r"(?P<event>START|END|REPORT|INIT_START|XRAY)"
    r" (?:RequestId: |Runtime Version: |TraceId: )"
)
REQUEST = r"RequestId: (?P<value>\S+)"
VERSION = r"START RequestId: \S+ Version: (?P<value>\S+)"
TRACE = r"XRAY TraceId: (?P<value>\S+)"
MS, MB = r"(?P<value>\d{1,15}(?:\.\d{1,9})?) ms", r"(?P<value>\d{1,9}) MB"
AHEAD = r"(?:RequestId: \S+|ms|MB)\s+"  # for names that are the end of another one
FIGURES = {
    "duration_ms": AHEAD + "Duration: " + MS,
    "billed_duration_ms": r"Billed Duration: (?P<value>\d{1,15})(?:\.\d+)? ms",
    "memory_size_mb": "Memory Size: " + MB,
    "max_memory_used_mb": "Max Memory Used: " + MB,
    "init_duration_ms": "Init Duration: " + MS,
    "restore_duration_ms": AHEAD + "Restore Duration: " + MS,
    "status": r"\sStatus: (?P<value>\w+)",
}
EVENTS = {
    "platform.initStart": "init_start",
    "platform.start": "start",
    "platform.end": "end",
    "platform.runtimeDone": "end",
    "platform.report": "report",
}
METRICS = {
    "duration_ms": "durationMs",
    "billed_duration_ms": "billedDurationMs",
    "memory_size_mb": "memorySizeMB",
    "max_memory_used_mb": "maxMemoryUsedMB",
    "init_duration_ms": "initDurationMs",
    "restore_duration_ms": "restoreDurationMs",
}
ARROW = {field.name: field.type.arrow for field in FIELDS}
MOST = {pa.int32(): 2**31 - 1, pa.int64(): 2**63 - 1}


def read_lines(texts: pa.Array, events: pa.Array) -> dict[str, pa.Array]:
    """Columns of text lines; `events` is what BEGIN has found of each."""
    columns = {
        "lambda_event": pc.if_else(pc.equal(events, "XRAY"), None, pc.ascii_lower(events)),
        "request_id": _found(texts, REQUEST),
        "lambda_version": _found(texts, VERSION),
        "xray_trace_id": _found(texts, TRACE),
    }
    reports = pc.if_else(pc.equal(events, "REPORT"), texts, None)
    for name, expression in FIGURES.items():
        columns[name] = _found(reports, expression).cast(ARROW[name])
    return columns


def read_events(events: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, pa.Array]:
    """Columns of JSON events, each a `type` and a `record`; of other types all are null.

    Numbers are int, or text for what has a fraction or an exponent.
    """
    rows = [_of_event(EVENTS[kind], record) if kind in EVENTS else {} for kind, record in events]
    types = {**ARROW, "request_id": pa.string()}
    return {name: pa.array([row.get(name) for row in rows], arrow) for name, arrow in types.items()}


def _found(texts: pa.Array, expression: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(texts, expression), ["value"])


def _of_event(event: str, record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "lambda_event": event,
        "request_id": _text(record.get("requestId")),
        "lambda_version": _text(record.get("version", record.get("functionVersion"))),
        "xray_trace_id": _trace(record.get("tracing")),
    }
    metrics = record.get("metrics")
    if event == "report":
        row["status"] = _text(record.get("status"))
        if isinstance(metrics, dict):
            row |= {name: _number(metrics.get(key), name) for name, key in METRICS.items()}
    return row


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _trace(tracing: Any) -> str | None:
    value = tracing.get("value") if isinstance(tracing, dict) else None
    root = value.partition(";")[0] if isinstance(value, str) else ""
    return root.removeprefix("Root=") or None


def _number(value: Any, name: str) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    most = MOST.get(ARROW[name])
    if most is None:
        return number if isfinite(number) else None
    return int(number) if 0 <= number < most else None
