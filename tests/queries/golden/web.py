"""A home of a small site's access logs: a load balancer, CloudFront, a firewall, DNS; and what is
asked. The window is 14:00 to 15:00."""

import json
from pathlib import Path

from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, moment

# time, client, target, times of request, target and answer, statuses, bytes sent, request
ALB_LINES = (
    ("14:00:01", "192.0.2.1:4001", "10.0.1.5:80", "0.001 0.100 0.000", "200 200", 900, "/a"),
    ("14:00:02", "192.0.2.1:4002", "10.0.1.5:80", "0.001 0.200 0.000", "200 200", 900, "/a?x=1"),
    ("14:01:00", "192.0.2.2:4003", "10.0.1.6:80", "0.001 0.050 0.000", "500 500", 100, "/a"),
    ("14:06:00", "192.0.2.2:4004", "10.0.1.6:80", "0.002 0.060 0.000", "502 -", 120, "/a"),
    ("14:07:00", "192.0.2.1:4005", "-", "-1 -1 -1", "503 -", 130, "/b"),
    ("14:08:00", "192.0.2.3:4006", "10.0.1.5:80", "0.000 0.010 0.000", "404 404", 50, "/c"),
    ("13:59:59", "192.0.2.9:4007", "10.0.1.5:80", "0.000 9.000 0.000", "500 500", 7, "/early"),
)
# When requests came that no target answered.
BEGUN = {"/b": "14:06:50"}
EDGE_LINES = (
    ("14:10:00", "FRA1", 1000, "198.51.100.1", "/a", 200, "Hit", "0.002"),
    ("14:10:01", "FRA1", 3000, "198.51.100.1", "/big.png", 200, "Miss", "0.500"),
    ("14:10:02", "LHR2", 3000, "198.51.100.2", "/big.png", 200, "Miss", "0.700"),
    ("14:11:00", "LHR2", 3000, "198.51.100.2", "/big.png", 304, "RefreshHit", "0.020"),
    ("14:12:00", "LHR2", 0, "198.51.100.3", "/a", 502, "Error", "0.100"),
)
EDGE_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-uri-stem sc-status x-edge-result-type time-taken"
    " cs-method x-host-header"
)
WAF_LINES = (
    ("14:20:00", "BLOCK", "bad-bots", [], "198.51.100.7", "DE", "/login"),
    ("14:20:01", "BLOCK", "bad-bots", [], "198.51.100.8", "FR", "/admin"),
    # A rule of a group that only counted.
    ("14:20:02", "BLOCK", "bad-bots", [("AWS#Common", "Size")], "198.51.100.7", "DE", "/login"),
    ("14:21:00", "BLOCK", "managed", [("AWS#Common", "NoUserAgent")], "198.51.100.7", "DE", "/a"),
    ("14:22:00", "ALLOW", "Default_Action", [], "192.0.2.1", "DE", "/a"),
    ("14:23:00", "CAPTCHA", "bad-bots", [], "198.51.100.7", "DE", "/login"),
)
DNS_LINES = (
    ("14:30:00", "db.heron.example.", "10.0.1.5", "NOERROR", ["10.0.2.9"], None),
    ("14:30:05", "DB.heron.example.", "10.0.1.6", "NOERROR", ["10.0.2.9"], None),
    ("14:31:00", "gone.example.", "10.0.1.5", "NXDOMAIN", [], None),
    ("14:32:00", "bad.example.", "10.0.1.5", "NOERROR", [], "BLOCK"),
)


def _alb(time: str, client: str, target: str, times: str, codes: str, sent: int, path: str) -> str:
    return (
        f"https 2026-11-25T{time}.000000Z app/web/0 {client} {target} {times} {codes} 10 {sent}"
        f' "GET https://heron.example:443{path} HTTP/1.1" "curl/8" - - arn:t "Root=1" "-" "-" 0'
        f' 2026-11-25T{BEGUN.get(path, time)}.000000Z "forward" "-" "-" "{target}" "-" "-" "-"'
    )


def _edge(
    time: str, edge: str, sent: int, client: str, path: str, status: int, result: str, took: str
) -> str:
    values = ("2026-11-25", time, edge, sent, client, path, status, result, took, "GET")
    return "\t".join(map(str, (*values, "heron.example")))


def _waf(
    time: str,
    action: str,
    rule: str,
    groups: list[tuple[str, str]],
    client: str,
    country: str,
    path: str,
) -> str:
    return json.dumps(
        {
            "timestamp": int(moment(f"2026-11-25T{time}").timestamp() * 1000),
            "action": action,
            "terminatingRuleId": rule,
            "terminatingRuleType": "MANAGED_RULE_GROUP" if rule == "managed" else "REGULAR",
            "ruleGroupList": [
                {"ruleGroupId": group, "terminatingRule": {"ruleId": inner}}
                for group, inner in groups
            ],
            "httpRequest": {"clientIp": client, "country": country, "uri": path},
        }
    )


