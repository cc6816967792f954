"""The function as Lambda calls it: a process of its own, real clients, services on loopback."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyarrow import BufferReader, parquet

from pipeline.counters.table import CountersTable
from tests.carriers import (
    ARRIVAL_MS,
    LINE,
    awslogs_event,
    envelope,
    gzipped,
    kinesis_event,
    log_events,
)
from tests.counters.account import TABLE, Account
from tests.functions.services import Services, serving
from tests.invoke.stacks import s3_event

ROOT = Path(__file__).parents[2]
# What Lambda does around a handler; the last line of output is the answer and what it cost.
RUNTIME = """
import json, os, sys
class Context:
    function_name, memory_limit_in_mb, function_version = "tailrace-staging-log-etl", 1769, "1"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789010:function:" + function_name
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    def get_remaining_time_in_millis(self): return 300_000
from functions.log_etl import handler
events = [json.loads(line) for line in sys.stdin]
def memory(which="VmHWM"):
    # Not ru_maxrss: a process inherits that of the one that started it.
    if not os.path.exists("/proc/self/status"):
        return 0
    status = dict(line.split(":") for line in open("/proc/self/status"))
    return int(status[which].split()[0]) // 1024
before, answers = memory(), [handler(event, Context()) for event in events[:1]]
warm = memory()
held = []
for event in events[1:]:
    answers.append(handler(event, Context()))
    held.append(memory("VmRSS"))
said = {"answers": answers, "before": before, "warm": warm, "after": memory(), "held": held}
print(json.dumps(said))
"""
STREAMS = "tailrace-staging-"


def environ(services: Services, **changes: str) -> dict[str, str]:
    return (
        services.environ()
        | {
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "POWERTOOLS_SERVICE_NAME": "tailrace-staging",
            "POWERTOOLS_METRICS_NAMESPACE": "Tailrace",
            "TAILRACE_DELIVERY_STREAMS": STREAMS,
            "TAILRACE_DELIVERY_LAKE": "s3://lake/lake",
            "TAILRACE_DELIVERY_QUARANTINE": "s3://kept/quarantine",
            "TAILRACE_SOURCES": json.dumps({"flow-logs": "vpc-flow", "s3://logs/*": "vpc-flow"}),
            "TAILRACE_LIMITS_BATCH_TEXT_BYTES": str(8 << 20),
        }
        | changes
    )


def called(
    events: Sequence[Any], given: dict[str, str], folder: Path
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the runtime says at last, and the lines of JSON that the function logged before."""
    ran = subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME],
        input="".join(json.dumps(event) + "\n" for event in events),
        capture_output=True,
        text=True,
        env=given,
        cwd=folder,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    *logged, last = [json.loads(line) for line in ran.stdout.splitlines()]
    return last, logged


def flow(dice: Random) -> str:
    source = f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}"
    port, size = dice.randrange(65_536), dice.randrange(100_000)
    return (
        f"2 123456789010 eni-1235b8ca{dice.randrange(100):09d} {source} 10.0.0.7 {port} 443 6"
        f" {size // 700 + 1} {size} 1795615000 1795615060 ACCEPT OK"
    )


def test_records_reach_firehose_and_what_is_none_the_quarantine(tmp_path: Path) -> None:
    with serving() as services:
        lines = [flow(Random(1)), "no flow"]
        event = kinesis_event([gzipped(envelope(log_events(lines)))])
        last, logged = called([event], environ(services), tmp_path)
    assert last["answers"] == [{"batchItemFailures": []}]
    rows = {name: services.rows(f"{STREAMS}{name}") for name in ("vpc_flow", "reject", "batch")}
    assert rows == {"vpc_flow": 1, "reject": 1, "batch": 1}
    assert [key.partition("/dt=")[0] for key in services.objects] == ["kept/quarantine/vpc-flow"]
    (told,) = (line for line in logged if line.get("message") == "taken")
    assert (told["events_in"], told["rows"], told["rejected"]) == (2, 1, 1)
    assert told["correlation_id"] == event["Records"][0]["kinesis"]["sequenceNumber"]
    assert told["function_request_id"] == "52fdfc07-2182-154f-163f-5f0f9a621d72"
    (metrics,) = (line for line in logged if "rows" in line and "_aws" in line)
    assert (metrics["service"], metrics["rows"]) == ("tailrace-staging", [1.0])
    assert metrics["delivery_failures"] == [0.0]
    assert metrics["oldest_record_age_ms"][0] > 0
    # Neither lines nor addresses are logged.
    assert "no flow" not in json.dumps(logged)
    assert "10.0.0.7" not in json.dumps(logged)


