"""`python -m bench.serve`: a server under load, its client on the same cores.

Sustained: gzipped POSTs of 1,000 lines as fast as they are taken, until all has landed.
Fresh: POSTs at a fixed rate, and from sending one to when it has landed (its shard's checkpoint,
which moves with the catalogue) and to when a saved query over HTTP shows it.
"""

import argparse
import gzip
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from bench.base import V2
from bench.corpus import newline_joined
from bench.flows import ACCOUNT, INTERFACES, flow_lines, zipf

LINES = 1_000
BODIES = 48
POLL_S = 0.005
PROBE_EVERY_S = 0.25
PROBED_S = 10
FIRST_PORT = 2_000
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server process over a fresh home."""

    home: Path
    port: int
    process: "subprocess.Popen[str]"

    def connection(self) -> HTTPConnection:
        """A connection that is kept."""
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by thread."""
        found: dict[str, float] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            ticks = rest.split()[11:13]
            found[name] = found.get(name, 0) + sum(map(int, ticks)) / CLOCK_TICKS
        return found

    def rss_mib(self) -> float:
        """Resident size now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def peak_mib(self) -> float:
        """Largest resident size so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def server(home: Path) -> Iterator[Server]:
    """Start a server, end it at the end."""
    command = [Path(sys.executable).with_name("tailrace"), "serve", "--port", "0", "--home", home]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        url = process.stderr.readline().partition("http://")[2].partition(",")[0]
        try:
            yield Server(home, int(url.rpartition(":")[2]), process)
        finally:
            process.terminate()
            process.wait(30)


def bodies() -> list[bytes]:
    """Gzipped bodies of accepted flows that end about now."""
    rng = np.random.default_rng(3)
    seen = np.full(BODIES * LINES, int(time.time())) - rng.integers(0, 5, BODIES * LINES)
    interface = np.repeat(zipf(rng, INTERFACES, 0.8, BODIES), LINES)
    # Rejected ports are the probes' alone.
    lines = [line.replace(" REJECT ", " ACCEPT ") for line in flow_lines(rng, interface, seen, V2)]
    parts = [lines[first : first + LINES] for first in range(0, len(lines), LINES)]
    return [gzip.compress(newline_joined(part), 6, mtime=0) for part in parts]


@dataclass
class Load:
    """Clients that post bodies; `sent` holds (time of sending, of the answer, shard, sequence).

    count  no more bodies than that; None: any number until the time is over
    """

    server: Server
    bodies: Sequence[bytes]
    until: float
    rate: float | None = None
    count: int | None = None
    sent: list[tuple[float, float, int, int]] = field(default_factory=list)
    refused: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0
    _started: float = field(default_factory=time.monotonic)

    def run(self, clients: int) -> None:
        """Post until the time is over."""
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self) -> None:
        with closing(self.server.connection()) as connection:
            while True:
                with self._turn:
                    number = self._number
                    self._number += number != self.count
                due = self._started + number / self.rate if self.rate else time.monotonic()
                if due >= self.until or number == self.count:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                self._post(connection, self.bodies[number % len(self.bodies)])
                if time.monotonic() >= self.until:
                    return

    def _post(self, connection: HTTPConnection, body: bytes) -> None:
        begun = time.monotonic()
        status, answer = post(connection, body)
        if status == 202:
            self.sent.append((begun, time.monotonic(), answer["shard"], answer["sequence"]))
        else:
            self.refused += 1
            time.sleep(0.05)


