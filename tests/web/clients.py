"""Clients that load a server, and what must be there of what they sent."""

import gzip
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.homes import flows, numbers, run
from tests.web.serving import PATIENCE_S, Served

LINES = 20


@dataclass
class Clients:
    """Clients that post bodies of lines with numbers of their own until the server goes."""

    served: Served
    count: int
    acknowledged: list[int] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, base: int = 0) -> None:
        """Begin; the lines of client c are base + c * 1,000,000 and on."""
        for number in range(self.count):
            first = base + number * 1_000_000
            self.threads.append(threading.Thread(target=self._post, args=(first,)))
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        """Wait for all of them."""
        for thread in self.threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in self.threads)

    def _post(self, first: int) -> None:
        with self.served.client() as client:
            while not self.stop.is_set():
                mine = list(range(first, first + LINES))
                first += LINES
                body = gzip.compress(flows(*mine))
                try:
                    response = client.post("/v1/logs/vpc-flow", content=body)
                except httpx.TransportError:
                    self.unsure += mine
                    return
                if response.status_code == 202:
                    self.acknowledged += mine
                else:
                    assert response.status_code == 503


def audited(home: Path) -> bool:
    ran = run("audit", "--json", "--home", home)
    return ran.code == 0 and bool(json.loads(ran.out)["balanced"])


def check_all_there(home: Path, clients: Clients) -> None:
    """Every acknowledged line once; of the others whole, once, or not at all."""
    found = numbers(home)
    assert len(found) == len(set(found))
    assert set(clients.acknowledged) <= set(found) <= {*clients.acknowledged, *clients.unsure}
