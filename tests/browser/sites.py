"""Servers with something to look at, fed by HTTP as anybody would."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from pipeline.demo.generator import Generator
from pipeline.demo.viewers import Viewers
from tests.web.serving import Served, until

EVENTS_PER_S, HISTORY_S, VIEWED_S = 60, 300.0, 840.0
SCANNER = "198.51.100.64"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# As the page asks.
PEOPLE = {"bots": "false", "assets": "false"}


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
        for first in range(0, times, 50):
            body = json.dumps(views[first : first + 50])
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
    site, now_ms = Site(served), int(time.time() * 1000)
    with served.client() as client:
        for emission in Generator(1, EVENTS_PER_S).arrivals(now_ms, HISTORY_S):
            posted = client.post(f"/v1/logs/{emission.source}", content=emission.payload)
            assert posted.status_code == 202
        for beacon in Viewers(1, 400).arrivals(now_ms, VIEWED_S):
            headers = {"user-agent": beacon.agent, "content-type": "text/plain"}
            client.post("/v1/views", content=beacon.body, headers=headers)
    served.landed()
    return site


def post_lines(served: Served, source: str, lines: Iterable[bytes]) -> None:
    """Send some lines of a log, and wait until they have landed."""
    posted = served.post(b"".join(line + b"\n" for line in lines), source)
    assert posted.status_code == 202, posted.text
    served.landed()
