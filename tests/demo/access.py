"""Reads the demo's access log lines strictly, without the product's parser."""

import re
from ipaddress import ip_address

FIELDS = (
    *("type", "time", "elb", "client", "target"),
    *("request_processing_time", "target_processing_time", "response_processing_time"),
    *("elb_status_code", "target_status_code", "received_bytes", "sent_bytes"),
    *("request", "user_agent", "ssl_cipher", "ssl_protocol", "target_group_arn", "trace_id"),
    *("domain_name", "chosen_cert_arn", "matched_rule_priority", "request_creation_time"),
    *("actions_executed", "redirect_url", "error_reason", "target_port_list"),
    *("target_status_code_list", "classification", "classification_reason", "conn_trace_id"),
    *("transformed_host", "transformed_uri", "request_transform_status", "ip_address"),
)


def tokens(line: str) -> list[str]:
    """The fields of a line, quotes taken away."""
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]


def endpoint(text: str) -> tuple[str, int]:
    """Address and port; raises ValueError."""
    address, _, port = text.rpartition(":")
    return str(ip_address(address)), int(port)


def outcome(line: str) -> str:
    """A strict reader's verdict: "row" or the reason of a reject."""
    if re.search(r"[\x00-\x1f\x7f]", line):
        return "control_char"
    fields = dict(zip(FIELDS, found, strict=True)) if len(found := tokens(line)) == 34 else {}
    if not fields:
        return "field_count"
    try:
        endpoint(fields["client"])
    except ValueError:
        return "address"
    if not fields["elb_status_code"].isdigit():
        return "type"
    return "row" if 100 <= int(fields["elb_status_code"]) <= 599 else "range"
