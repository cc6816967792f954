"""Page views of 100,000 pages, and who posts them: one each, at a rate."""

import json
import os
import random
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from bench.serve import quantile

SEED, KEYS, CLIENTS = 20_261_127, 100_000, 48


def names() -> list[str]:
    """Pages, the most viewed first."""
    return [f"/news/{number * 7919 % KEYS:06d}/what-it-is-about" for number in range(KEYS)]


def zipf(rng: np.random.Generator, count: int, exponent: float = 1.1) -> np.ndarray:
    """Ranks from 0, by Zipf's law."""
    shares = np.arange(1, KEYS + 1) ** -exponent
    return np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(count)).clip(max=KEYS - 1)


def send(port: int, seconds: float, rate: float) -> None:
    """Post views, one each, at a rate, over kept connections; prints what came of it.

    All of it is made before: this process takes a core of those that the server has.
    """
    sender = Sender(port, requests(int(seconds * rate)), rate)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    cpu = time.process_time()
    sender.run(time.monotonic() + seconds)
    figures = {"sent": len(sender.waits_s), "refused": sender.refused}
    figures |= {"cpu_s": time.process_time() - cpu}
    times = {
        "p50_ms": 1_000 * median(sender.waits_s),
        "p99_ms": 1_000 * quantile(sender.waits_s, 0.99),
    }
    sys.stdout.write(json.dumps(figures | times))


def requests(count: int) -> list[bytes]:
    """Whole requests, each of one view."""
    ids, pages, found = random.Random(SEED), names(), []
    for rank in zipf(np.random.default_rng(os.getpid()), count).tolist():
        body = json.dumps({"path": pages[rank], "event_id": _uuid(ids)}).encode()
        head = b"POST /v1/views HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
        found.append(head % len(body) + body)
    return found


class Sender:
    """Connections that take turns: a request goes when it is due, or when one is free again."""

    def __init__(self, port: int, wanted: Sequence[bytes], rate: float) -> None:
        self.wanted, self.rate = wanted, rate
        self.free = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
        self.sent_at: dict[socket.socket, float] = {}
        self.waits_s: list[float] = []
        self.refused = 0

    def run(self, until: float) -> None:
        """Send until the time is over; what is not answered then does not count."""
        begun, next_one = time.monotonic(), 0
        with selectors.DefaultSelector() as answered:
            for each in self.free:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answered.register(each, selectors.EVENT_READ)
            while (now := time.monotonic()) < until and next_one < len(self.wanted):
                due = begun + next_one / self.rate
                if self.free and due <= now:
                    self._send(self.wanted[next_one], now)
                    next_one += 1
                    continue
                for key, _ in answered.select(due - now if self.free else until - now):
                    self._answered(key.fileobj)  # type: ignore[arg-type]
        for each in (*self.free, *self.sent_at):
            each.close()

    def _send(self, request: bytes, now: float) -> None:
        connection = self.free.pop()
        self.sent_at[connection] = now
        connection.sendall(request)

    def _answered(self, connection: socket.socket) -> None:
        said = connection.recv(4_096)
        self.waits_s.append(time.monotonic() - self.sent_at.pop(connection))
        self.refused += not said.startswith(b"HTTP/1.1 204")
        self.free.append(connection)


def _uuid(ids: random.Random) -> str:
    digits = f"{ids.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
