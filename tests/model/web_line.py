"""One line of an access log, read the slow and plain way: a regular expression, then each value.

Row by row, standard library only, nothing of the product: whatever both agree on was written twice.
The benchmark of these sources measures against it, too. `None` is what has no meaning: a line that
does not fit; why, the product tells.

Sources: the AWS pages that `pipeline/sources/` names; nginx and Apache for the common log format.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

Row = dict[str, Any]

QUOTED = r'"((?:[^"\\]|\\.)*)"'
ENDPOINT = r"(?:(\S+):(\d+)|-)"
ALB = re.compile(
    r"(\S+) (\S+) (\S+) " + ENDPOINT + " " + ENDPOINT + r" (\S+) (\S+) (\S+) (\d+|-) (\d+|-)"
    r" (\d+|-) (\d+|-) " + QUOTED + " " + QUOTED + r" (\S+) (\S+) (\S+)(?: " + QUOTED
    + f" {QUOTED} {QUOTED}" + r" (-?\d+|-) (\S+)"
    + f" {QUOTED} {QUOTED} {QUOTED}(?: {QUOTED} {QUOTED}(?: {QUOTED} {QUOTED})?)?)?"
    + r"(?: ([^\s\"]+)(?: " + f"{QUOTED} {QUOTED} {QUOTED}" + r"(?: ([^\s\"]+))?)?)?$"
)  # fmt: skip
ALB_NAMES = (
    *("type", "time", "elb", "client_ip", "client_port", "target_ip", "target_port"),
    *("request_processing_time", "target_processing_time", "response_processing_time"),
    *("elb_status_code", "target_status_code", "received_bytes", "sent_bytes", "request"),
    *("user_agent", "ssl_cipher", "ssl_protocol", "target_group_arn", "trace_id", "domain_name"),
    *("chosen_cert_arn", "matched_rule_priority", "request_creation_time", "actions_executed"),
    *("redirect_url", "lambda_error_reason", "target_port_list", "target_status_code_list"),
    *("classification", "classification_reason", "conn_trace_id", "transformed_host"),
    *("transformed_uri", "request_transform_status", "ip_address"),
)
ALB_QUOTED = (
    *("request", "user_agent", "trace_id", "domain_name", "chosen_cert_arn", "actions_executed"),
    *("redirect_url", "lambda_error_reason", "target_port_list", "target_status_code_list"),
    *("classification", "classification_reason", "transformed_host", "transformed_uri"),
    "request_transform_status",
)
NLB = re.compile(
    r"(tls) (\S+) (\S+) (\S+) (\S+) " + ENDPOINT + " " + ENDPOINT
    + r" (\d+|-) (\d+|-) (\d+|-) (\d+|-) (\d+|-)" + r" (\S+)" * 9 + r"(?: (\S+))?$"
)  # fmt: skip
NLB_NAMES = (
    *("type", "version", "time", "elb", "listener_id", "client_ip", "client_port", "target_ip"),
    *("target_port", "tcp_connection_time_ms", "tls_handshake_time_ms", "received_bytes"),
    *("sent_bytes", "incoming_tls_alert", "cert_arn", "certificate_serial", "tls_cipher_suite"),
    *("tls_protocol_version", "tls_named_group", "domain_name", "alpn_fe_protocol"),
    *("alpn_be_protocol", "alpn_client_preference_list", "tls_connection_creation_time"),
)
OPTIONAL_QUOTED = r'(?:"([^"]*)"|-)'
S3 = re.compile(
    r"(\S+) (\S+) (\[[^\]]*\]) (\S+) (\S+) (\S+) (\S+) (\S+) " + OPTIONAL_QUOTED
    + r" (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) " + OPTIONAL_QUOTED + " " + OPTIONAL_QUOTED
    + r" (\S+)" + r"(?: (\S+))?" * 9 + "$"
)  # fmt: skip
S3_NAMES = (
    *("bucketowner", "bucket_name", "requestdatetime", "remoteip", "requester", "requestid"),
    *("operation", "key", "request_uri", "httpstatus", "errorcode", "bytessent", "objectsize"),
    *("totaltime", "turnaroundtime", "referrer", "useragent", "versionid", "hostid", "sigv"),
    *("ciphersuite", "authtype", "endpoint", "tlsversion", "accesspointarn", "aclrequired"),
    "source_region",
)
COMBINED = re.compile(
    r"(\S+) (\S+) (\S+) (\[[^\]]*\]) " + QUOTED + r" (\d{3}|-) (\d+|-)"
    + f"(?: {QUOTED} {QUOTED}(?: {QUOTED})?)?$"
)  # fmt: skip
COMBINED_NAMES = (
    *("remote_addr", "identity", "remote_user", "time", "request", "status"),
    *("body_bytes_sent", "http_referer", "user_agent", "http_x_forwarded_for"),
)
REQUEST = re.compile(r"(\S+) +(.*?) +(\S+)$")
WITHOUT_PROTOCOL = re.compile(r"([A-Z]+) (/\S*)$")
URL = re.compile(
    r"(?:[A-Za-z][\w+.-]*://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^:/?#]*)(?::\d*)?)?(/[^?#]*)?(\?[^#]*)?"
)
WHOLE = frozenset(
    [
        "client_port",
        "target_port",
        "elb_status_code",
        "target_status_code",
        "received_bytes",
        "sent_bytes",
        "matched_rule_priority",
        "tcp_connection_time_ms",
        "tls_handshake_time_ms",
        "incoming_tls_alert",
        "httpstatus",
        "bytessent",
        "objectsize",
        "totaltime",
        "turnaroundtime",
        "status",
        "body_bytes_sent",
        "sc_bytes",
        "sc_status",
        "cs_bytes",
        "fle_encrypted_fields",
        "c_port",
        "sc_content_len",
        "sc_range_start",
        "sc_range_end",
    ]
)
DECIMAL = frozenset(
    [
        "request_processing_time",
        "target_processing_time",
        "response_processing_time",
        "time_taken",
        "time_to_first_byte",
    ]
)
ISO = frozenset(("time", "request_creation_time", "tls_connection_creation_time"))
ENCODED = frozenset(
    [
        "cs_uri_stem",
        "cs_referer",
        "cs_user_agent",
        "cs_uri_query",
        "cs_cookie",
        "x_forwarded_for",
        "sc_content_type",
    ]
)


def ms_of(moment: datetime) -> int:
    whole = moment.replace(tzinfo=moment.tzinfo or UTC)
    return int(whole.timestamp()) * 1000 + whole.microsecond // 1000


def iso(text: str) -> int:
    return ms_of(datetime.fromisoformat(text.replace("Z", "+00:00")))


def clf(text: str) -> int:
    return ms_of(datetime.strptime(text, "[%d/%b/%Y:%H:%M:%S %z]"))


def unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else match[2]

    return re.sub(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))', one, text)


def value_of(name: str, text: str | None) -> Any:
    if text is None or text == "-":
        return None
    if name in WHOLE:
        return int(text)
    if name in DECIMAL:
        return float(text)
    return text


def cut(request: str | None) -> tuple[str | None, str | None, str | None]:
    """Method, URL and protocol of a request line."""
    found = REQUEST.match(request) if request else None
    if not found:
        short = WITHOUT_PROTOCOL.match(request) if request else None
        return (short[1], short[2], None) if short else (None, request, None)
    verb, url, protocol = (None if found[n] == "-" else found[n] for n in (1, 2, 3))
    return verb, url, protocol


def cut_url(url: str | None) -> tuple[str | None, str | None, str | None]:
    """Host, path and query of a URL."""
    found = URL.match(url) if url is not None else None
    if not found:
        return None, None, None
    return found[1] or None, found[2] or None, None if found[3] is None else found[3][1:]


def alb(line: str) -> Row | None:
    found = ALB.match(line)
    if not found:
        return None
    row = {n: value_of(n, t) for n, t in zip(ALB_NAMES, found.groups(), strict=True)}
    for name in ISO & row.keys():
        row[name] = iso(row[name]) if row[name] else None
    for name in ALB_QUOTED:
        row[name] = unescaped(row[name]) if row[name] else row[name]
    row["request_verb"], row["request_url"], row["request_proto"] = cut(row.pop("request"))
    row["host"], row["path"], row["query"] = cut_url(row["request_url"])
    times = [row[name] for name in ALB_NAMES[7:10]]
    good = all(each is not None and each >= 0 for each in times)
    row["duration_ms"] = round(sum(times) * 1000, 3) if good else None
    if not good and row["request_creation_time"] and not row["type"].startswith("ws"):
        passed = row["time"] - row["request_creation_time"]
        row["duration_ms"] = float(passed) if passed >= 0 else None
    row["event_time"] = row["time"]
    return row


def nlb(line: str) -> Row | None:
    found = NLB.match(line)
    if not found:
        return None
    row = {n: value_of(n, t) for n, t in zip(NLB_NAMES, found.groups(), strict=True)}
    for name in ISO & row.keys():
        row[name] = iso(row[name]) if row[name] else None
    for name in ("domain_name", "alpn_client_preference_list"):
        row[name] = unquote(row[name], errors="strict") if row[name] else None
    offers = row["alpn_client_preference_list"]
    row["alpn_client_preference_list"] = offers.replace('"', "") if offers else None
    row["event_time"] = row["time"]
    return row


def s3(line: str) -> Row | None:
    found = S3.match(line)
    if not found:
        return None
    row = {n: value_of(n, t) for n, t in zip(S3_NAMES, found.groups(), strict=True)}
    row["bytessent"] = row["bytessent"] or 0
    row["requestdatetime"] = row["event_time"] = clf(row["requestdatetime"])
    row["method"], url, _ = cut(row["request_uri"])
    _, row["path"], row["query"] = cut_url(url)
    return row


def combined(line: str) -> Row | None:
    found = COMBINED.match(line)
    if not found:
        return None
    row = {n: value_of(n, t) for n, t in zip(COMBINED_NAMES, found.groups(), strict=True)}
    row["time"] = row["event_time"] = clf(row["time"])
    for name in ("request", "http_referer", "user_agent"):
        row[name] = unescaped(row[name]) if row[name] else row[name]
    row["body_bytes_sent"] = row["bytes_sent"] = row["body_bytes_sent"] or 0
    row["method"], url, row["server_protocol"] = cut(row["request"])
    row["host"], row["path"], row["query"] = cut_url(url)
    identity = row.pop("identity")
    row["extra"] = {"%l": identity} if identity else None
    return row


def cloudfront(names: list[str]) -> Callable[[str], Row | None]:
    """The reader of lines whose fields have these names, as a #Fields header has them."""
    columns = [re.sub(r"[()-]+", "_", name).strip("_").lower() for name in names]

    def read(line: str) -> Row | None:
        texts = line.split("\t")
        if len(texts) != len(columns):
            return None
        row = {n: value_of(n, t) for n, t in zip(columns, texts, strict=True)}
        row["time"] = row["event_time"] = iso(f"{row.pop('date')}T{row['time']}Z")
        for name in ENCODED & row.keys():
            row[name] = unquote(row[name], errors="strict") if row[name] else row[name]
        row["duration_ms"] = round(row["time_taken"] * 1000, 3)
        return row

    return read


