"""Servers as users start them, and clients of them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.homes import COMMAND, clean_environ

PATIENCE_S = 30.0


@dataclass
class Served:
    """A server process over a home."""

    home: Path
    url: str
    process: "subprocess.Popen[str]"
    errors: Path

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection of its own that has sent some bytes."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        made = socket.create_connection((host, int(port)), PATIENCE_S)
        made.sendall(sent)
        return made

    def client(self) -> httpx.Client:
        """A client of it; ends with its block."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def post(self, body: bytes, source: str = "vpc-flow", **headers: str) -> httpx.Response:
        """Send one body; underscores in the names of headers stand for hyphens.

        The source may carry a query string.
        """
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        with self.client() as client:
            return client.post(f"/v1/logs/{source}", content=body, headers=named)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something."""
        with self.client() as client:
            return client.get(path, headers=headers)

    def landed(self) -> None:
        """Wait until nothing waits in the stream."""
        until(lambda: self.get("/v1/health").json()["backlog"]["records"] == 0)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def said(self) -> str:
        """What it wrote to standard error."""
        return self.errors.read_text("utf-8")

    def peak_mib(self) -> float:
        """Largest resident size so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def until(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Look again and again until something holds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@contextmanager
def serving(home: Path, *words: str, files: int = 0, **environ: str) -> Iterator[Served]:
    """A server on a free port; killed at the end where it still runs.

    files  limit of open files; 0: as it is
    """
    errors = home.parent / f"{home.name}.err"
    command: list[str | Path] = [COMMAND, "serve", "--port", "0", "--home", home, *words]
    if files:
        command = ["sh", "-c", 'ulimit -n "$0"; exec "$@"', str(files), *command]
    with errors.open("w") as out:
        process = subprocess.Popen(
            command, stderr=out, text=True, env=clean_environ() | environ, cwd=home.parent
        )
    try:
        until(lambda: "http://" in errors.read_text() or process.poll() is not None)
        said = errors.read_text()
        assert "http://" in said, said
        url = said.partition("http://")[2].partition(",")[0]
        yield Served(home, f"http://{url}", process, errors)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
