"""Access logs of API Gateway: JSON objects whose keys the owner of the stage has chosen.

The format is the stage's own, as `accessLogSettings.format` has it: a JSON object of keys and
`$context` variables. Without one the keys are those of the console's JSON presets.

Source: Amazon API Gateway Developer Guide, "Set up logging" and "Variables for access logging".
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError
from pipeline.reading.fields import STATUS, address, decimal, moment, small, text, whole
from pipeline.reading.json_records import Columns, JsonLog, Member
from pipeline.reading.web_requests import DURATION_MS, METHOD, PATH, USER_AGENT
from pipeline.schema import Domain, declare
from pipeline.sources.source import Source

# Under the names of the $context variables.
VARIABLES = {
    field.log_name: field
    for field in (
        text("request_id", "Request.", "requestId"),
        text("extended_request_id", "Request, as the service calls it.", "extendedRequestId"),
        moment("request_time", "When the request came, UTC.", Domain.CLF_TIME, "requestTime"),
        moment("request_time_epoch", "The same, finer.", Domain.EPOCH, "requestTimeEpoch"),
        text("account_id", "Account of the API.", "accountId"),
        text("api_id", "API.", "apiId"),
        text("stage", "Stage."),
        text("domain_name", "Host that was asked for.", "domainName"),
        text(METHOD.name, METHOD.doc, "httpMethod"),
        text(PATH.name, "Path of the request; of the resource or route in a log without.", "path"),
        text("resource_path", "Path of the resource, with its parameters.", "resourcePath"),
        text("resource_id", "Resource.", "resourceId"),
        text("route_key", "Route that matched.", "routeKey"),
        text("event_type", "CONNECT, MESSAGE or DISCONNECT.", "eventType"),
        text("connection_id", "WebSocket connection.", "connectionId"),
        text("message_id", "WebSocket message.", "messageId"),
        text("protocol", "Such as HTTP/1.1."),
        small("status", "Status that the client got.", STATUS),
        whole("response_length", "Bytes of the answer's body.", "bytes", "responseLength"),
        decimal("response_latency", "How long the request took.", "ms", "responseLatency"),
        decimal("integration_latency", "How long the backend took.", "ms", "integrationLatency"),
        small("integration_status", "Status of the backend.", STATUS, "integrationStatus"),
        text("integration_error", "Error of the backend.", "integrationErrorMessage"),
        text("error_message", "Error of the gateway.", "error.message"),
        text("error_response_type", "Kind of that error.", "error.responseType"),
        text("authorizer_principal_id", "Who was let in.", "authorizer.principalId"),
        text("authorizer_error", "Error of the authorizer.", "authorizer.error"),
        decimal("authorizer_latency", "How long it took.", "ms", "authorizer.latency"),
        text("waf_response_code", "WAF_ALLOW or WAF_BLOCK.", "wafResponseCode"),
        text("webacl_arn", "Web ACL, ARN.", "webaclArn"),
        text("xray_trace_id", "Trace of X-Ray.", "xrayTraceId"),
        address("source_ip", "Address that the request came from.", "identity.sourceIp"),
        text(USER_AGENT.name, USER_AGENT.doc, "identity.userAgent"),
        text("caller", "Principal that signed the request.", "identity.caller"),
        text("user", "User that signed the request.", "identity.user"),
        text("user_arn", "The same, ARN.", "identity.userArn"),
        text("api_key_id", "API key, by its id.", "identity.apiKeyId"),
    )
}
# Two names for one thing.
ALSO = {
    "integration.latency": "integrationLatency",
    "integration.status": "integrationStatus",
    "integration.error": "integrationErrorMessage",
    "error.messageString": "error.message",
    "customDomain.domainName": "domainName",
}
# The keys of the console's presets for REST, HTTP and WebSocket APIs.
PRESET = {
    **{name: name for name in ("requestId", "extendedRequestId", "requestTime", "httpMethod")},
    **{name: name for name in ("resourcePath", "routeKey", "status", "protocol")},
    **{name: name for name in ("responseLength", "eventType", "connectionId")},
    "ip": "identity.sourceIp",
    "caller": "identity.caller",
    "user": "identity.user",
}
CONTEXT = "$context."
PATHS = (PATH.name, "resource_path")
# "GET /pets/{id}" or "ANY /"; others, $default or $connect, name no path.
ROUTE = r"^[A-Z]+ (?P<path>/.*)$"
# A variable without quotes: the format as a whole is no JSON then, though its lines may be.
BARE = re.compile(r'(?<!["\w$.])(\$context\.[A-Za-z0-9_.]+)')
MOST_MEMBERS, MOST_DEPTH = 256, 16


def layout(format_text: str) -> tuple[Member, ...]:
    """The members of a format: keys of the log, and the fields that they stand for.

    Raises UsageError when it is no JSON object, or has no variable that is known.
    """
    try:
        found = json.loads(BARE.sub(r'"\1"', format_text))
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise _wrong(f"it is no JSON object: {error}", format_text) from error
    if type(found) is not dict:
        raise _wrong("it is no JSON object", format_text)
    members: dict[str, Member] = {}
    for path, variable in _variables(found, ()):
        name = variable.removeprefix(CONTEXT)
        field = VARIABLES.get(ALSO.get(name, name))
        if field is not None:
            members.setdefault(field.name, Member(field, path))
    if not members or len(members) > MOST_MEMBERS:
        raise _wrong("it names no variable that is known", format_text)
    return tuple(members.values())


def _variables(
    found: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in found.items():
        if type(value) is dict and len(path) < MOST_DEPTH:
            yield from _variables(value, (*path, key))
        elif type(value) is str and value.startswith(CONTEXT):
            yield (*path, key), value


def _wrong(what: str, format_text: str) -> UsageError:
    return UsageError(
        f"the format cannot be used: {what}",
        f"in {format_text[:300]!r}",
        "take it from the stage: aws apigateway get-stages --query 'item[].accessLogSettings'",
    )


def check_format(format_text: str) -> None:
    """Raise UsageError when this is no format."""
    layout(format_text)


def has_time(formats: Sequence[str]) -> bool:
    """Whether all these formats carry a time."""
    return all(
        any(member.field.name in LOG.times for member in LOG.layout(each)) for each in formats
    )


def finish(columns: Columns) -> Columns:
    """Columns of the table; time and path by the names that all web logs have.

    The console's presets have no path, but a resource or a route.
    """
    paths = [columns[name].cast(pa.string()) for name in PATHS if name in columns]
    if "route_key" in columns:
        route = pc.extract_regex(columns["route_key"].cast(pa.string()), ROUTE)
        paths.append(pc.struct_field(route, "path"))
    done = columns | ({PATH.name: pc.coalesce(*paths)} if paths else {})
    if "response_latency" in columns:
        done[DURATION_MS.name] = pc.round(columns["response_latency"], 3)
    return done


PRESET_MEMBERS = tuple(Member(VARIABLES[name], (key,)) for key, name in PRESET.items())
TABLE = declare(
    "api_gateway",
    "Requests to API Gateway; event_time is when the request came.",
    *VARIABLES.values(),
    DURATION_MS,
)
LOG = JsonLog(
    PRESET_MEMBERS,
    ("request_time_epoch", "request_time"),
    nulls=("-",),
    finish=finish,
    layouts=layout,
)
SOURCE = Source(
    "api-gateway",
    TABLE,
    LOG.parse,
    check_format=check_format,
    format_from="in the stage's settings, as accessLogSettings.format",
    has_time=has_time,
    time_from="$context.requestTime or $context.requestTimeEpoch",
    request={
        "bytes_sent": "response_length",
        "client_addr": "source_ip",
        "host": "domain_name",
    },
)
