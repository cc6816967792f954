"""Lines of access logs, made up: one site, its CDN, its firewall, its names."""

import json
import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

AGENTS = [
    f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0"
    for n in range(90, 130)
]
EDGE_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    " cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header"
    " cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher"
    " x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port"
    " time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start"
    " sc-range-end"
)
EDGES = ("FRA1-C1", "LHR2-P3", "SEA19-C1")
Dice = random.Random
Make = Callable[[Dice, datetime], str]


def _path(dice: Dice) -> str:
    number = int(dice.paretovariate(0.8)) % 3_000
    return f"/shop/{number % 40}/item-{number}" + (f"?page={number % 9}" if number % 3 else "")


def _clf(moment: datetime) -> str:
    return f"{moment:%d/%b/%Y:%H:%M:%S}"


def _status(dice: Dice) -> int:
    return dice.choice((*(200,) * 12, 301, 304, 404, 500, 503))


def _client(dice: Dice) -> str:
    return f"192.0.{dice.randrange(4)}.{dice.randrange(256)}"


def alb(dice: Dice, moment: datetime) -> str:
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{dice.randrange(10**6):06}Z"
    target = f"10.0.1.{dice.randrange(6)}:80"
    times = " ".join(f"{dice.randrange(300) / 1000:.3f}" for _ in range(3))
    status = _status(dice)
    code = "-" if status == 503 else str(status)
    return (
        f"https {stamp} app/web/50dc6c495c0c9188 {_client(dice)}:{dice.randrange(1024, 65536)}"
        f" {target} {times} {status} {code} {dice.randrange(90, 900)} {dice.randrange(50_000)}"
        f' "GET https://www.heron.example:443{_path(dice)} HTTP/2.0" "{dice.choice(AGENTS)}"'
        " TLS_AES_128_GCM_SHA256 TLSv1.3 arn:aws:elasticloadbalancing:eu-central-1:111122223333"
        f':targetgroup/web/73e2d6bc24d8a067 "Root=1-58337262-{dice.getrandbits(96):024x}"'
        f' "www.heron.example" "session-reused" 1 {stamp} "forward" "-" "-" "{target}" "{code}"'
        f' "-" "-" TID_{dice.getrandbits(128):032x} "-" "-" "-" 10.0.0.9'
    )


def nlb(dice: Dice, moment: datetime) -> str:
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}"
    return (
        f"tls 2.0 {stamp} net/web/c6e77e28c25b2234 g3d4b5e8bb8464cd"
        f" {_client(dice)}:{dice.randrange(1024, 65536)} 10.0.0.9:443 {dice.randrange(9000)}"
        f" {dice.randrange(90)} {dice.randrange(9000)} {dice.randrange(90_000)} -"
        " arn:aws:acm:eu-central-1:111122223333:certificate/2a108f19-aded-46b0-8493-c63eb1ef4a99"
        f" - TLS_AES_128_GCM_SHA256 tlsv13 x25519 www.heron.example h2 h2"
        f' "h2","http/1.1" {stamp}'
    )


def cloudfront(dice: Dice, moment: datetime) -> str:
    path, _, query = _path(dice).partition("?")
    agent = dice.choice(AGENTS).replace(" ", "%20")
    took = f"{dice.randrange(900) / 1000:.3f}"
    result = dice.choice(("Hit", "Hit", "Hit", "Miss"))
    return "\t".join(
        (
            *(f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}", dice.choice(EDGES)),
            *(str(dice.randrange(90_000)), _client(dice), "GET", "d1.cloudfront.net", path),
            str(_status(dice)),
            *("-", agent, query or "-", "-", result, f"{dice.getrandbits(160):040x}=="),
            *("www.heron.example", "https", str(dice.randrange(40, 900)), took, "-", "TLSv1.3"),
            *("TLS_AES_128_GCM_SHA256", result, "HTTP/2.0", "-", "-"),
            *(str(dice.randrange(1024, 65536)), took, result, "text/html", "-", "-", "-"),
        )
    )


def s3_access(dice: Dice, moment: datetime) -> str:
    key = _path(dice).partition("?")[0][1:]
    return (
        f"{'79a59df9' * 8} heron-assets [{_clf(moment)} +0000] {_client(dice)}"
        f" arn:aws:iam::111122223333:user/web {dice.getrandbits(64):016X} REST.GET.OBJECT {key}"
        f' "GET /{key} HTTP/1.1" {_status(dice)} - {dice.randrange(90_000)}'
        f" {dice.randrange(90_000)} {dice.randrange(200)} {dice.randrange(100)}"
        f' "-" "{dice.choice(AGENTS)}" -'
        f" {dice.getrandbits(200):050x}= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader"
        " heron-assets.s3.eu-central-1.amazonaws.com TLSv1.3 - - eu-central-1"
    )


