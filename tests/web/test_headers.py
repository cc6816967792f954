"""No header, however it is written, makes the server fail: what it cannot use it refuses."""

import json
import re
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.homes import flow
from tests.web.serving import PATIENCE_S, Served

CALLS = (
    "POST /v1/logs/vpc-flow",
    "POST /v1/logs/nothing",
    "GET /v1/health",
    "GET /v1/queries/top_talkers",
    "GET /nothing",
)
NAMES = (
    *("Host", "Origin", "Referer", "Cookie", "Accept", "Expect", "Range", "X-Forwarded-For"),
    *("Content-Type", "Content-Encoding", "Transfer-Encoding", "Idempotency-Key"),
    *("If-None-Match", "If-Modified-Since", "Authorization", "Forwarded", "TE", "Upgrade"),
)
TRICKY = (
    *("", " ", ",", ";", ":", "[", "]", "[::1", "[::1]:", "::1", "null", "*", "%", "\\", '"', "'"),
    *("http://[", "http://[::1", "http://]", "http://", "://", "http:///", "http://127.0.0.1:x"),
    *("http://\u00e9", "http://\u00ad\u2100", "localhost:99999999", "127.0.0.1", "localhost"),
    *(
        "gzip",
        "gzip, gzip",
        "br",
        "chunked",
        "identity",
        "100-continue",
        "text/plain; charset=\xff",
    ),
    *("bytes=0-", "W/", '"a', "9" * 5_000, "-1", "\xff" * 300, "a" * 10_000, "\t", "\x7f", "\x00"),
)
# None that leaves the server waiting for what never comes.
LENGTHS = ("-1", "+5", "5_0", "\u00b2", "x", "", " ", "0x5", "1e3", "5, 6", "9" * 19, "9" * 5_000)
values = st.one_of(
    st.sampled_from(TRICKY),
    # What ends a line would be another header.
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
    st.from_regex(r"https?://[\[\]:.%@/#?a-v0-9\\-]{0,12}", fullmatch=True),
)
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), min_size=1, max_size=2)


@pytest.fixture(autouse=True)
def without_a_traceback(served: Served) -> Iterator[None]:
    before = len(served.said())
    yield
    assert "Traceback" not in served.said()[before:]


def sent(served: Served, call: str, given: list[tuple[str, str]], body: bytes) -> bytes:
    """All that is answered to a request that is written byte for byte."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    named = {name.lower() for name, _ in given}
    lines = [f"{call} HTTP/1.1", *(f"{name}: {value}" for name, value in given)]
    lines += [] if "host" in named else [f"Host: {host}:{port}"]
    lines += [] if "content-length" in named else [f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, "Connection: close", "", ""])
    with socket.create_connection((host, int(port)), PATIENCE_S) as client:
        client.sendall(head.encode("latin-1", "replace") + body)
        with client.makefile("rb") as answer:
            return answer.read()


def check(answer: bytes) -> None:
    """An answer that is none of a defect, and where it is an error in the form of all errors."""
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", head)
    assert found, answer[:200]
    status = int(found[1])
    assert status < 500, answer[:300]
    if status < 400 or body == b"Invalid HTTP request received.":
        return
    (error,) = json.loads(body).values()
    assert sorted(error) == ["fix", "what", "where"]


def body_of(call: str) -> bytes:
    return flow(1) if call.startswith("POST") else b""


@pytest.mark.parametrize("name", NAMES)
def test_no_known_trick_in_a_header_is_answered_like_a_defect(served: Served, name: str) -> None:
    for call in CALLS[0], CALLS[2]:
        for value in TRICKY:
            check(sent(served, call, [(name, value)], body_of(call)))


@pytest.mark.parametrize("length", LENGTHS)
def test_no_length_that_is_none_is_answered_like_a_defect(served: Served, length: str) -> None:
    check(sent(served, CALLS[0], [("Content-Length", length)], flow(1)))


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_no_headers_are_answered_like_a_defect(served: Served, call: str) -> None:
    @given(written=headers)
    @settings(
        max_examples=100,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def search(written: list[tuple[str, str]]) -> None:
        check(sent(served, call, written, body_of(call)))

    search()


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "http://]", "http://[v1.x]", "://", "null"]
)
def test_an_origin_that_is_none_is_refused_as_a_foreign_one(served: Served, origin: str) -> None:
    response = served.post(flow(1), Origin=origin)
    assert response.status_code == 403
    assert response.json()["error"]["where"] == "in the header Origin"
