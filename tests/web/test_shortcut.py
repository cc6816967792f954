"""What goes past FastAPI is held to the rules of all that does not."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Limits
from pipeline.stream.intake import Intake, Retention
from pipeline.web.app import app_of
from pipeline.web.bodies import Budget
from pipeline.web.state import CompactionState, ServerState, WorkerState
from tests.web.serving import Served

POST = b"POST /v1/views HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
VIEW = b'{"path": "/a"}'


def answer(served: Served, request: bytes) -> bytes:
    """All that is answered to a request whose connection ends with it."""
    with served.connect(request) as client, client.makefile("rb") as said:
        return said.read()


def chunked(*chunks: bytes) -> bytes:
    parts = (b"%x\r\n%b\r\n" % (len(each), each) for each in (*chunks, b""))
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (chunked(VIEW[:5], VIEW[5:]), b"204"),
        (chunked(VIEW, b" " * 8_192), b"413"),
        (chunked(VIEW[:5]), b"400"),
        (POST + b"Content-Length: 8193\r\n\r\n", b"413"),
        (POST + b"Content-Length: 14\r\nContent-Type: image/png\r\n\r\n" + VIEW, b"415"),
        (POST + b"Content-Length: 14\r\nExpect: 100-continue\r\n\r\n" + VIEW, b"100"),
        (POST + b"Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n" + VIEW, b"400"),
    ],
    ids=["in chunks", "too long", "cut", "says too long", "type", "asks first", "two lengths"],
)
def test_a_view_is_taken_however_it_is_sent_and_no_other(
    served: Served, request_: bytes, status: bytes
) -> None:
    assert answer(served, request_).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/views", "POST"),
        ("GET", "/v1/views", "POST"),
        ("HEAD", "/v1/views", "POST"),
        ("POST", "/v1/pixel.gif", "GET"),
    ],
)
def test_another_method_is_refused_as_everywhere(
    served: Served, method: str, path: str, allowed: str
) -> None:
    with served.client() as client:
        response = client.request(method, path)
    assert response.status_code == 405
    assert allowed in response.headers["allow"]


@pytest.mark.parametrize("call", [("POST", "/v1/views"), ("GET", "/v1/pixel.gif?path=/a")])
def test_a_foreign_host_is_refused_and_every_answer_is_guarded(
    served: Served, call: tuple[str, str]
) -> None:
    with served.client() as client:
        refused = client.request(*call, content=VIEW, headers={"host": "evil.example"})
        taken = client.request(*call, content=VIEW)
    assert (refused.status_code, taken.status_code // 100) == (403, 2)
    for response in refused, taken:
        assert response.headers["x-content-type-options"] == "nosniff"
    assert taken.headers["access-control-allow-origin"] == "*"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ServerState]:
    """A server without its threads but for the intake."""
    intake = Intake(tmp_path, Retention(1 << 30, 24))
    intake.start()
    yield ServerState(tmp_path, Limits(), intake, lambda: WorkerState("running"), CompactionState)
    assert intake.close()


def called(state: ServerState, *messages: dict[str, Any]) -> tuple[int, Any]:
    """Status and content of the answer to a POST that comes in so many pieces."""
    scope = {"type": "http", "method": "POST", "path": "/v1/views", "headers": []}
    left, sent = list(messages), list[Any]()

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await asyncio.sleep(60, {})

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await app_of(state, None)(scope, receive, send)

    try:
        asyncio.run(run())
    finally:
        assert sent[0]["type"] == "http.response.start"
    return sent[0]["status"], json.loads(sent[1]["body"] or b"null")


def piece(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_who_sends_too_slowly_is_told(state: ServerState) -> None:
    state.budget = Budget(silence_s=0.1)
    status, said = called(state, piece(VIEW[:5], True))
    assert (status, said["error"]["what"]) == (408, "the body came too slowly")


def test_who_goes_in_the_middle_leaves_nothing(state: ServerState) -> None:
    before = state.budget.left
    status, said = called(state, piece(VIEW[:5], True), {"type": "http.disconnect"})
    assert (status, said["error"]["what"]) == (400, "the body broke off")
    assert state.budget.left == before


def test_a_log_that_takes_nothing_is_told(state: ServerState) -> None:
    assert state.intake.close()
    status, said = called(state, piece(VIEW))
    assert (status, said["error"]["what"]) == (503, "the server is ending")


def test_a_defect_is_answered_as_every_defect(state: ServerState) -> None:
    state.visitor_key = "no bytes"  # type: ignore[assignment]
    answered: list[Any] = []

    async def send(message: Any) -> None:
        answered.append(message)

    async def receive() -> dict[str, Any]:
        return piece(VIEW)

    scope = {"type": "http", "method": "POST", "path": "/v1/views", "headers": []}
    # It is raised once it is answered: the server's log has the traceback.
    with pytest.raises(TypeError, match="bytes-like"):
        asyncio.run(app_of(state, None)(scope, receive, send))  # type: ignore[arg-type]
    assert answered[0]["status"] == 500
    assert "a defect of Tailrace" in json.loads(answered[1]["body"])["error"]["what"]
