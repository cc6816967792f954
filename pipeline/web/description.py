"""The description at /v1/openapi.json: what FastAPI knows, and what only the code knows.

Each saved query has a path of its own, with its parameters, their types and limits.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline import __version__, queries
from pipeline.queries.parameters import Parameter
from pipeline.sources import NAMES
from pipeline.web import models
from pipeline.web.forms import JSON, KINDS
from pipeline.web.logs import KEY_PATTERN, LOG_GROUP, LOG_GROUP_PATTERN

QUERY_PATH, PRICE_PATH, LOGS_PATH = (
    "/v1/queries/{name}",
    "/v1/queries/{name}/price",
    "/v1/logs/{source}",
)
BODIES = (*("text/plain", "application/octet-stream", "application/x-ndjson", "application/gzip"),)
# What `queries.parse` takes, so far as a pattern can say it: not that a window must begin before it
# ends. Years that the parser takes and that no event can have are left out.
SPAN = "^" + "".join(f"([1-9][0-9]{{0,5}}{unit})?" for unit in "wdhms") + "$"
LEAP_YEAR = (
    "(19(7[26]|8[048]|9[26])|[2-9][0-9](0[48]|[2468][048]|[13579][26])"
    "|(2[048]|[468][048]|[3579][26])00)"
)
DATE = (
    "((19[7-9][0-9]|[2-9][0-9]{3})-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    f"|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|{LEAP_YEAR}-02-29)"
)
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"^{DATE}([T ]{CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{CLOCK})?)?$"
TYPES = {"integer": "integer", "bigint": "integer", "double": "number", "boolean": "boolean"}
ERRORS = {
    400: "the call is wrong, or the body is damaged",
    402: "the answer costs more than the header tailrace-most-usd allows: by the estimate of"
    " GET .../price, or by what Athena has read meanwhile, where it is broken off",
    403: "foreign Host or Origin",
    404: "no such name; the nearest one is named",
    408: "the sender was silent or slow for too long in the middle of the body",
    409: "the Idempotency-Key was sent with another body or log group",
    413: "the body is too large, as it is sent or inflated, or has too many lines",
    414: "the query string is too long",
    415: "unknown Content-Encoding, or a form without line ends: curl -d takes them away",
    429: "too much at once, or the log is full; Retry-After says when to try again",
    503: "the home cannot be written or read for now; Retry-After says when to try again",
}
LOGS_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Lines, JSON lines or a subscription envelope, gzipped or not. With curl: "
        "--data-binary @file, since -d @file takes the line ends away.",
        "content": {
            name: {"schema": {"type": "string", "format": "binary", "minLength": 1}}
            for name in BODIES
        }
        # Any document; several, one a line, are taken, too.
        | {"application/json": {"schema": {}}},
    },
    "parameters": [
        {
            "name": LOG_GROUP,
            "in": "query",
            "required": False,
            "description": "Log group that plain lines come from: its declared formats are theirs.",
            "schema": {"type": "string", "pattern": LOG_GROUP_PATTERN},
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Makes it safe to send again: kept for a day with the body's digest.",
            "schema": {"type": "string", "pattern": KEY_PATTERN},
        },
        {
            "name": "Content-Encoding",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["identity", "gzip"]},
        },
    ],
}
TIMES: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": doc,
        "schema": {"type": "string", "minLength": 1, "pattern": pattern},
    }
    for name, doc, pattern in (
        ("since", "From so long ago: 15m, 1h30m, 7d. Not together with from and to.", SPAN),
        ("from", "First moment, ISO-8601 or a date; without a zone it is UTC.", TIME),
        ("to", "Up to, not including. Not without from.", TIME),
    )
]

FORMS: list[dict[str, Any]] = [
    {
        "name": "output",
        "in": "query",
        "required": False,
        "description": "Form of the answer; without it by the header Accept, else json.",
        "schema": {"type": "string", "enum": list(KINDS)},
    },
    {
        "name": "anonymise",
        "in": "query",
        "required": False,
        "description": "Addresses cut to their networks: 24 bits of IPv4, 48 of IPv6.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of a route, for FastAPI."""
    return {each: {"model": models.Error, "description": ERRORS[each]} for each in statuses}


def description_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What FastAPI calls for the description; made once."""
    made: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not made:
            made.update(_described(app))
        return made

    return describe


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title="Tailrace",
        version=__version__,
        description="Logs become answers while they are still warm.",
        routes=app.routes,
    )
    for path in found["paths"].values():
        for operation in path.values():
            # Nothing is answered so: what FastAPI would refuse is refused with 400.
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
    if LOGS_PATH in found["paths"]:
        _name_sources(found["paths"][LOGS_PATH]["post"])
    _name_queries(found["paths"])
    return found


def _name_sources(operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        if parameter["name"] == "source":
            parameter["schema"]["enum"] = list(NAMES)


def _name_queries(paths: dict[str, Any]) -> None:
    template = paths.pop(QUERY_PATH)["get"]
    template["responses"]["200"]["content"] |= {
        kind.partition(";")[0]: {"schema": {"type": "string"}}
        for name, kind in KINDS.items()
        if name != JSON
    }
    for query in queries.load().values():
        operation = deepcopy(template)
        operation |= {
            "operationId": query.name,
            "summary": query.title,
            "description": query.description,
            "parameters": [*TIMES, *FORMS, *map(_parameter, query.params)],
        }
        paths[QUERY_PATH.format(name=query.name)] = {"get": operation}


def _parameter(declared: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": TYPES.get(declared.type, "string")}
    if declared.limits:
        schema["minimum"], schema["maximum"] = declared.limits
    return {
        "name": declared.name,
        "in": "query",
        "required": declared.default is None,
        "description": declared.doc,
        "schema": schema,
    }
