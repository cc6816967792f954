"""API Gateway as far as the way in of page views needs it: mapping templates, evaluated.

Velocity is airspeed's; `$input`, `$util` and `$context` are made here by AWS's description.

Source: Amazon API Gateway Developer Guide, "Variables for data transformations".
"""

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import airspeed  # type: ignore[import-untyped]

from pipeline.derive.views import API_VERSION
from tests.infra.stack import Stack

AT_MS, REQUEST, ADDRESS = 1_795_608_000_000, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "203.0.113.9"


@dataclass(frozen=True)
class Request:
    """What a client sends; names of headers as they are written here."""

    body: str = ""
    agent: str | None = "curl/8.5.0"
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


class Input:
    """$input."""

    def __init__(self, body: str, request: Request) -> None:
        # What is empty API Gateway takes for an object without members.
        self.body = body or "{}"
        self._request = request

    def path(self, path: str) -> Any:
        found = json.loads(self.body)
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            found = found[int(index)] if index else found.get(name)
        return found

    def json(self, path: str) -> str:
        return json.dumps(self.path(path), ensure_ascii=False, separators=(",", ":"))

    def params(self) -> dict[str, dict[str, str]]:
        return {"path": {}, "querystring": self._request.query, "header": self._request.headers}


class Util:
    """$util."""

    @staticmethod
    def base64Encode(text: str) -> str:
        return b64encode(text.encode()).decode()

    @staticmethod
    def urlEncode(text: str) -> str:
        return quote_plus(text)


def method(name: str) -> dict[str, Any]:
    """A method of the API, as it would be made."""
    made = Stack(ViewsPerSecond="100").nested("Views")
    found: dict[str, Any] = made.resources[name]["Properties"]
    return found


def put(name: str, request: Request, kind: str = "application/json") -> list[dict[str, Any]]:
    """The records that the template of a method makes of a request: key, told.

    told  what stands in Data, its bytes out of base64
    """
    text = method(name)["Integration"]["RequestTemplates"][kind]
    called = json.loads(_merged(text, Input(request.body, request), _context(request)))
    assert set(called) == {"StreamName", "Records"}
    assert called["StreamName"] == "ViewStream"
    for each in called["Records"]:
        assert set(each) == {"Data", "PartitionKey"}
    records: list[dict[str, Any]] = called["Records"]
    return records


def told(record: dict[str, Any]) -> dict[str, Any]:
    """What a record says, its texts out of base64."""
    said: dict[str, Any] = json.loads(b64decode(record["Data"], validate=True))
    for name in ("agent", "country", "referer", "body"):
        said[name] = b64decode(said[name], validate=True).decode()
    return said


def answered(name: str, status: int, body: Any) -> tuple[int, str]:
    """Status and body that a client gets when Kinesis answers so."""
    answers = method(name)["Integration"]["IntegrationResponses"]
    fitting = [
        each for each in answers if re.fullmatch(each.get("SelectionPattern", "(?!)"), str(status))
    ]
    (chosen,) = fitting or [each for each in answers if "SelectionPattern" not in each]
    context = _context(Request())
    text = chosen["ResponseTemplates"]["application/json"]
    said = _merged(text, Input(json.dumps(body), Request()), context)
    return int(context["responseOverride"].get("status", chosen["StatusCode"])), said.strip()


def merged(text: str) -> str:
    """What a mapping template says of a request without a body."""
    return _merged(text, Input("", Request()), _context(Request()))


def _context(request: Request) -> dict[str, Any]:
    return {
        "requestId": REQUEST,
        "requestTimeEpoch": AT_MS,
        "stage": API_VERSION,
        "identity": {"sourceIp": ADDRESS, "userAgent": request.agent},
        "responseOverride": {},
    }


def _merged(text: str, given: Input, context: dict[str, Any]) -> str:
    named = {"input": given, "util": Util(), "context": context}
    merged: str = airspeed.Template(text).merge(named)
    return merged
