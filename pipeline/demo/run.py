"""The demo: made-up traffic through the whole embedded pipeline, in a home of its own.

<home>/demo  emptied at each start, if it carries the demo's mark
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.batch import Context
from pipeline.demo.generator import FLOW_FORMAT, LOG_GROUPS, NETWORKS, Generator
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Network, Networks
from pipeline.errors import HomeError
from pipeline.home import DEMO, LOCK, WritingHome, writing
from pipeline.settings import Settings
from pipeline.sources import Formats
from pipeline.stream.log import Incoming

MARK = ".demo"
HISTORY_S = 300.0
TICK_S = 1.0
PIECE = 64


@dataclass
class Demo:
    """A running demo: `sent` and `seconds` since its live part began."""

    home: WritingHome
    generator: Generator
    started: float = 0.0
    sent: int = 0
    sources: set[str] = field(default_factory=set)

    def history(self) -> None:
        """Send the traffic of the last minutes at once, so that there is a picture from the start.

        It is sent with the arrival of now, as a stream that was held up would deliver it.
        """
        now_ms = int(time.time() * 1000)
        batch: list[Incoming] = []
        for emission in self.generator.arrivals(now_ms, HISTORY_S):
            batch.append(Incoming(emission.source, emission.key, emission.payload, now_ms))
            self.sources.add(emission.source)
            if len(batch) == PIECE:
                self.home.log.append(batch)
                batch = []
        self.home.log.append(batch)
        self.home.worker.drain()
        self.started = time.monotonic()

    def ticks(self, for_s: float | None) -> Iterator[float]:
        """Send live traffic once a second; yields the seconds gone. None: until interrupted."""
        last = self.started
        while for_s is None or last - self.started < for_s:
            end = self.started + for_s if for_s is not None else last + TICK_S
            time.sleep(max(0.0, min(last + TICK_S, end) - time.monotonic()))
            now = time.monotonic()
            self._tick(now - last)
            last = now
            yield now - self.started

    def _tick(self, seconds: float) -> None:
        now_ms = int(time.time() * 1000)
        emissions = self.generator.emit(now_ms, seconds)
        self.home.log.append([Incoming(e.source, e.key, e.payload, now_ms) for e in emissions])
        self.sent += len(emissions)
        self.home.worker.drain()


@contextmanager
def demo(settings: Settings, events_per_s: float, seed: int = 1) -> Iterator[Demo]:
    """A demo in a freshly emptied home.

    Raises HomeError when that folder holds something else, or another process writes to it.
    """
    folder = settings.home_path / DEMO
    _check_mark(folder)
    networks = Networks.of(tuple(Network(*row) for row in NETWORKS))
    flow_groups = [group for group, source in LOG_GROUPS.items() if source == "vpc-flow"]
    formats = Formats(dict.fromkeys(flow_groups, (FLOW_FORMAT,)))
    context = Context(Lookups(networks), settings.limits, formats, settings.own_log_groups)
    with writing(folder, context, prepare=_empty) as home:
        yield Demo(home, Generator(seed, events_per_s))


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
