"""Servers with something to look at, fed by HTTP as anybody would."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from pipeline.demo.generator import Generator
from pipeline.demo.viewers import Viewers
from tests.web.serving import Served, until

EVENTS_PER_S, HISTORY_S, VIEWED_S = 30, 300.0, 840.0
AT_ONCE = 24
SCANNER = "198.51.100.64"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# As the page asks.
PEOPLE = {"bots": "false", "assets": "false"}


@dataclass(frozen=True)
class Sent:
    """A POST and the status that it is to be answered with."""

    path: str
    body: bytes
    status: int
    headers: dict[str, str] = field(default_factory=dict)

    def to(self, client: httpx.Client) -> int:
        """Send it; gives the status."""
        return client.post(self.path, content=self.body, headers=self.headers).status_code


@dataclass
class Site:
    """A server that is looked at."""

    served: Served

    @property
    def url(self) -> str:
        """Where it is."""
        return self.served.url

    def view(self, path: str, times: int = 1, title: str = "") -> None:
        """Say that a page was viewed."""
        views = [
            {"path": path, "title": title, "event_id": str(uuid4()), "ts": int(time.time() * 1000)}
            for _ in range(times)
        ]
        for first in range(0, times, 20):
            body = json.dumps(views[first : first + 20])
            with self.served.client() as client:
                headers = {"content-type": "application/json", "user-agent": AGENT}
                assert client.post("/v1/views", content=body, headers=headers).status_code == 204

    def counted(self, path: str, by: str = "page") -> int:
        """How often the ranking has counted a key."""
        with self.served.client() as client:
            answer = client.get("/v1/ranking", params={"by": by, "k": "1000"} | PEOPLE).json()
        return sum(each["count"] for each in answer["items"] if each["key"] == path)

    def viewed(self, path: str, times: int, title: str = "") -> None:
        """Say it, and wait until it is counted."""
        before = self.counted(path)
        self.view(path, times, title)
        until(lambda: self.counted(path) == before + times)


def filled(served: Served) -> Site:
    """A site with the traffic that the demo makes up."""
    now_ms = int(time.time() * 1000)
    made = Generator(1, EVENTS_PER_S).arrivals(now_ms, HISTORY_S)
    sent = [Sent(f"/v1/logs/{each.source}", each.payload, 202) for each in made]
    for each in Viewers(1, 400).arrivals(now_ms, VIEWED_S):
        headers = {"user-agent": each.agent, "content-type": "text/plain"}
        sent.append(Sent("/v1/views", each.body, 204, headers))
    # One at a time each would wait for the disk by itself.
    with served.client() as client, ThreadPoolExecutor(AT_ONCE) as senders:
        for status, each in zip(senders.map(lambda each: each.to(client), sent), sent, strict=True):
            assert status == each.status
    served.landed()
    return Site(served)


def post_lines(served: Served, source: str, lines: Iterable[bytes]) -> None:
    """Send some lines of a log, and wait until they have landed."""
    posted = served.post(b"".join(line + b"\n" for line in lines), source)
    assert posted.status_code == 202, posted.text
    served.landed()