def _dns(
    time: str, name: str, source: str, rcode: str, answers: list[str], action: str | None
) -> str:
    found = {
        "query_timestamp": f"2026-11-25T{time}Z",
        "query_name": name,
        "rcode": rcode,
        "answers": [{"Rdata": each, "Type": "A", "Class": "IN"} for each in answers],
        "srcaddr": source,
        "srcport": "5353",
    }
    return json.dumps(found | ({"firewall_rule_action": action} if action else {}))


def make(folder: Path) -> None:
    """Fill a home with the lines above, one record a source."""
    for source, lines, formats in (
        ("alb", [_alb(*line) for line in ALB_LINES], ()),
        ("cloudfront", [_edge(*line) for line in EDGE_LINES], (EDGE_FIELDS,)),
        ("waf", [_waf(*line) for line in WAF_LINES], ()),
        ("resolver", [_dns(*line) for line in DNS_LINES], ()),
    ):
        bring(
            folder, lines, identity=source, arrival="2026-11-25T15:00", source=source,
            formats=formats,
        )  # fmt: skip


HOST, ELB, EDGE = "heron.example", "app/web/0", "cloudfront"
GOLDEN: Golden = {
    "web_errors": (
        (HOST, "/a", "alb", 2, 4, 0.5, "500, 502", at("14:01:00"), at("14:06:00")),
        (HOST, "/a", "cloudfront", 1, 2, 0.5, "502", at("14:12:00"), at("14:12:00")),
        (HOST, "/b", "alb", 1, 1, 1.0, "503", at("14:07:00"), at("14:07:00")),
    ),
    "target_errors": (
        (ELB, "10.0.1.6:80", "/a", 2, 1, 1, 2, 1.0, None, at("14:01:00"), at("14:06:00")),
        (ELB, None, "/b", 1, 0, 1, 1, 1.0, None, at("14:07:00"), at("14:07:00")),
    ),
    # /b reached no target: its time is that from its creation.
    "web_latency": (
        (HOST, "/b", "alb", 1, 10000.0, 10000.0, 10000.0, 10000.0, 10000.0),
        (HOST, "/big.png", "cloudfront", 3, 500.0, 700.0, 700.0, 700.0, 1220.0),
        (HOST, "/a", "alb", 4, 62.0, 201.0, 201.0, 201.0, 415.0),
        (HOST, "/a", "cloudfront", 2, 2.0, 100.0, 100.0, 100.0, 102.0),
        (HOST, "/c", "alb", 1, 10.0, 10.0, 10.0, 10.0, 10.0),
    ),
    "web_statuses": (
        (at("14:00:00"), "alb", 3, 2, 0, 0, 1, 0, 1900),
        (at("14:05:00"), "alb", 3, 0, 0, 1, 2, 0, 300),
        (at("14:10:00"), "cloudfront", 5, 3, 1, 0, 1, 0, 10000),
    ),
    "web_clients": (
        ("192.0.2.1", "alb", 3, 1930, 2, 1, 1, "curl/8", 3 / 6, at("14:00:01"), at("14:07:00")),
        ("192.0.2.2", "alb", 2, 220, 1, 2, 1, "curl/8", 2 / 6, at("14:01:00"), at("14:06:00")),
        ("198.51.100.1", EDGE, 2, 4000, 2, 0, 0, None, 0.4, at("14:10:00"), at("14:10:01")),
        ("198.51.100.2", EDGE, 2, 6000, 1, 0, 0, None, 0.4, at("14:10:02"), at("14:11:00")),
        ("192.0.2.3", "alb", 1, 50, 1, 1, 1, "curl/8", 1 / 6, at("14:08:00"), at("14:08:00")),
        ("198.51.100.3", EDGE, 1, 0, 1, 1, 0, None, 0.2, at("14:12:00"), at("14:12:00")),
    ),
    # Of hits and misses: an error is neither.
    "edge_locations": (
        ("LHR2", 3, 6000, 0.5, 0.6),
        ("FRA1", 2, 4000, 0.5, 0.4),
    ),
    "cache_hits": (
        (HOST, "/big.png", 3, 1, 2, 0, 0, 1 / 3, 6000),
        (HOST, "/a", 2, 1, 0, 1, 0, 1.0, 0),
    ),
    "waf_blocked": (
        ("bad-bots", "BLOCK", 3, 2, 2, "/login", at("14:20:00"), at("14:20:02")),
        ("AWS#Common/NoUserAgent", "BLOCK", 1, 1, 1, "/a", at("14:21:00"), at("14:21:00")),
        ("bad-bots", "CAPTCHA", 1, 1, 1, "/login", at("14:23:00"), at("14:23:00")),
    ),
    "resolved_names": (
        ("db.heron.example", 2, 2, 0, 0, "10.0.2.9", at("14:30:00"), at("14:30:05")),
        ("bad.example", 1, 1, 0, 1, None, at("14:32:00"), at("14:32:00")),
        ("gone.example", 1, 1, 1, 0, None, at("14:31:00"), at("14:31:00")),
    ),
}