def test_flows_of_the_stream_are_counted_where_the_stack_ranks_logs(tmp_path: Path) -> None:
    line = f"{LINE.rsplit(maxsplit=4)[0]} {ARRIVAL_MS // 1000 - 120} {ARRIVAL_MS // 1000 - 60} "
    payload = gzipped(envelope(log_events([f"{line}ACCEPT OK", "no flow"])))
    with serving() as services:
        services.tables = account = Account()
        event, given = kinesis_event([payload]), environ(services, TAILRACE_COUNTERS_TABLE=TABLE)
        # Lambda has not heard that the first call was done.
        last, _ = called([event, event, awslogs_event(payload)], given, tmp_path)
        counted = list(CountersTable(account.client, TABLE).counts("talker", 0))
    assert last["answers"] == [{"batchItemFailures": []}] * 3
    (talker,) = counted
    assert (talker.minute, talker.keys) == (ARRIVAL_MS // 60_000 - 1, ["172.31.16.139"])
    assert talker.counts.tolist() == [4249]
    assert ("place#count", "logs:3") in account.items
    assert services.rows(f"{STREAMS}vpc_flow") == 3


def test_parquet_goes_straight_to_the_lake_where_the_stack_says_so(tmp_path: Path) -> None:
    with serving() as services:
        given = environ(services, TAILRACE_DELIVERY_MODE="s3")
        event = awslogs_event(gzipped(envelope(log_events([flow(Random(1))]))))
        called([event], given, tmp_path)
    assert services.calls == []
    (key,) = (key for key in services.objects if "/vpc_flow/" in key)
    assert key.startswith("lake/lake/landing/vpc_flow/arrival_dt=")
    assert parquet.read_table(BufferReader(services.objects[key]))["dstport"].to_pylist() == [443]


def test_an_object_in_s3_is_fetched_and_read(tmp_path: Path) -> None:
    with serving() as services:
        services.objects["logs/a.log.gz"] = gzipped(b"srcaddr end\n10.0.0.1 1795615000\n")
        called([s3_event("a.log.gz")], environ(services), tmp_path)
    assert services.rows(f"{STREAMS}vpc_flow") == 1


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TAILRACE_DELIVERY_STREAMS", "", "TAILRACE_DELIVERY_STREAMS is not set"),
        ("TAILRACE_DELIVERY_QUARANTINE", "", "TAILRACE_DELIVERY_QUARANTINE is not set"),
        ("TAILRACE_DELIVERY_QUARANTINE", "kept", "is no place in S3"),
        ("TAILRACE_DELIVERY_MODE", "s4", "delivery.mode"),
        ("TAILRACE_SOURCES", '{"a": "flow"}', "no source called flow"),
        ("TAILRACE_SOURCES", "a", "TAILRACE_SOURCES is no JSON"),
        ("TAILRACE_LIMITS_LINES", "1", "unknown setting TAILRACE_LIMITS_LINES"),
    ],
)
def test_a_wrong_setting_ends_the_function_and_names_itself(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    with serving() as services:
        event = kinesis_event([gzipped(envelope(log_events([flow(Random(1))])))])
        ran = subprocess.run(
            [sys.executable, "-B", "-c", RUNTIME],
            input=json.dumps(event),
            capture_output=True,
            text=True,
            env=environ(services, **{name: value}),
            cwd=tmp_path,
            timeout=60,
        )
    assert ran.returncode == 1
    assert message in ran.stderr
    assert services.calls == []


@pytest.mark.slow
@pytest.mark.fault("F8")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what memory a process has used")
def test_six_megabytes_of_base64_go_through_in_one_invocation(tmp_path: Path) -> None:
    dice, payloads, size = Random(7), [], 0
    while size < 6_000_000 * 3 // 4:
        payload = gzipped(envelope(log_events([flow(dice) for _ in range(10_000)])))
        size += len(payload)
        payloads.append(payload)
    small = kinesis_event([gzipped(envelope(log_events([flow(dice)])))])
    large = kinesis_event(payloads)
    base64_bytes = sum(len(record["kinesis"]["data"]) for record in large["Records"])
    assert 5_900_000 < base64_bytes < 6_600_000
    with serving() as services:
        last, _ = called([small, large], environ(services), tmp_path)
    assert last["answers"] == [{"batchItemFailures": []}] * 2
    lines = 10_000 * len(payloads) + 1
    assert services.rows(f"{STREAMS}vpc_flow") == lines
    calls = [call for name, call in services.calls if name == f"{STREAMS}vpc_flow"]
    sizes = [sum(map(len, call)) for call in calls]
    assert max(sizes) * 4 // 3 <= 4 << 20
    # All but the rest of each part is as full as may be.
    full = sum(len(record) > 900 << 10 for call in calls for record in call)
    assert full >= 0.8 * sum(map(len, calls))
    added = last["after"] - last["before"]
    assert added <= 250, f"{added} MB were added for {base64_bytes} bytes, {lines} lines"


@pytest.mark.slow
@pytest.mark.fault("F35")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what memory a process has used")
def test_a_function_that_stays_warm_does_not_grow(tmp_path: Path) -> None:
    dice = Random(7)
    events = [
        kinesis_event([gzipped(envelope(log_events([flow(dice) for _ in range(2_000)])))])
        for _ in range(60)
    ]
    with serving() as services:
        last, _ = called(events, environ(services), tmp_path)
    assert services.rows(f"{STREAMS}vpc_flow") == 120_000
    # What libraries take once, they have taken by then.
    assert max(last["held"][40:]) - max(last["held"][10:30]) <= 8, last["held"]
