"""A proxy on loopback before an emulator, that does to Firehose's PutRecordBatch what it is told.

All that a function asks goes through it, since our sessions refuse several addresses. Each stream
has a list of faults, one for each of its next calls; what has none goes through as it is. Emulators
fail never, and of all that AWS does these are what loses or repeats rows.
"""

import http.client
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

CALL = "Firehose_20150804.PutRecordBatch"
UNAVAILABLE = "ServiceUnavailableException"
OWN = {"host", "content-length", "connection", "transfer-encoding", "expect"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said; no status: nothing, the connection ends."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


# What is asked of the emulator, as a request's content; and what a fault makes of a call.
Ask = Callable[[bytes], Answer]
Fault = Callable[[bytes, Ask], Answer]


def partial(*places: int) -> Fault:
    """Entries in these places fail, the others arrive; it says so on HTTP 200."""

    def fault(content: bytes, ask: Ask) -> Answer:
        asked = json.loads(content)
        records = asked["Records"]
        failing = {place % len(records) for place in places}
        others = [each for place, each in enumerate(records) if place not in failing]
        taken = iter(_responses(ask, {**asked, "Records": others}) if others else ())
        refused = {"ErrorCode": UNAVAILABLE, "ErrorMessage": "Slow down."}
        said = [refused if at in failing else next(taken) for at in range(len(records))]
        told = {"FailedPutCount": len(failing), "Encrypted": False, "RequestResponses": said}
        return Answer(200, json.dumps(told).encode())

    return fault


def nothing_taken(content: bytes, ask: Ask) -> Answer:
    """All entries fail."""
    return partial(*range(len(json.loads(content)["Records"])))(content, ask)


def lost(content: bytes, ask: Ask) -> Answer:
    """All entries arrive, and the answer does not."""
    ask(content)
    return Answer(0)


def unreadable(content: bytes, ask: Ask) -> Answer:
    """All entries arrive, and the answer is a page of somebody in between."""
    ask(content)
    return Answer(200, b"<html><body>502 Bad Gateway</body></html>")


def cut(content: bytes, ask: Ask) -> Answer:
    """All entries arrive, and the answer names only the first of them."""
    told = json.loads(ask(content).body)
    told["RequestResponses"] = told["RequestResponses"][:1]
    return Answer(200, json.dumps(told).encode())


def refused(status: int, code: str) -> Fault:
    """Nothing arrives; an error of AWS."""

    def fault(content: bytes, ask: Ask) -> Answer:
        return Answer(status, json.dumps({"__type": code, "message": "As asked."}).encode())

    return fault


def _responses(ask: Ask, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(ask(json.dumps(asked).encode()).body)[
        "RequestResponses"
    ]
    return told


@dataclass
class Proxy:
    """Faults by stream, in order; `done`: by stream, how many records each call had."""

    upstream: str
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    done: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    endpoint: str = ""

    def answer(self, verb: str, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """What is said to a request."""

        def ask(changed: bytes) -> Answer:
            return self._asked(verb, path, headers, changed)

        if headers.get("X-Amz-Target") != CALL:
            return ask(content)
        told = json.loads(content)
        stream = told["DeliveryStreamName"]
        self.done[stream].append(len(told["Records"]))
        faults = self.faults[stream]
        return faults.popleft()(content, ask) if faults else ask(content)

    def _asked(self, verb: str, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=30)
        kept = {name: text for name, text in headers.items() if name.lower() not in OWN}
        try:
            connection.request(verb, path, content, kept)
            said = connection.getresponse()
            told = [each for each in said.getheaders() if each[0].lower() not in OWN]
            return Answer(said.status, said.read(), tuple(told))
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer a request, or end the connection without an answer."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy: Proxy = cast("Any", self.server).proxy
        said = proxy.answer(self.command, self.path, dict(self.headers), content)
        if not said.status:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, text in said.headers:
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    """A proxy before an address; `endpoint`: its own."""
    proxy = Proxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cast("Any", server).proxy = proxy
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
