"""`python -m bench.ranking`: what it costs to count views, and to say what is hot.

aggregate  batches of 500 rows into a board, beside a plain dict that is updated row by row; both
           must hold the same counts first. CPU time, in turns, and beside it the dict alone, of
           keys that are a list already
read       answers in process: 100,000 keys in ten minutes, a batch between two answers
http       the same over HTTP while views arrive from another process, a POST each; and from the
           POST of a view to when it is in an answer
"""

import argparse
import json
import os
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from bench.measure import BenchError, cpu_of, machine, write_json
from bench.serve import quantile, server
from pipeline.counters.answer import answer, asked, etag
from pipeline.counters.board import MINUTE_MS, Board, Counted
from pipeline.counters.counting import counts_of
from pipeline.counters.declared import find_ranking
from pipeline.counters.file import CountersFile
from pipeline.counters.ports import Delta
from pipeline.lake.tables import all_tables

SEED = 20_261_127
KEYS, WINDOW, BATCH = 100_000, 10, 500
VIEWS_A_MINUTE = 120_000
RATE, CLIENTS, PROBE_EVERY_S, LOOK_S = 2_000, 48, 0.1, 0.02
RANKING, TABLE = find_ranking("page"), all_tables()["page_view"]
LATE_MS = RANKING.late_minutes * MINUTE_MS
# Milliseconds, and times a plain dict.
GOALS = {"read_p95_ms": 5.0, "http_p95_ms": 20.0, "visible_p99_ms": 1_000.0, "times_dict": 2.0}
Counts = dict[tuple[int, str, int], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.ranking", description=__doc__)
    parser.add_argument("--only", choices=("aggregate", "read", "http"))
    parser.add_argument("--seconds", type=float, default=8, help="of http")
    parser.add_argument("--rate", type=float, default=RATE, help="views/s of http")
    parser.add_argument("--out", type=Path, default=Path("bench/out/ranking.json"), metavar="FILE")
    parser.add_argument("--send-to", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.send_to:
        send(options.send_to, options.seconds, options.rate)
        return 0
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "aggregate": aggregate,
        "read": read,
        "http": partial(http, options.seconds, options.rate),
    }
    found = {name: part() for name, part in parts.items() if options.only in (None, name)}
    for title, figures in found.items():
        show(title, figures)
    write_json(options.out, {"machine": machine(None), "figures": found})
    figures = {name: value for part in found.values() for name, value in part.items()}
    return int(any(figures[name] > goal for name, goal in GOALS.items() if name in figures))


def names() -> list[str]:
    """Pages, the most viewed first."""
    return [f"/news/{number * 7919 % KEYS:06d}/what-it-is-about" for number in range(KEYS)]


def zipf(rng: np.random.Generator, count: int, exponent: float = 1.1) -> np.ndarray:
    """Ranks from 0, by Zipf's law."""
    shares = np.arange(1, KEYS + 1) ** -exponent
    return np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(count)).clip(max=KEYS - 1)


def batches(rng: np.random.Generator, count: int, now_ms: int) -> list[pa.Table]:
    """Rows of views, as they come to be counted: a quarter of a second each."""
    pages, found = np.array(names(), object), []
    for number in range(count):
        arrival_ms = now_ms + number * 250
        columns: dict[str, pa.Array] = {
            "page": pa.array(pages[zipf(rng, BATCH)]),
            "event_time": _times(arrival_ms - rng.exponential(20_000, BATCH).astype(np.int64)),
            "ingest_time": _times(np.full(BATCH, arrival_ms)),
            "is_bot": pa.array(rng.random(BATCH) < 0.05),
            "is_asset": pa.array(rng.random(BATCH) < 0.1),
        }
        found.append(pa.table(columns))
    return found


def _times(values: np.ndarray) -> pa.Array:
    return pa.array(values).view(pa.timestamp("ms"))


