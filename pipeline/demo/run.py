"""The demo: made-up traffic, posted to a server over a home of its own.

<home>/demo  emptied at each start, if it carries the demo's mark; with settings to read it by
             (pipeline/demo/declared.py)
"""

import json
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import islice, takewhile
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from pipeline.batch import Context
from pipeline.demo.declared import DECLARED_FORMATS, DECLARED_NETWORKS, write_settings
from pipeline.demo.generator import Emission, Generator
from pipeline.demo.viewers import HISTORY_S as VIEWED_S
from pipeline.demo.viewers import Beacon, Viewers
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Networks
from pipeline.errors import DeliveryError, HomeError, TailraceError
from pipeline.home import WritingHome, writing
from pipeline.lake.folders import DEMO
from pipeline.lookups import of_home
from pipeline.reading.parsed import Formats
from pipeline.settings import Settings
from pipeline.store.lock import LOCK
from pipeline.web import HOST, PORT
from pipeline.web.address import Address
from pipeline.web.server import beside
from pipeline.web.state import ServerState, WorkerState

MARK = ".demo"
HISTORY_S = 300.0
# Of the views of that time: enough for a ranking.
AHEAD = 60
TICK_S = 1.0
POLL_S = 0.05
ANSWER_S = 30.0
OK, TAKEN, NO_CONTENT = 200, 202, 204
NO_HEADERS: Mapping[str, str] = {}
# A ranking has what was sent within a second; on a machine that does much else, later.
COUNTED_S = 10.0


