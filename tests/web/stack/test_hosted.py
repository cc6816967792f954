"""The page behind API Gateway: the app called with events, as Lambda is."""

import asyncio
import base64
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from pipeline.web.hosted import Failures, answering
from tests.web.stack.staged import Shown, asked_once, shown

HOST = "abc123.execute-api.eu-west-1.amazonaws.com"
PAIRS = "since=1h&top=8"
Call = Callable[..., dict[str, Any]]


def event(path: str, query: str = "", **headers: str) -> dict[str, Any]:
    """An event of an HTTP API, payload 2.0, as API Gateway sends it."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return {
        "version": "2.0",
        "routeKey": "GET /{proxy+}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": HOST, "accept-encoding": "identity", **named},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": HOST,
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "id",
            "stage": "$default",
            "time": "25/Nov/2026:14:30:00 +0000",
            "timeEpoch": 1_795_617_000_000,
        },
        "isBase64Encoded": False,
    }


@pytest.fixture
def page(tmp_path: Path) -> Shown:
    return shown(tmp_path)


@pytest.fixture
def call(page: Shown) -> Iterator[Call]:
    reader = page.reader()
    with asyncio.Runner() as runner:
        # Else the adapter makes a loop, which nobody closes.
        runner.get_loop()
        handler = answering(reader)
        yield lambda *words, **headers: handler(event(*words, **headers), None)
    reader.queries.shutdown()
    reader.rankings.shutdown()


def test_the_page_comes_with_its_policy(call: Call) -> None:
    answer = call("/")
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["body"].startswith("<!doctype html>")
    assert answer["headers"]["content-security-policy"].startswith("default-src 'none'")


def test_what_is_packed_comes_as_bytes(call: Call) -> None:
    answer = call("/", accept_encoding="gzip")
    assert (answer["headers"]["content-encoding"], answer["isBase64Encoded"]) == ("gzip", True)
    assert gzip.decompress(base64.b64decode(answer["body"])).startswith(b"<!doctype html>")


def test_a_parquet_file_comes_as_it_is(page: Shown, call: Call) -> None:
    page.take(asked_once())
    answer = call("/v1/queries/top_pairs", f"{PAIRS}&output=parquet")
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert answer["headers"]["content-type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(io.BytesIO(base64.b64decode(answer["body"])))
    assert table["bytes"].to_pylist() == [6]


def test_what_costs_is_not_asked_unasked_here_either(page: Shown, call: Call) -> None:
    assert call("/v1/queries/top_pairs", PAIRS)["statusCode"] == 402
    assert call("/v1/queries/top_pairs", PAIRS, tailrace_most_usd="0.5")["statusCode"] == 200
    # One loop serves all events: what was paid for is there at the next one.
    assert call("/v1/queries/top_pairs", PAIRS)["statusCode"] == 200
    assert len(page.stage.started) == 1


def test_health_and_ranking_answer(call: Call) -> None:
    assert json.loads(call("/v1/health")["body"])["status"] == "ok"
    ranking = call("/v1/ranking", "window=10m&k=5")
    again = call("/v1/ranking", "window=10m&k=5", if_none_match=ranking["headers"]["etag"])
    assert (ranking["statusCode"], again["statusCode"]) == (200, 304)


def test_nothing_is_taken_in(call: Call) -> None:
    assert call("/v1/pixel.gif")["statusCode"] == 404


def test_a_failure_is_told_when_it_begins_and_when_it_is_another(page: Shown, call: Call) -> None:
    def alarm(*names: str) -> None:
        page.stage.said["DescribeAlarms"] = {
            "MetricAlarms": [
                {"AlarmName": f"tailrace-staging-{name}", "StateValue": "ALARM"} for name in names
            ]
        }
        page.later(minutes=1)

    failures = Failures()

    def told(path: str) -> str:
        return failures.changed(event(path), call(path))

    assert told("/v1/health") == ""
    alarm("age")
    first = told("/v1/health")
    assert first.startswith("alarm: tailrace-staging-age")
    assert (told("/v1/ranking"), told("/v1/health")) == ("", "")
    alarm("age", "rows")
    assert "rows" in told("/v1/health")
    alarm()
    assert told("/v1/health") == ""
    page.stage.errors["DescribeStacks"] = [(403, "ExpiredToken")]
    alarm()
    assert "ExpiredToken" in told("/v1/health")
    page.later(minutes=1)
    alarm("age")
    assert told("/v1/health") == first