def aggregate(rounds: int = 9, count: int = 200) -> dict[str, float]:
    """Times a plain dict, of the CPU time that a batch takes. Raises BenchError."""
    rng = np.random.default_rng(SEED)
    tables = batches(rng, count, 1_795_615_200_000)
    keys = [table["page"].to_pylist() for table in tables]
    if _held(_into_board(tables)) != _into_dict(tables):
        raise BenchError("the board and the dict do not hold the same counts")
    ways: list[Callable[[], object]] = [
        partial(_into_dict, tables),
        partial(_into_board, tables),
        partial(_keys_alone, keys),
    ]
    spent = [[cpu_of(way).total / count * 1e6 for way in ways] for _ in range(rounds + 1)][1:]
    return {
        "dict_us": median(each[0] for each in spent),
        "board_us": median(each[1] for each in spent),
        "keys_alone_us": median(each[2] for each in spent),
        "times_dict": median(each[1] / each[0] for each in spent),
        "times_keys_alone": median(each[1] / each[2] for each in spent),
    }


def _into_board(tables: Sequence[pa.Table]) -> Board:
    board, part = Board(), RANKING.parts[TABLE.name]
    for table in tables:
        for counted in counts_of(RANKING, part, table):
            board.add(counted)
    return board


def _into_dict(tables: Sequence[pa.Table]) -> Counts:
    """The same, row by row."""
    found: Counts = {}
    for table in tables:
        times, arrivals = (
            table[name].cast(pa.int64()).to_pylist() for name in ("event_time", "ingest_time")
        )
        flags = (table[name].to_pylist() for name in ("is_bot", "is_asset"))
        rows = zip(table["page"].to_pylist(), times, arrivals, *flags, strict=True)
        for page, time_ms, arrival_ms, is_bot, is_asset in rows:
            if page is not None and arrival_ms - time_ms <= LATE_MS:
                place = time_ms // MINUTE_MS, page, is_bot + 2 * is_asset
                found[place] = found.get(place, 0) + 1
    return found