@dataclass
class Demo:
    """A running demo.

    started  when its live part began; `sent`: records since then
    viewed   views of pages since it began, each once; `viewed_ms`: until when they are sent
    """

    home: WritingHome
    state: ServerState
    url: str
    generator: Generator
    viewers: Viewers
    patience_s: float
    started: float = 0.0
    sent: int = 0
    viewed: int = 0
    viewed_ms: int = 0
    sources: set[str] = field(default_factory=set)

    @property
    def worker(self) -> WorkerState:
        """What the server's worker has done."""
        return self.state.worker()

    def history(self) -> None:
        """Send the traffic of the last minutes at once, so that there is a picture from the start.

        It is sent with the arrival of now, as a stream that was held up would deliver it.
        """
        now_ms = int(time.time() * 1000)
        # The newest first: who looks at the page sees rows while the rest still comes.
        beacons = reversed(list(self.viewers.arrivals(now_ms, VIEWED_S)))
        self._view(islice(beacons, AHEAD))
        self._both(beacons, self.generator.arrivals(now_ms, HISTORY_S))
        self.viewed_ms = now_ms
        self.landed()
        self.started = time.monotonic()

    def _both(self, beacons: Iterable[Beacon], emissions: Iterable[Emission]) -> None:
        """Send views and records at once: an answer to a view waits for others to be kept with it.

        That takes 7 ms a view, which would hold all records up for 12 s.
        """
        ended = Event()
        wanted = takewhile(lambda beacon: not ended.is_set(), beacons)
        with ThreadPoolExecutor(1, "demo-views") as pool:
            viewing = pool.submit(self._view, wanted)
            try:
                self._post(emissions)
                viewing.result()
            finally:
                ended.set()

    def ticks(self, for_s: float | None) -> Iterator[float]:
        """Send live traffic once a second; yields the seconds gone. None: until interrupted."""
        last = self.started
        while for_s is None or last - self.started < for_s:
            end = self.started + for_s if for_s is not None else last + TICK_S
            time.sleep(max(0.0, min(last + TICK_S, end) - time.monotonic()))
            now, now_ms = time.monotonic(), int(time.time() * 1000)
            self.sent += self._post(self.generator.emit(now_ms, now - last))
            # Also what was viewed while the past was sent, or the ranking had a hole there.
            self._view(self.viewers.arrivals(now_ms, max(0, now_ms - self.viewed_ms) / 1000))
            last, self.viewed_ms = now, now_ms
            yield now - self.started

    def landed(self) -> None:
        """Wait until all that was sent has landed.

        Raises DeliveryError when the sink takes nothing for longer than the settings' patience.
        """
        while self.home.log.backlog():
            worker, now_ms = self.worker, time.time() * 1000
            if worker.state == "stopped":
                raise TailraceError("the worker ended", f"in {self.home.folder}", "start again")
            since = worker.holding_ms
            if since is not None and now_ms - since > self.patience_s * 1000:
                fix = "free some space or mend the permissions of the home, then start again"
                raise DeliveryError(worker.problem, f"in {self.home.folder}", fix)
            time.sleep(POLL_S)

    def ranking(self, window: str, most: int) -> dict[str, Any]:
        """What the server answers: pages that people view, once it has counted all that was sent.

        window  like 5m

        Raises DeliveryError when it does not answer.
        """
        deadline = time.monotonic() + COUNTED_S
        while self._ask("window=60m&k=1")["total"] < self.viewed and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self._ask(f"window={window}&k={most}&bots=false&assets=false")

    def _ask(self, query: str) -> dict[str, Any]:
        with closing(self._connection()) as connection:
            path = f"/v1/ranking?by=page&{query}"
            found: dict[str, Any] = json.loads(self._answer(connection, "GET", path, OK))
            return found

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_S)

    def _post(self, emissions: Iterable[Emission]) -> int:
        """Send some records; returns how many.

        Raises DeliveryError when the server does not take one.
        """
        sent = 0
        with closing(self._connection()) as connection:
            for emission in emissions:
                self.sources.add(emission.source)
                path = f"/v1/logs/{emission.source}"
                self._answer(connection, "POST", path, TAKEN, emission.payload)
                sent += 1
        return sent

    def _view(self, beacons: Iterable[Beacon]) -> None:
        """Send views, as the script of a page would. Raises DeliveryError as for records."""
        before = None
        with closing(self._connection()) as connection:
            for beacon in beacons:
                headers = {
                    "user-agent": beacon.agent,
                    "content-type": "text/plain",
                    "x-forwarded-for": beacon.address,
                }
                path = "/v1/views"
                self._answer(connection, "POST", path, NO_CONTENT, beacon.body, headers)
                self.viewed += beacon.views if beacon is not before else 0
                before = beacon

    def _answer(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """What the server says. Raises DeliveryError where its status is not the one expected."""
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            said = response.read()
        except (OSError, HTTPException) as error:
            raise _not_taken(str(error), self.url) from error
        if response.status != status:
            raise _not_taken(f"{response.status} {said.decode()}", self.url)
        return said


def _not_taken(why: str, url: str) -> DeliveryError:
    what = f"the demo's server does not take what is sent: {why}"
    return DeliveryError(what, f"at {url}", "see what it says above, then start again")


@contextmanager
def demo(
    settings: Settings, events_per_s: float, port: int | None = None, seed: int = 1
) -> Iterator[Demo]:
    """A demo in a freshly emptied home, on a server of its own; port None: the usual one, or any.

    Raises HomeError when that folder holds something else, or another process writes to it;
    TailraceError for a port that is taken.
    """
    folder = settings.home_path / DEMO
    _check_mark(folder)
    # Of the home itself: the demo's own is emptied.
    lookups = Lookups(Networks.of(DECLARED_NETWORKS), of_home(settings.home_path))
    formats = Formats(DECLARED_FORMATS)
    context = Context(lookups, settings.limits, formats, settings.own_log_groups)
    address = Address(HOST, _usual_or_any() if port is None else port)
    with (
        writing(folder, context, prepare=_empty) as home,
        # Viewers have addresses, as if there were a proxy.
        beside(folder, context, address, settings.prices, proxied=True) as (state, url),
    ):
        write_settings(folder, settings)
        patience_s = settings.limits.sink_patience_s
        made = Generator(seed, events_per_s), Viewers(seed, events_per_s)
        yield Demo(home, state, url, *made, patience_s)


def _usual_or_any() -> int:
    # A demo beside a server is no mistake.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            return 0
    return PORT


def _check_mark(folder: Path) -> None:
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    # A demo that was killed at once left its lock behind and no mark.
    if found - {LOCK} and MARK not in found:
        raise HomeError(
            "the demo will not empty a folder that is not its own",
            f"at {folder.absolute()}",
            f"move it away, or choose another --home (the demo's own folder holds {MARK})",
        )


def _empty(folder: Path) -> None:
    (folder / MARK).touch()
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name.startswith(("log.db", "ranking.db")):
            path.unlink()