RESOLVER_NAMES = (
    *("version", "account_id", "region", "vpc_id", "query_timestamp", "query_name", "query_type"),
    *("query_class", "rcode", "srcaddr", "srcport", "transport", "firewall_rule_action"),
    *("firewall_rule_group_id", "firewall_domain_list_id"),
)


RESOLVER_SOURCES = {
    "instance_id": "instance",
    "resolver_endpoint": "resolver_endpoint",
    "resolver_network_interface": "resolver_network_interface",
}
WAF_NAMES = {
    "timestamp": "timestamp",
    "format_version": "formatVersion",
    "webacl_id": "webaclId",
    "terminating_rule_id": "terminatingRuleId",
    "terminating_rule_type": "terminatingRuleType",
    "action": "action",
    "http_source_name": "httpSourceName",
    "http_source_id": "httpSourceId",
    "ja3_fingerprint": "ja3Fingerprint",
    "ja4_fingerprint": "ja4Fingerprint",
    "request_body_size": "requestBodySize",
}
WAF_REQUEST = {
    "client_ip": "clientIp",
    "country": "country",
    "method": "httpMethod",
    "path": "uri",
    "query": "args",
    "http_version": "httpVersion",
    "scheme": "scheme",
    "request_id": "requestId",
}
WAF_HEADERS = {"host": "host", "user_agent": "user-agent", "referer": "referer"}
API_NAMES = {
    "request_id": "requestId",
    "source_ip": "ip",
    "caller": "caller",
    "user": "user",
    "request_time": "requestTime",
    "method": "httpMethod",
    "resource_path": "resourcePath",
    "status": "status",
    "protocol": "protocol",
    "response_length": "responseLength",
}
Finish = Callable[[Row], Row]