def _keys_alone(keys: Sequence[Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in keys:
        for key in some:
            found[key] = found.get(key, 0) + 1
    return found


def _held(board: Board) -> Counts:
    """All that a board counts, minute by minute."""
    found: Counts = {}
    newest = board.newest or 0
    for minute in range(newest - 2 * WINDOW, newest + 1):
        for kind in range(4):
            for item in board.top(minute + 1, 1, KEYS, (kind,)).items:
                found[minute, item.key, kind] = item.count
    return found


def minutes(rng: np.random.Generator, last: int) -> list[Counted]:
    """Two windows of minutes with views by Zipf's law; the newer one has every key."""
    pages, found = np.array(names(), object), []
    for minute in range(last - 2 * WINDOW + 1, last + 1):
        own = np.arange(minute % WINDOW, KEYS, WINDOW)
        ranks, counts = np.unique(
            np.concatenate([zipf(rng, VIEWS_A_MINUTE), own]), return_counts=True
        )
        kinds = np.zeros(len(ranks), np.int64)
        found.append(Counted(minute, pages[ranks].tolist(), kinds, counts.astype(np.int64)))
    return found


def read(answers: int = 1_000) -> dict[str, float]:
    """CPU milliseconds of an answer, its tag and its JSON; the minute changes meanwhile."""
    rng = np.random.default_rng(SEED)
    now_ms = 1_795_615_200_000
    board = Board()
    for counted in minutes(rng, now_ms // MINUTE_MS):
        board.add(counted)
    titles = {key: f"Title of {key}" for key in names()}
    tables = batches(rng, answers, now_ms)
    part = RANKING.parts[TABLE.name]
    figures: dict[str, float] = {}
    for name, given in (
        ("read", {}),
        ("read people", {"bots": "false", "assets": "false"}),
        ("read prefix", {"prefix": "/news/00"}),
    ):
        spent, added = [], []
        for number, table in enumerate(tables if name == "read" else tables[:200]):
            begun = time.process_time()
            for counted in counts_of(RANKING, part, table):
                board.add(counted)
            added.append(1_000 * (time.process_time() - begun))
            begun = time.process_time()
            told = answer(asked(given), board, titles, now_ms + number * 250)
            json.dumps([told, etag(told)])
            spent.append(1_000 * (time.process_time() - begun))
        figures |= {f"{name}_p50_ms": median(spent), f"{name}_p95_ms": quantile(spent, 0.95)}
        figures |= {f"{name}_max_ms": max(spent), f"{name}_add_p95_ms": quantile(added, 0.95)}
    figures["keys"] = float(sum(1 for _ in board.top(now_ms // MINUTE_MS + 1, WINDOW, KEYS).items))
    return figures


def http(seconds: float, rate: float) -> dict[str, float]:
    """Milliseconds of an answer over HTTP, and from a POST to when it is seen, under load."""
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        last = int(time.time() * 1000) // MINUTE_MS
        counted = minutes(np.random.default_rng(SEED), last)
        with closing(CountersFile(home)) as counters:
            titles = {key: f"Title of {key}" for key in names()}
            counters.add(Delta(0, "", "0", {"page": counted}, minute=last, titles=titles))
        with server(home) as running:
            cpu = running.cpu_s()
            words = ["--send-to", str(running.port), "--seconds", str(seconds), "--rate", str(rate)]
            command = [sys.executable, "-m", "bench.ranking", *words]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:  # noqa: S603
                assert sender.stdout is not None  # noqa: S101 - it is a pipe
                sender.stdout.readline()
                probe = Probe(running.port, time.monotonic() + seconds)
                probe.run()
                said, _ = sender.communicate()
            used = running.cpu_s()
    sent = json.loads(said)
    figures = {
        "http_p50_ms": 1_000 * median(probe.answers_s),
        "http_p95_ms": 1_000 * quantile(probe.answers_s, 0.95),
        "visible_p50_ms": 1_000 * median(probe.seen_s),
        "visible_p99_ms": 1_000 * quantile(probe.seen_s, 0.99),
        "probes": float(len(probe.seen_s)),
        "answers": float(len(probe.answers_s)),
        "not_seen": float(len(probe.waiting)),
        "sent_views_per_s": sent["sent"] / seconds,
        "refused": sent["refused"],
        "sender_us_per_view": 1e6 * sent["cpu_s"] / sent["sent"],
        "server_us_per_view": 1e6 * (sum(used.values()) - sum(cpu.values())) / sent["sent"],
        "post_p50_ms": sent["p50_ms"],
        "post_p99_ms": sent["p99_ms"],
    }
    threads = {name: round(used[name] - cpu.get(name, 0), 2) for name in used}
    return figures | {f"cpu_s {name}": s for name, s in threads.items() if s >= 0.1}


class Probe:
    """Views of pages of its own, and answers: how long each takes, and until a page is in one."""

    def __init__(self, port: int, until: float) -> None:
        self.port, self.until = port, until
        self.waiting: dict[str, float] = {}
        self.seen_s: list[float] = []
        self.answers_s: list[float] = []

    def run(self) -> None:
        """Send and ask until the time is over, and what was sent is seen."""
        sending = threading.Thread(target=self._send)
        sending.start()
        with closing(self._connection()) as connection:
            while time.monotonic() < self.until:
                self.answers_s.append(_asked(connection, "window=10m&k=20")[0])
                self._look(connection)
                time.sleep(LOOK_S)
            sending.join()
            while self.waiting and time.monotonic() < self.until + 5:
                self._look(connection)

    def _connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def _send(self) -> None:
        number = 0
        with closing(self._connection()) as connection:
            while time.monotonic() < self.until:
                page, number = f"/probe/{number}", number + 1
                begun = time.monotonic()
                connection.request("POST", "/v1/views", json.dumps({"path": page}))
                connection.getresponse().read()
                self.waiting[page] = begun
                time.sleep(PROBE_EVERY_S)

    def _look(self, connection: HTTPConnection) -> None:
        _, items = _asked(connection, "window=10m&k=1000&prefix=/probe/")
        now, known = time.monotonic(), {each["key"] for each in items}
        for page in [each for each in list(self.waiting) if each in known]:
            self.seen_s.append(now - self.waiting.pop(page))


def _asked(connection: HTTPConnection, query: str) -> tuple[float, list[dict[str, Any]]]:
    begun = time.monotonic()
    connection.request("GET", f"/v1/ranking?{query}")
    said = connection.getresponse().read()
    return time.monotonic() - begun, json.loads(said)["items"]


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


def show(title: str, figures: dict[str, float]) -> None:
    """Figures, one a line, each with its goal."""
    sys.stdout.write(f"{title}\n")
    for name, value in figures.items():
        goal = f"   at most {GOALS[name]:,}" if name in GOALS else ""
        over = "  OVER" if name in GOALS and value > GOALS[name] else ""
        sys.stdout.write(f"  {name:<24} {value:>12,.2f}{goal}{over}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
