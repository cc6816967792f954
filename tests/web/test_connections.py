"""Connections that are silent, slow or without end, and floods of them."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from io import BufferedReader
from pathlib import Path

import pytest
from fastapi import Request

from pipeline.errors import DeliveryError
from pipeline.web.answers import HttpError
from pipeline.web.bodies import Budget, read
from pipeline.web.connections import (
    HEAD_BYTES,
    HEAD_S,
    QUIET_S,
    SHARE_OF_FILES,
    STALLED_S,
    Door,
    door,
)
from tests.homes import flow, numbers
from tests.web.serving import PATIENCE_S, Served, serving, until

POST = b"POST /v1/logs/app-log HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNK = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
FILES = 200


def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed a connection; what it answered before is skipped."""
    client.setblocking(False)
    try:
        while client.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.slow
@pytest.mark.fault("F29")
def test_a_connection_without_a_whole_head_is_closed(served: Served) -> None:
    with ExitStack() as open_ones:
        silent, half = (
            open_ones.enter_context(served.connect(sent)) for sent in (b"", b"GET / HTTP/1.1\r\nHo")
        )
        second = open_ones.enter_context(served.connect(GET))
        assert status_of(second) == 200
        # A byte now and then prolongs nothing; and after an answer it begins anew.
        second.sendall(b"G")
        in_use = open_ones.enter_context(served.connect())
        until(lambda: drip(in_use, second) and all(map(is_closed, (silent, half, second))))


def status_of(client: socket.socket) -> int:
    """Read one answer to its end."""
    client.settimeout(PATIENCE_S)
    answer = HTTPResponse(client)
    answer.begin()
    answer.read()
    return answer.status


def sends(client: socket.socket) -> bool:
    """Send some more, where somebody still takes it."""
    try:
        client.sendall(CHUNK)
    except OSError:
        return False
    return True


def drip(in_use: socket.socket, slow: socket.socket) -> bool:
    """Ask over one connection, send one more byte over another."""
    in_use.sendall(GET)
    assert status_of(in_use) == 200
    with suppress(OSError):
        slow.send(b"E")
    return True


@pytest.mark.slow
@pytest.mark.fault("F29")
def test_a_flood_of_connections_is_turned_away_in_one_line(tmp_path: Path) -> None:
    home, body = tmp_path / "home", flow(2)
    with serving(home, files=FILES) as running, ExitStack() as flood:
        assert running.post(flow(1)).status_code == 202
        head = POST.replace(b"app-log", b"vpc-flow") + b"Content-Length: %d\r\n\r\n" % len(body)
        early = flood.enter_context(running.connect(head + body[:1]))
        halves = [flood.enter_context(running.connect(b"G")) for _ in range(2 * FILES)]
        # All for whom there is no room: one that still comes takes the place of who was answered.
        inside = FILES // SHARE_OF_FILES - 1
        until(lambda: sum(map(is_closed, halves)) >= len(halves) - inside)
        # Who was in before and asks something is served, also by what needs files.
        early.sendall(body[1:])
        assert status_of(early) == 202
        early.sendall(GET.replace(b"health", b"queries/rejects"))
        assert status_of(early) == 200
        until(lambda: all(map(is_closed, halves)))
        assert running.post(flow(3)).status_code == 202
        running.landed()
        said = running.said()
        assert running.end() == 0
        assert said.count("too many connections") == 1
        assert "Traceback" not in said
        assert len(said.splitlines()) == 2
    assert numbers(home) == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.fault("F29")
def test_who_asks_nothing_more_makes_room_for_who_does(tmp_path: Path) -> None:
    with serving(tmp_path / "home", files=FILES) as running, ExitStack() as flood:
        idle = []
        for _ in range(FILES):
            idle.append(flood.enter_context(running.connect(GET)))
            assert status_of(idle[-1]) == 200
            if len(idle) % 50 == 0:
                assert running.post(flow(len(idle))).status_code == 202
        # Of those that are left the last one came last.
        assert is_closed(idle[0])
        assert not is_closed(idle[-1])
        assert "too many" not in running.said()
        # In a crowd nobody stays for long.
        until(lambda: all(map(is_closed, idle)), 2 * HEAD_S)


