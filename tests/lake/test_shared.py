"""The shared views: a request means the same there, whichever source has logged it."""

from datetime import datetime
from typing import Any

import pytest

from pipeline.lake.shared import shared_views
from pipeline.queries import run
from pipeline.sources import all_sources
from tests.queries.homes import bring, moment

EDGE = (
    "date time x-edge-location sc-bytes c-ip cs-method x-host-header cs-uri-stem sc-status"
    " cs(User-Agent) cs-uri-query time-taken"
)
API = (
    '{"at":"$context.requestTimeEpoch","ip":"$context.identity.sourceIp","verb":'
    '"$context.httpMethod","path":"$context.path","status":"$context.status","bytes":'
    '"$context.responseLength","ms":"$context.responseLatency","host":"$context.domainName",'
    '"agent":"$context.identity.userAgent"}'
)
SERVER = (
    '$remote_addr [$time_local] "$request" $status $bytes_sent $request_time "$http_user_agent"'
    " $http_host"
)
# One request: POST /buy?n=2 of 192.0.2.7 to shop.example, answered 503 in 1,250 ms, 321 bytes.
LINES = {
    "alb": (
        "https 2026-11-25T14:00:00.000000Z app/web/0 192.0.2.7:4001 10.0.1.5:80 0.001 1.249 0.000"
        ' 503 503 99 321 "POST https://shop.example:443/buy?n=2 HTTP/1.1" "curl/8" - - arn:t'
        ' "Root=1" "shop.example" "-" 0 2026-11-25T13:59:58.750000Z "forward" "-" "-"'
        ' "10.0.1.5:80" "503" "-" "-"',
        (),
    ),
    "cloudfront": (
        "2026-11-25\t14:00:00\tFRA1\t321\t192.0.2.7\tPOST\tshop.example\t/buy\t503\tcurl/8"
        "\tn=2\t1.250",
        (EDGE,),
    ),
    "s3-access": (
        "o bucket [25/Nov/2026:14:00:00 +0000] 192.0.2.7 - R REST.POST.OBJECT buy"
        ' "POST /buy?n=2 HTTP/1.1" 503 SlowDown 321 - 1250 30 "-" "curl/8" - host= SigV4 - -'
        " shop.example TLSv1.3 - -",
        (),
    ),
    "http-access": (
        '192.0.2.7 [25/Nov/2026:14:00:00 +0000] "POST /buy?n=2 HTTP/1.1" 503 321 1.250 "curl/8"'
        " shop.example:8080",
        (SERVER,),
    ),
    "api-gateway": (
        '{"at":"1795615200000","ip":"192.0.2.7","verb":"POST","path":"/buy","status":"503",'
        '"bytes":"321","ms":"1250","host":"shop.example","agent":"curl/8"}',
        (API,),
    ),
}
SQL = (
    "SELECT event_time, source, method, path, query, status, duration_ms, bytes_sent, client_addr,"
    " user_agent, host FROM http_request"
)


def asked(home: Any) -> list[tuple[Any, ...]]:
    found = run(sql=SQL, home=home, now=moment("2026-11-25T15:00")).table
    return [tuple(row.values()) for row in found.to_pylist()]


def test_every_source_of_web_requests_is_shown_here() -> None:
    known = {source.name for source in all_sources().values() if source.request is not None}
    assert known == LINES.keys()
    (view,) = shared_views().values()
    assert view.table.name == "http_request"


@pytest.mark.parametrize("source", sorted(LINES.keys()))
def test_a_request_means_the_same_whoever_logged_it(source: str, tmp_path: Any) -> None:
    line, formats = LINES[source]
    bring(
        tmp_path, [line], identity=source, arrival="2026-11-25T15:00", source=source,
        formats=formats,
    )  # fmt: skip
    # API Gateway has no variable for what is behind the ?.
    query = None if source == "api-gateway" else "n=2"
    assert asked(tmp_path) == [
        (
            *(datetime(2026, 11, 25, 14), source, "POST", "/buy", query, 503),
            *(1250.0, 321, "192.0.2.7", "curl/8", "shop.example"),
        )
    ]
