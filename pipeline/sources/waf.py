"""Logs of AWS WAF: one JSON object a request that a web ACL looked at.

Source: AWS WAF Developer Guide, "Log fields for protection pack (web ACL) traffic".
"""

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reading.fields import STATUS, address, moment, small, text, whole
from pipeline.reading.json_lists import first, joined, member, objects
from pipeline.reading.json_records import Columns, JsonLog, Member
from pipeline.reading.web_requests import HOST, METHOD, PATH, QUERY, USER_AGENT, without_port
from pipeline.schema import Domain, Field, declare
from pipeline.sources.source import Source

OF_GROUPS = ("GROUP", "MANAGED_RULE_GROUP")
GROUPS = pa.list_(
    pa.struct(
        [("ruleGroupId", pa.string()), ("terminatingRule", pa.struct([("ruleId", pa.string())]))]
    )
)


def _top(field: Field) -> Member:
    return Member(field, (field.log_name,))


def _request(field: Field) -> Member:
    return Member(field, ("httpRequest", field.log_name))


def _some(values: pa.Array) -> pa.Array:
    """The values, null for the empty text that stands where a request has no query."""
    return pc.if_else(pc.equal(values, ""), None, values)


def _header(name: str, field: Field) -> Member:
    """The first header of that name; from some services alone they are in lower case."""

    def value(headers: pa.Array) -> pa.Array:
        inside = pc.list_flatten(headers)
        mine = pc.equal(pc.utf8_lower(member(inside, "name")), name)
        return first(headers, pc.if_else(mine, member(inside, "value"), None))

    return Member(field, ("httpRequest", "headers"), objects("name", "value"), value)


def _names(path: str, field: Field, *keys: str) -> Member:
    """The texts under one of these keys of each object in a list, one behind the other."""
    return Member(field, (path,), objects(*keys), partial(joined, keys=keys, between=","))


def _rule_in_group(groups: pa.Array) -> pa.Array:
    """The rule inside of a rule group that ended the evaluation."""
    inside = pc.list_flatten(groups)
    rule = member(inside, "terminatingRule", "ruleId")
    group = member(inside, "ruleGroupId").fill_null("")
    return first(groups, pc.binary_join_element_wise(group, rule, "/"))


MEMBERS = (
    _top(moment("timestamp", "When the request was looked at, UTC.", Domain.EPOCH)),
    _top(text("format_version", "Version of the entry.", "formatVersion")),
    _top(text("webacl_id", "Web ACL, ARN.", "webaclId")),
    _top(text("terminating_rule_id", "Rule that decided; or Default_Action.", "terminatingRuleId")),
    _top(text("terminating_rule_type", "Kind of that rule.", "terminatingRuleType")),
    Member(
        text("rule_in_group", "Where that rule is a group: group and rule inside of it."),
        ("ruleGroupList",),
        GROUPS,
        _rule_in_group,
    ),
    _top(text("action", "ALLOW, BLOCK, CAPTCHA or CHALLENGE.")),
    _top(text("http_source_name", "Service in front of which it stands.", "httpSourceName")),
    _top(text("http_source_id", "Resource of that service.", "httpSourceId")),
    _names(
        "nonTerminatingMatchingRules",
        text("non_terminating_rules", "Rules that matched and did not decide."),
        "ruleId",
    ),
    _names(
        "rateBasedRuleList",
        text("rate_based_rules", "Rate rules that acted."),
        "rateBasedRuleName",
        "rateBasedRuleId",
    ),
    _names("labels", text("labels", "Labels that rules have set."), "name"),
    _top(small("response_code_sent", "Status of a custom answer.", STATUS, "responseCodeSent")),
    _request(address("client_ip", "Address that the request came from.", "clientIp")),
    _request(text("country", "Country of that address.")),
    _request(text(METHOD.name, METHOD.doc, "httpMethod")),
    _request(text(PATH.name, PATH.doc, "uri")),
    Member(text(QUERY.name, QUERY.doc, "args"), ("httpRequest", "args"), finish=_some),
    _request(text("http_version", "Such as HTTP/2.0.", "httpVersion")),
    _request(text("scheme", "http or https.")),
    _request(text("request_id", "Request, as the service calls it.", "requestId")),
    _header("host", text(HOST.name, HOST.doc)),
    _header("user-agent", text(USER_AGENT.name, USER_AGENT.doc)),
    _header("referer", text("referer", "Page that the request came from.")),
    _top(text("ja3_fingerprint", "JA3 of the client's TLS hello.", "ja3Fingerprint")),
    _top(text("ja4_fingerprint", "JA4 of the client's TLS hello.", "ja4Fingerprint")),
    _top(whole("request_body_size", "Size of the body.", "bytes", "requestBodySize")),
)


def finish(columns: Columns) -> Columns:
    """Columns of the table.

    A group in which a rule only counted has a terminating rule, too: it decided nothing.
    """
    decided = pc.is_in(columns["terminating_rule_type"].cast(pa.string()), pa.array(OF_GROUPS))
    rule = columns["rule_in_group"].cast(pa.string())
    return columns | {
        "rule_in_group": pc.if_else(decided, rule, None),
        HOST.name: without_port(columns[HOST.name]),
    }


TABLE = declare(
    "waf",
    "Requests that AWS WAF looked at; event_time is when it did.",
    *(member.field for member in MEMBERS),
)
LOG = JsonLog(MEMBERS, ("timestamp",), nulls=("-",), finish=finish)
SOURCE = Source("waf", TABLE, LOG.parse)
