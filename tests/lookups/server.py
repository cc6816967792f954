"""A web server on loopback that has one document, and may be slow, broken or elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Served:
    """What it has, and what it was asked.

    declared  the length it tells; None: the content's
    asked     the If-None-Match of each request; "" for none
    """

    content: bytes = b""
    etag: str = '"one"'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None
    slow: bool = False
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(content: bytes = b"") -> Iterator[Served]:
    """Serve until it is left."""
    served, left = Served(content), Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served, left))
    served.url = f"http://127.0.0.1:{server.server_address[1]}/ip-ranges.json"
    thread = Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        left.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(served: Served, left: Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("If-None-Match", "")
            served.asked.append(wanted)
            if wanted and wanted == served.etag:
                self.send_response(304)
                self.end_headers()
                return
            length = len(served.content) if served.declared is None else served.declared
            self.send_response(served.status)
            self.send_header("ETag", served.etag)
            self.send_header("Content-Length", str(length))
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.end_headers()
            # A byte now and then keeps a socket's own time-out from ever running out.
            while served.slow and not left.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()
            self.wfile.write(served.content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
