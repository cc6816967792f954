"""Answers of Athena and S3, given where botocore would send a request: nothing leaves the machine.

The client parses and retries them as it does real ones.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

BUCKET = "results"
ID = "a1b2c3d4-5678-90ab-cdef-000000000001"


class Body(BytesIO):
    """The body of an answer, as urllib3 would give it."""

    def stream(self, *_: object, **__: object) -> Iterable[bytes]:
        """All of it."""
        yield self.read()


@dataclass
class Service:
    """One query execution.

    states   what GetQueryExecution says, one after the other, the last one for ever
    reason   why it is not SUCCEEDED
    rows     of its answer, as text
    errors   by operation: what it answers before anything else, as (status, code, message)
    asked    every request, as (operation, its parameters)
    deaf     it goes on although it was stopped
    head     the names of the columns are the first row
    """

    states: tuple[str, ...] = ("QUEUED", "RUNNING", "SUCCEEDED")
    columns: tuple[tuple[str, str], ...] = (("srcaddr", "varchar"), ("bytes", "bigint"))
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    scanned: int = 25_000_000
    reused: bool = False
    reason: str = ""
    errors: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    looks: int = 0
    stopped: bool = False
    deaf: bool = False
    head: bool = True

    def session(self) -> boto3.Session:
        """A session whose requests come here."""
        core = botocore.session.Session()
        core.set_credentials("key", "secret")
        core.register("before-send", self._send)
        return boto3.Session(botocore_session=core, region_name="eu-west-1")

    def operations(self) -> list[str]:
        """Names of what was asked."""
        return [name for name, _ in self.asked]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        name = target.decode().rpartition(".")[2] if target else f"S3{request.method}"
        body = json.loads(request.body) if target else request.url
        self.asked.append((name, body))
        errors = self.errors.get(name)
        if errors:
            status, code, message = errors.pop(0)
            return _said(request, status, {"__type": code, "message": message})
        if not target:
            return _csv(request, self._csv())
        return _said(request, 200, getattr(self, name)(body))

    def StartQueryExecution(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The id."""
        return {"QueryExecutionId": ID}

    def StopQueryExecution(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """From now on it is cancelled."""
        self.stopped = True
        return {}

    def GetQueryExecution(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Its state, and what it has scanned by now."""
        state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        status: dict[str, Any] = {"State": "CANCELLED" if self.stopped and not self.deaf else state}
        status["SubmissionDateTime"] = 1_795_615_200
        if self.reason:
            status["StateChangeReason"] = self.reason
        return {
            "QueryExecution": {
                "QueryExecutionId": ID,
                "StatementType": "DML",
                "Query": "SELECT",
                "Status": status,
                "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/{ID}.csv"},
                "Statistics": {
                    "DataScannedInBytes": self.scanned,
                    "ResultReuseInformation": {"ReusedPreviousResult": self.reused},
                },
            }
        }

    def GetQueryResults(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A page; the head is the first row of the first one."""
        lines = [*[tuple(name for name, _ in self.columns)] * self.head, *self.rows]
        first = int(body.get("NextToken", "0"))
        most = body.get("MaxResults", 1000)
        assert most <= 1000
        page = lines[first : first + most]
        found: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": [_cell(text) for text in line]} for line in page],
                "ResultSetMetadata": {
                    "ColumnInfo": [_column(name, kind) for name, kind in self.columns]
                },
            }
        }
        if first + most < len(lines):
            found["NextToken"] = str(first + most)
        return found

    def _csv(self) -> bytes:
        lines = [[name for name, _ in self.columns], *self.rows]
        return "".join(
            ",".join("" if text is None else f'"{text}"' for text in line) + "\n" for line in lines
        ).encode()


def _cell(text: str | None) -> dict[str, str]:
    return {} if text is None else {"VarCharValue": text}


def _column(name: str, kind: str) -> dict[str, Any]:
    bare, _, places = kind.partition("(")
    precision, _, scale = places.rstrip(")").partition(",")
    column: dict[str, Any] = {"Name": name, "Type": bare}
    if precision:
        column |= {"Precision": int(precision), "Scale": int(scale or 0)}
    return column


def _said(request: AWSPreparedRequest, status: int, body: Mapping[str, Any]) -> AWSResponse:
    return AWSResponse(request.url, status, {}, Body(json.dumps(body).encode()))


def _csv(request: AWSPreparedRequest, text: bytes) -> AWSResponse:
    asked = request.headers.get("Range")
    headers = {
        "Content-Length": str(len(text)),
        "ETag": '"x"',
        "Last-Modified": "Thu, 26 Nov 2026 10:00:00 GMT",
    }
    if request.method == "HEAD":
        return AWSResponse(request.url, 200, headers, Body(b""))
    if asked:
        first, _, last = (asked.decode() if isinstance(asked, bytes) else asked)[6:].partition("-")
        text = text[int(first) : int(last) + 1]
        headers["Content-Length"] = str(len(text))
    return AWSResponse(request.url, 206 if asked else 200, headers, Body(text))
