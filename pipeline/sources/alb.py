"""Access logs of Application Load Balancers: one line a request, or a WebSocket when it closes.

Columns are named as in the table that the Athena User Guide makes for these logs.

Source: Elastic Load Balancing, "Access logs for your Application Load Balancer"; fields 31-34 came
in 2025 and 2026. How quotes and other bytes are escaped is not documented there: as nginx does.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reading.fields import (
    PORT,
    STATUS,
    address,
    decimal,
    endpoint,
    moment,
    quoted,
    small,
    text,
    whole,
)
from pipeline.reading.web_lines import AccessLog, Columns
from pipeline.reading.web_requests import (
    DURATION_MS,
    HOST,
    PATH,
    QUERY,
    USER_AGENT,
    cut_endpoint,
    cut_request,
    cut_url,
)
from pipeline.schema import Field, Range, declare
from pipeline.sources.source import Source

TIMES = ("request_processing_time", "target_processing_time", "response_processing_time")
# Lines of 2016, before the fields of rules.
REQUIRED = 17
WEBSOCKETS = ("ws", "wss")


def _seconds(name: str, doc: str) -> Field:
    return decimal(name, f"{doc}; -1 when that did not happen.", "seconds")


# In the order of a line.
FIELDS = (
    text("type", "http, https, h2, grpcs, ws or wss."),
    moment("time", "When the answer was made, or the WebSocket closed, UTC."),
    text("elb", "Load balancer."),
    endpoint("client", "Client.", "client:port"),
    endpoint("target", "Target.", "target:port"),
    _seconds(TIMES[0], "From the request until it was sent to the target"),
    _seconds(TIMES[1], "From then until the target's headers began"),
    _seconds(TIMES[2], "From then until the answer to the client began"),
    small("elb_status_code", "Status that the client got.", STATUS),
    small("target_status_code", "Status that the target gave.", STATUS),
    whole("received_bytes", "Size of the request, headers included.", "bytes"),
    whole("sent_bytes", "Size of the answer, headers included.", "bytes"),
    quoted("request", "Request line."),
    quoted(USER_AGENT.name, USER_AGENT.doc),
    text("ssl_cipher", "Cipher of the client's connection."),
    text("ssl_protocol", "TLS version of the client's connection."),
    text("target_group_arn", "Target group, ARN."),
    quoted("trace_id", "X-Amzn-Trace-Id of the request."),
    quoted("domain_name", "Name that the client asked for in its TLS hello."),
    quoted("chosen_cert_arn", "Certificate, ARN; or session-reused."),
    small(
        "matched_rule_priority",
        "Priority of the rule that matched; 0 the default rule, -1 an error.",
        Range(-1, 10**6),
    ),
    moment("request_creation_time", "When the request came, or the WebSocket opened, UTC."),
    quoted("actions_executed", "What was done, in order."),
    quoted("redirect_url", "Where it was redirected to."),
    quoted("lambda_error_reason", "Why a rule, a Lambda or a firewall failed.", "error_reason"),
    quoted("target_port_list", "Targets tried.", "target:port_list"),
    quoted("target_status_code_list", "Statuses of the targets tried."),
    quoted("classification", "Acceptable, Ambiguous or Severe; null when it obeys RFC 7230."),
    quoted("classification_reason", "Why it was classed so."),
    text("conn_trace_id", "Connection, as in the connection log."),
    quoted("transformed_host", "Host after a rule's rewrite."),
    quoted("transformed_uri", "URI after a rule's rewrite."),
    quoted("request_transform_status", "What became of the rewrite."),
    address("ip_address", "Node of the load balancer that took the request."),
)
CUT = {
    "client": (
        address("client_ip", "Address of the client, or of a proxy in front."),
        small("client_port", "Port of the client.", PORT),
    ),
    "target": (
        address("target_ip", "Address of the target; null for a Lambda."),
        small("target_port", "Port of the target.", PORT),
    ),
    "request": (
        text("request_verb", "Method of the request."),
        text("request_url", "URL of the request, as the client sent it."),
        text("request_proto", "Protocol of the request."),
        HOST,
        PATH,
        QUERY,
    ),
}


def finish(columns: Columns) -> Columns:
    """Columns of the table: what a field holds several of is cut apart."""
    done = {name: column for name, column in columns.items() if name not in CUT}
    done |= cut_endpoint(columns["client"], "client_ip", "client_port")
    done |= cut_endpoint(columns["target"], "target_ip", "target_port")
    parts = cut_request(columns["request"])
    done |= {f"request_{name}": column for name, column in parts.items()}
    done |= cut_url(parts["url"])
    return done | {DURATION_MS.name: _duration(columns)}


def _duration(columns: Columns) -> pa.Array:
    """Milliseconds of the three times together.

    Where one did not happen, a time-out, from the request's creation until the answer.
    """
    times = [pc.if_else(pc.less(columns[name], 0), None, columns[name]) for name in TIMES]
    # To the microsecond: the log has milliseconds, and sums of doubles more.
    total = pc.add(pc.add(times[0], times[1]), times[2])
    found = pc.round(pc.multiply(total, 1000), 3)
    begun = columns.get("request_creation_time")
    if begun is None or not found.null_count:
        return found
    passed = pc.subtract(columns["time"].cast(pa.int64()), begun.cast(pa.int64()))
    # A WebSocket's time is that of its end.
    kept = pc.is_in(columns["type"].cast(pa.string()), pa.array(WEBSOCKETS))
    known = pc.and_(pc.greater_equal(passed, 0), pc.invert(kept))
    return pc.coalesce(found, pc.if_else(known, passed.cast(pa.float64()), None))


TABLE = declare(
    "alb",
    "Requests to Application Load Balancers; event_time is when the answer was made.",
    *(each for field in FIELDS for each in CUT.get(field.name, (field,))),
    DURATION_MS,
)
LOG = AccessLog(FIELDS, REQUIRED, finish)
SOURCE = Source(
    "alb",
    TABLE,
    LOG.parse,
    request={
        "method": "request_verb",
        "status": "elb_status_code",
        "bytes_sent": "sent_bytes",
        "client_addr": "client_ip",
    },
)