def resolver(line: str) -> Row | None:
    found = json.loads(line)
    row: Row = {name: found.pop(name, None) for name in RESOLVER_NAMES}
    answers, sources = found.pop("answers", None) or [], found.pop("srcids", None) or {}
    row["answers"] = ", ".join(each["Rdata"] for each in answers) or None
    row["answer_types"] = ", ".join(each["Type"] for each in answers) or None
    for name, key in RESOLVER_SOURCES.items():
        row[name] = sources.get(key)
    row["extra"] = {name: value for name, value in found.items() if type(value) is str} or None
    return asked(row)


def asked(row: Row) -> Row:
    row["srcport"] = int(row["srcport"])
    row["query_timestamp"] = row["event_time"] = iso(row["query_timestamp"])
    return row


def waf(line: str) -> Row | None:
    found = json.loads(line)
    request = found["httpRequest"]
    row: Row = {name: found.get(key) for name, key in WAF_NAMES.items()}
    row |= {name: request.get(key) for name, key in WAF_REQUEST.items()}
    row["labels"] = ",".join(each["name"] for each in found.get("labels") or []) or None
    matching = found.get("nonTerminatingMatchingRules") or []
    row["non_terminating_rules"] = ",".join(each["ruleId"] for each in matching) or None
    headers: dict[str, str] = {}
    for each in request.get("headers") or []:
        headers.setdefault(each["name"].lower(), each["value"])
    for name, key in WAF_HEADERS.items():
        row[name] = headers.get(key)
    return seen(row)