def http_access(dice: Dice, moment: datetime) -> str:
    return (
        f"{_client(dice)} - - [{_clf(moment)} +0100] "
        f'"GET {_path(dice)} HTTP/1.1" {_status(dice)} {dice.randrange(90_000)}'
        f' "https://www.heron.example/" "{dice.choice(AGENTS)}"'
    )


def resolver(dice: Dice, moment: datetime) -> str:
    rcode = dice.choice(("NOERROR", "NOERROR", "NXDOMAIN"))
    return (
        '{"version":"1.100000","account_id":"111122223333","region":"eu-central-1",'
        f'"vpc_id":"vpc-0a51c0de77e1f20b4","query_timestamp":"{moment:%Y-%m-%dT%H:%M:%S}Z",'
        f'"query_name":"db-{dice.randrange(400)}.heron.example.","query_type":"A",'
        f'"query_class":"IN","rcode":"{rcode}","answers":[{{"Rdata":'
        f'"10.0.2.{dice.randrange(256)}","Type":"A","Class":"IN"}}],'
        f'"srcaddr":"10.0.1.{dice.randrange(256)}","srcport":"{dice.randrange(1024, 65536)}",'
        '"transport":"UDP","srcids":{"instance":"i-0d15cd0d3example"}}'
    )


def page_view(dice: Dice, moment: datetime) -> str:
    path = _path(dice).partition("?")[0]
    agent = dice.randrange(len(AGENTS))
    at_ms = int(moment.timestamp() * 1000)
    return json.dumps(
        {
            "path": path,
            "event_id": str(UUID(int=dice.getrandbits(128), version=4)),
            "ts": at_ms,
            "title": f"Heron: {path.rpartition('/')[2]}",
            "referrer": dice.choice(
                ("", "https://search.example.com/", "https://www.heron.example/")
            ),
            "session": str(UUID(int=dice.randrange(2_000), version=4)),
            "viewport": dice.choice(("1280x720", "1920x1080", "390x844")),
            "server": {
                "at": at_ms + dice.randrange(400),
                "visitor": f"{dice.randrange(2_000) * 0x9E3779B97F4A7C15 % 2**64:016x}",
                "user_agent": AGENTS[agent],
                "country": None,
            },
        },
        separators=(",", ":"),
    )


def waf(dice: Dice, moment: datetime) -> str:
    path, _, query = _path(dice).partition("?")
    blocked = dice.random() < 0.1
    return json.dumps(
        {
            "timestamp": int(moment.timestamp() * 1000),
            "formatVersion": 1,
            "webaclId": "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/web/0f1e",
            "terminatingRuleId": "bad-bots" if blocked else "Default_Action",
            "terminatingRuleType": "REGULAR",
            "action": "BLOCK" if blocked else "ALLOW",
            "terminatingRuleMatchDetails": [],
            "httpSourceName": "ALB",
            "httpSourceId": "111122223333-app/web/50dc6c495c0c9188",
            "ruleGroupList": [],
            "rateBasedRuleList": [],
            "nonTerminatingMatchingRules": [{"ruleId": "count-all", "action": "COUNT"}],
            "requestHeadersInserted": None,
            "responseCodeSent": None,
            "httpRequest": {
                "clientIp": _client(dice),
                "country": dice.choice(("DE", "FR", "US")),
                "headers": [
                    {"name": "Host", "value": "www.heron.example"},
                    {"name": "User-Agent", "value": dice.choice(AGENTS)},
                    {"name": "Accept", "value": "*/*"},
                ],
                "uri": path,
                "args": query,
                "httpVersion": "HTTP/2.0",
                "httpMethod": "GET",
                "requestId": f"1-58337262-{dice.getrandbits(96):024x}",
            },
            "labels": [{"name": "awswaf:managed:token:absent"}],
        },
        separators=(",", ":"),
    )


def api_gateway(dice: Dice, moment: datetime) -> str:
    return json.dumps(
        {
            "requestId": f"{dice.getrandbits(128):032x}",
            "ip": _client(dice),
            "caller": "-",
            "user": "-",
            "requestTime": f"{_clf(moment)} +0000",
            "httpMethod": "GET",
            "resourcePath": f"/v1/items/{int(dice.paretovariate(0.8)) % 3_000}",
            "status": str(_status(dice)),
            "protocol": "HTTP/1.1",
            "responseLength": str(dice.randrange(9_000)),
        },
        separators=(",", ":"),
    )