def test_a_flood_is_told_once_and_the_next_one_again() -> None:
    told: list[str] = []
    now = [0.0]
    entrance = Door(3, 1, told.append, lambda: now[0])
    for _ in range(5):
        entrance.turn_away()
        now[0] += QUIET_S / 2
    assert len(told) == 1
    now[0] += QUIET_S
    entrance.turn_away()
    assert len(told) == 2


def test_there_are_fewer_connections_than_files() -> None:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    made = door()
    assert files == resource.RLIM_INFINITY or made.most + 4 * made.at_once < files


@pytest.mark.slow
@pytest.mark.fault("F10")
def test_a_body_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "home", TAILRACE_LIMITS_BODY_BYTES="100000") as running,
        running.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n") as client,
    ):
        client.sendall(CHUNK * 2)
        # Who sends on still sees the answer, and soon that nobody listens.
        assert status_of(client) == 413
        until(lambda: not sends(client))


def test_a_connection_goes_on_after_a_body_that_was_refused_and_ended(served: Served) -> None:
    head = b"POST /v1/logs/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    with served.connect(head + b"x" * 50_000) as client:
        assert status_of(client) == 404
        client.sendall(b"x" * 50_000 + GET)
        assert status_of(client) == 200


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"GET /v1/health HTTP/1.1\r\nA: ", b"a"),
        (b"GET /v1/health HTTP/1.1\r\n", b"A: a\r\n"),
        (b"GET /", b"a"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"A: a\r\n"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    ],
    ids=["header", "headers", "path", "trailers", "chunk"],
)
def test_what_has_no_end_around_a_body_is_refused(
    served: Served, begun: bytes, more: bytes
) -> None:
    with served.connect(begun) as client:
        # More than is read at once; who closes first takes not all of it.
        with suppress(OSError):
            client.sendall(more * (8 * HEAD_BYTES // len(more)))
        # Long before the time is over that a head has, or a body.
        until(lambda: is_closed(client), HEAD_S / 2)


def test_requests_that_come_together_are_answered_in_their_order(served: Served) -> None:
    other = GET.replace(b"/v1/health", b"/nothing")
    with served.connect(GET + other + GET) as client, client.makefile("rb") as said:
        assert [one_of(said) for _ in range(3)] == [b"200", b"404", b"200"]


def one_of(said: BufferedReader) -> bytes:
    """Status of the next of several answers."""
    status = said.readline().split()[1]
    size = 0
    while line := said.readline().strip():
        name, _, text = line.partition(b": ")
        size = int(text) if name == b"content-length" else size
    assert len(said.read(size)) == size
    return status


@pytest.mark.parametrize("wish", [b"h2c", b"websocket"])
def test_who_would_rather_speak_something_else_is_answered(served: Served, wish: bytes) -> None:
    """As Java and `curl --http2` ask, each time or once."""
    head = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + wish + b"\r\n"
    whole = POST + head + b"Content-Length: 7\r\n\r\nINFO a\n"
    in_two = POST + head + b"Transfer-Encoding: chunked\r\n\r\n7\r\nINF"
    asks = GET.replace(b"\r\n\r\n", b"\r\n" + head + b"\r\n")
    before = served.said()
    with served.connect(whole + asks + GET + in_two) as client, client.makefile("rb") as said:
        assert [one_of(said) for _ in range(3)] == [b"202", b"200", b"200"]
        client.sendall(b"O a\n\r\n0\r\n\r\n" + asks)
        assert [one_of(said) for _ in range(2)] == [b"202", b"200"]
    assert served.said() == before


def test_a_server_is_no_proxy(served: Served) -> None:
    with served.connect(b"CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        assert status_of(client) == 400
        until(lambda: is_closed(client))


@pytest.mark.slow
@pytest.mark.fault("F29")
def test_who_does_not_read_is_closed_and_not_read_on(served: Served) -> None:
    asks = GET.replace(b"/v1/health", b"/v1/openapi.json") * 100
    before = served.peak_mib()
    with deaf(served) as client:
        until(lambda: not takes(client, asks), 2 * STALLED_S)
    # Each request that is read makes objects of 5 KB.
    assert served.peak_mib() - before < 32


def deaf(served: Served) -> socket.socket:
    """A connection that has little room for what it never reads."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((host, int(port)))
    client.setblocking(False)
    return client


def takes(client: socket.socket, sent: bytes) -> bool:
    """Whether the other end is still there; some of the bytes are sent to it."""
    with suppress(BlockingIOError):
        try:
            client.send(sent)
        except ConnectionError:
            return False
    return True


def test_what_comes_together_is_answered_though_it_is_much(served: Served) -> None:
    body = POST + b"Content-Length: 9000\r\n\r\n" + b"INFO abc\n" * 1_000
    with served.connect((body + GET) * 20) as client, client.makefile("rb") as said:
        assert [one_of(said) for _ in range(40)] == [b"202", b"200"] * 20


class Sender:
    """One that sends so many bytes and then so long nothing, again and again."""

    def __init__(self, size: int, rest_s: float, times: int) -> None:
        self.left, self.size, self.rest_s = times, size, rest_s

    async def receive(self) -> dict[str, object]:
        """The next of it."""
        await asyncio.sleep(self.rest_s)
        self.left -= 1
        return {"type": "http.request", "body": b"x" * self.size, "more_body": self.left > 0}


async def taken(sender: Sender, budget: Budget) -> int:
    request = Request({"type": "http", "headers": []}, sender.receive)  # type: ignore[arg-type]
    with budget.hold() as share:
        return len(await read(request, 1 << 30, share))


@pytest.mark.fault("F10")
@pytest.mark.parametrize(
    ("sender", "size"),
    [
        (Sender(1, 0.02, 1_000), None),
        (Sender(1, 60, 2), None),
        (Sender(4 << 10, 0.02, 50), 200 << 10),
        (Sender(1 << 20, 0, 20), 20 << 20),
    ],
    ids=["drips", "silent", "steady", "fast"],
)
def test_a_body_that_comes_too_slowly_is_given_up(sender: Sender, size: int | None) -> None:
    budget = Budget(silence_s=0.5, rate=10_000)
    before = budget.left
    if size is None:
        with pytest.raises(HttpError) as raised:
            asyncio.run(taken(sender, budget))
        assert (raised.value.status, raised.value.what) == (408, "the body came too slowly")
    else:
        assert asyncio.run(taken(sender, budget)) == size
    assert budget.left == before


@pytest.mark.fault("F10")
def test_who_sent_much_at_first_may_not_rest_for_longer() -> None:
    budget = Budget(silence_s=0.3, rate=1 << 10)

    class Rests(Sender):
        async def receive(self) -> dict[str, object]:
            self.rest_s = 0 if self.left > 1 else 60
            return await super().receive()

    with pytest.raises(HttpError, match="too slowly"):
        asyncio.run(taken(Rests(1 << 20, 0, 5), budget))


def test_a_body_that_comes_while_the_server_ends_is_told() -> None:
    async def ends() -> int:
        budget = Budget()
        asyncio.get_running_loop().call_later(0.05, budget.hurry, 0.05)
        return await taken(Sender(1, 60, 2), budget)

    with pytest.raises(DeliveryError, match="the server is ending"):
        asyncio.run(ends())


@pytest.mark.fault("F29")
def test_a_server_that_ends_while_a_body_comes_does_so_in_silence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as running, running.connect(POST + b"Content-Length: 90\r\n\r\nx") as client:
        assert running.post(flow(1)).status_code == 202
        said = running.said()
        assert running.end() == 0
        assert "Traceback" not in running.said()
        assert running.said().startswith(said)
        assert "Cancel" not in running.said()
        assert status_of(client) == 503
    assert numbers(home) == [1]


@pytest.fixture(autouse=True)
def quiet(served: Served) -> Iterator[None]:
    before = len(served.said())
    yield
    assert "Traceback" not in served.said()[before:]