def post(connection: HTTPConnection, body: bytes) -> tuple[int, Any]:
    """Status and answer of one POST."""
    connection.request("POST", "/v1/logs/vpc-flow", body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@contextmanager
def watching(look: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread look while the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=look, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Watch:
    """Notes when the checkpoint of each shard moved, and where to."""

    home: Path
    moves: list[tuple[float, int, int]] = field(default_factory=list)

    def look(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        known: dict[int, int] = {}
        with closing(sqlite3.connect(self.home / "log.db")) as connection:
            while not stop.wait(POLL_S):
                for shard, seq in connection.execute("select shard, seq from checkpoint"):
                    if known.get(shard) != seq:
                        known[shard] = seq
                        self.moves.append((time.monotonic(), shard, seq))

    def landed_at(self, shard: int, seq: int) -> float:
        """When a record was behind the checkpoint."""
        return next(at for at, where, upto in self.moves if where == shard and upto >= seq)


@dataclass
class Probe:
    """Single rejected lines, each with a port of its own, and when a saved query shows it."""

    server: Server
    until: float
    posted: dict[int, float] = field(default_factory=dict)
    shown: dict[int, float] = field(default_factory=dict)
    queries_s: list[float] = field(default_factory=list)

    def send(self) -> None:
        """Post one now and then."""
        with closing(self.server.connection()) as connection:
            while time.monotonic() < self.until:
                port, now = FIRST_PORT + len(self.posted), int(time.time())
                line = (
                    f"2 {ACCOUNT} eni-0 10.0.0.1 10.0.0.2 9 {port} 6 1 40 {now} {now} REJECT OK\n"
                )
                self.posted[port] = time.monotonic()
                post(connection, line.encode())
                time.sleep(PROBE_EVERY_S)

    def ask(self) -> None:
        """Ask over and over, until all are shown."""
        path = f"/v1/queries/rejected_ports?since={PROBED_S}s&top=10000"
        with closing(self.server.connection()) as connection:
            while time.monotonic() < self.until or len(self.shown) < len(self.posted):
                begun = time.monotonic()
                connection.request("GET", path)
                answer = json.loads(connection.getresponse().read())
                self.queries_s.append(time.monotonic() - begun)
                place = [column["name"] for column in answer["columns"]].index("dstport")
                for row in answer["rows"]:
                    self.shown.setdefault(row[place], time.monotonic())
                if time.monotonic() > self.until + PROBED_S:
                    return
                time.sleep(0.05)


def sustained(seconds: float, clients: int) -> dict[str, float]:
    """Lines a second as fast as they are taken, from the first POST until the last has landed."""
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home, made = Path(folder, "home"), bodies()
        with server(home) as running:
            begun, cpu = time.monotonic(), running.cpu_s()
            load = Load(running, made, begun + seconds)
            load.run(clients)
            taken_s = time.monotonic() - begun
            wait_landed(running)
            landed_s = time.monotonic() - begun
            used = running.cpu_s()
            peak = running.peak_mib()
        balanced = audited(home, len(load.sent) * LINES)
    lines = len(load.sent) * LINES
    waits = [after - before for before, after, _, _ in load.sent]
    figures = {
        "lines": float(lines),
        "refused": float(load.refused),
        "taken_lines_per_s": lines / taken_s,
        "landed_lines_per_s": lines / landed_s,
        "post_p50_ms": 1000 * statistics.median(waits),
        "post_p99_ms": 1000 * quantile(waits, 0.99),
        "server_cpu_us_per_line": 1e6 * (sum(used.values()) - sum(cpu.values())) / lines,
        "peak_mib": peak,
        "balanced": float(balanced),
    }
    threads = {name: round(used[name] - cpu.get(name, 0), 2) for name in used}
    return figures | {f"cpu_s {name}": s for name, s in threads.items() if s >= 0.1}


def fresh(seconds: float, rate: float) -> dict[str, float]:
    """From POST to landed, and to shown by a query, at some lines a second."""
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home, made = Path(folder, "home"), bodies()
        with server(home) as running:
            until = time.monotonic() + seconds
            load = Load(running, made, until, rate / LINES)
            probe, watch = Probe(running, until), Watch(home)
            others = [threading.Thread(target=each) for each in (probe.send, probe.ask)]
            with watching(watch.look):
                for thread in others:
                    thread.start()
                load.run(8)
                wait_landed(running)
                for thread in others:
                    thread.join()
            balanced = audited(home, len(load.sent) * LINES + len(probe.posted))
    landed = [watch.landed_at(shard, seq) - begun for begun, _, shard, seq in load.sent]
    shown = [at - probe.posted[port] for port, at in probe.shown.items()]
    return {
        "lines_per_s": len(load.sent) * LINES / seconds,
        "landed_p50_s": statistics.median(landed),
        "landed_p99_s": quantile(landed, 0.99),
        "shown_p50_s": statistics.median(shown),
        "shown_p99_s": quantile(shown, 0.99),
        "probes": float(len(probe.posted)),
        "not_shown": float(len(probe.posted) - len(probe.shown)),
        "query_p50_s": statistics.median(probe.queries_s),
        "balanced": float(balanced),
    }


def wait_landed(running: Server) -> None:
    """Until nothing waits in the stream."""
    with closing(running.connection()) as connection:
        while True:
            connection.request("GET", "/v1/health")
            if not json.loads(connection.getresponse().read())["backlog"]["records"]:
                return
            time.sleep(0.02)


def audited(home: Path, lines: int) -> bool:
    """Whether the audit balances and every line stands in it."""
    from pipeline.home import audit_of, readable

    with readable(home) as opened:
        found = audit_of(opened)
    return found.balanced and sum(hour.events_in for hour in found.hours) == lines


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.serve", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, default=50_000, help="lines/s of the second part")
    parser.add_argument("--only", choices=("sustained", "fresh"))
    options = parser.parse_args(argv)
    sys.stdout.write(f"load average before: {os.getloadavg()[0]:.1f}\n")
    if options.only != "fresh":
        show("sustained", sustained(options.seconds, options.clients))
    if options.only != "sustained":
        show("fresh", fresh(options.seconds, options.rate))
    return 0


def show(title: str, figures: dict[str, float]) -> None:
    """Figures, one a line."""
    sys.stdout.write(f"{title}\n")
    sys.stdout.writelines(f"  {name:<26} {value:>14,.3f}\n" for name, value in figures.items())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
