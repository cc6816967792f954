"""The demo: made-up traffic, posted to a server over a home of its own.

<home>/demo  emptied at each start, if it carries the demo's mark; with settings to read it by
             (pipeline/demo/declared.py)
"""

import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.batch import Context
from pipeline.demo.declared import DECLARED_FORMATS, DECLARED_NETWORKS, write_settings
from pipeline.demo.generator import Emission, Generator
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
from pipeline.web.server import Address, beside
from pipeline.web.state import ServerState, WorkerState

MARK = ".demo"
HISTORY_S = 300.0
TICK_S = 1.0
POLL_S = 0.05
ANSWER_S = 30.0
TAKEN = 202


@dataclass
class Demo:
    """A running demo: `sent` and `seconds` since its live part began."""

    home: WritingHome
    state: ServerState
    url: str
    generator: Generator
    patience_s: float
    started: float = 0.0
    sent: int = 0
    sources: set[str] = field(default_factory=set)

    @property
    def worker(self) -> WorkerState:
        """What the server's worker has done."""
        return self.state.worker()

    def history(self) -> None:
        """Send the traffic of the last minutes at once, so that there is a picture from the start.

        It is sent with the arrival of now, as a stream that was held up would deliver it.
        """
        self._post(self.generator.arrivals(int(time.time() * 1000), HISTORY_S))
        self.landed()
        self.started = time.monotonic()

    def ticks(self, for_s: float | None) -> Iterator[float]:
        """Send live traffic once a second; yields the seconds gone. None: until interrupted."""
        last = self.started
        while for_s is None or last - self.started < for_s:
            end = self.started + for_s if for_s is not None else last + TICK_S
            time.sleep(max(0.0, min(last + TICK_S, end) - time.monotonic()))
            now = time.monotonic()
            self.sent += self._post(self.generator.emit(int(time.time() * 1000), now - last))
            last = now
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

    def _post(self, emissions: Iterable[Emission]) -> int:
        """Send some records; returns how many.

        Raises DeliveryError when the server does not take one.
        """
        sent = 0
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_S)) as connection:
            for emission in emissions:
                self.sources.add(emission.source)
                try:
                    connection.request("POST", f"/v1/logs/{emission.source}", emission.payload)
                    response = connection.getresponse()
                    said = response.read()
                except (OSError, HTTPException) as error:
                    raise _not_taken(str(error), self.url) from error
                if response.status != TAKEN:
                    raise _not_taken(f"{response.status} {said.decode()}", self.url)
                sent += 1
        return sent


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
        beside(folder, context, address, settings.prices) as (state, url),
    ):
        write_settings(folder, settings)
        patience_s = settings.limits.sink_patience_s
        yield Demo(home, state, url, Generator(seed, events_per_s), patience_s)


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
        elif path.name.startswith("log.db"):
            path.unlink()
