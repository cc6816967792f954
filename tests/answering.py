"""A server on loopback that says the same to everybody, whatever it is."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(said: bytes, drip: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says this to everybody, then maybe a space now and then; port, and requests."""
    seen: list[bytes] = []
    ends = threading.Event()

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.append(self.request.recv(65536))
            with suppress(OSError):
                self.request.sendall(said)
                while drip and not ends.wait(0.05):
                    self.request.sendall(b" ")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            ends.set()
            server.shutdown()
            thread.join()