def seen(row: Row) -> Row:
    row["timestamp"] = row["event_time"] = int(row["timestamp"])
    row["format_version"] = str(row["format_version"])
    row["query"] = row["query"] or None
    return {name: None if value == "-" else value for name, value in row.items()}


def api_gateway(line: str) -> Row | None:
    found = json.loads(line)
    return served({name: found.get(key) for name, key in API_NAMES.items()})


def served(row: Row) -> Row:
    row = {name: None if value == "-" else value for name, value in row.items()}
    for name in ("status", "response_length"):
        row[name] = int(row[name]) if row[name] is not None else None
    row["path"] = row["resource_path"]
    row["request_time"] = row["event_time"] = clf(f"[{row['request_time']}]")
    return row


CONTEXT_NAMES = {
    "httpMethod": "method",
    "authorizer.principalId": "authorizer_principal_id",
    "authorizer.latency": "authorizer_latency",
    "error.responseType": "error_response_type",
    "error.message": "error_message",
    "integration.latency": "integration_latency",
    "integration.status": "integration_status",
}
LATENCIES = ("response_latency", "integration_latency", "authorizer_latency")
COUNTS = ("status", "integration_status", "response_length", "request_time_epoch")


def flat(found: Mapping[str, Any], path: str = "") -> Row:
    """The scalars of an object by the keys that lead to them."""
    done: Row = {}
    for key, value in found.items():
        done |= flat(value, f"{path}{key}.") if type(value) is dict else {path + key: value}
    return done


def by_context(format_text: str) -> Callable[[str], Row | None]:
    """The reader of API Gateway's lines in a format of its owner."""
    names = {}
    for key, variable in flat(json.loads(format_text)).items():
        name = variable.removeprefix("$context.")
        snake = re.sub(r"([A-Z])", r"_\1", name.rpartition(".")[2]).lower()
        names[key] = CONTEXT_NAMES.get(name, snake)

    def read(line: str) -> Row | None:
        found = {key: value for key, value in flat(json.loads(line)).items() if value != "-"}
        row: Row = {names[key]: found.pop(key) for key in list(found) if key in names}
        row |= {name: float(row[name]) for name in LATENCIES if name in row}
        row |= {name: int(row[name]) for name in COUNTS if name in row}
        row["duration_ms"] = row.get("response_latency")
        return row | {"event_time": row["request_time_epoch"], "extra": found or None}

    return read


def searching(
    names: Mapping[str, str], lists: Mapping[str, tuple[str, str, str]], finish: Finish
) -> Callable[[str], Row | None]:
    """The same by a regular expression for each member, as they are written where json is slow.

    names  key of each column
    lists  of each column the key of a list, the key inside of its objects, what stands between
    """
    scalar = r'\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*))'
    found = {name: re.compile(f'"{re.escape(key)}"{scalar}') for name, key in names.items()}
    inside = {
        name: (
            re.compile(rf'"{key}"\s*:\s*\[([^\]]*)\]'),
            re.compile(f'"{inner}"{scalar}'),
            between,
        )
        for name, (key, inner, between) in lists.items()
    }

    def read(line: str) -> Row | None:
        row: Row = {}
        for name, pattern in found.items():
            match = pattern.search(line)
            text = (match[1] if match[1] is not None else match[2]) if match else None
            row[name] = json.loads(f'"{text}"') if text is not None and "\\" in text else text
        for name, (whole, each, between) in inside.items():
            match = whole.search(line)
            texts = [a or b for a, b in each.findall(match[1])] if match else []
            row[name] = between.join(texts) or None
        return finish(row)

    return read


resolver_searching = searching(
    {name: name for name in RESOLVER_NAMES} | RESOLVER_SOURCES,
    {"answers": ("answers", "Rdata", ", "), "answer_types": ("answers", "Type", ", ")},
    asked,
)
api_gateway_searching = searching(API_NAMES, {}, served)


def waf_searching(line: str) -> Row | None:
    row = _waf_scalars(line)
    if row is None:
        return None
    for name, key in WAF_HEADERS.items():
        found = WAF_HEADER[key].search(line)
        row[name] = found[1] if found else None
    return row


_waf_scalars = searching(
    WAF_NAMES | WAF_REQUEST,
    {
        "labels": ("labels", "name", ","),
        "non_terminating_rules": ("nonTerminatingMatchingRules", "ruleId", ","),
    },
    seen,
)
WAF_HEADER = {
    key: re.compile(rf'"name"\s*:\s*"{key}"\s*,\s*"value"\s*:\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
    for key in WAF_HEADERS.values()
}
