"""The demo on a terminal: what runs, the key figures, the pages that are hot and the traffic.

It is drawn in a thread of its own, below what stays, and leaves nothing behind: the answers are
printed when it has ended.
"""

import _thread
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipeline.cli.output import visible
from pipeline.cli.top import figures, frame, terminal
from pipeline.cli.top.answers import rows
from pipeline.cli.top.feeds import HomeFeed
from pipeline.cli.top.figures import Pace, Standing
from pipeline.cli.top.frame import Size
from pipeline.cli.top.kept import Kept
from pipeline.cli.top.ranking import ACCEPTED, RULE
from pipeline.cli.top.watching import View, Watched
from pipeline.demo.run import HISTORY_S
from pipeline.queries.engines.duckdb import DuckDb
from pipeline.queries.runner import run
from pipeline.settings import Prices

if TYPE_CHECKING:
    from pipeline.demo.run import Demo

MINUTES, PAGES = 5, 8
# Of a terminal that does not say; below so many only ranking and traffic are drawn.
USUAL_LINES, LEAST_LINES = 24, 28
STANDING_S = 5.0
KEY_S = 0.2
KEYS = (
    ("1 2 3 4", "ranking"),
    ("+ -", "window"),
    ("p", "pause"),
    ("q", "stop and print the audit"),
)


def play(running: "Demo", rate: int, for_s: float | None, older: bool) -> None:
    """Send the past, then live traffic until its end, q or Ctrl-C; drawn meanwhile.

    Raises KeyboardInterrupt at Ctrl-C where an end was set, and what the demo raises.
    """
    play = _Play(running, _begun(running, older))
    try:
        with _drawn(play):
            started = time.monotonic()
            running.history()
            play.steps.append(_sent(running, rate, time.monotonic() - started))
            for seconds in running.ticks(for_s):
                play.live = _live(seconds, for_s)
    except KeyboardInterrupt:
        if for_s is not None and not play.ended:
            raise
    finally:
        terminal.write(play.steps, sys.stderr)


def _begun(running: "Demo", older: bool) -> list[Text]:
    """What stays: where it is served, and from which home."""
    steps = [_step("server", f"{running.url}, home {running.home.folder}")]
    if older:
        steps.append(_step("home", "the data of the demo before is thrown away"))
    return steps


def _sent(running: "Demo", rate: int, seconds: float) -> Text:
    what = f"the last {HISTORY_S / 60:.0f} minutes of {rate:,} events/s"
    return _step("generator", f"{what}: {running.worker.rows:,} rows in {seconds:.1f} s")


def _step(name: str, what: str) -> Text:
    return Text("✓ ", ACCEPTED).append(f"{name:<10} {visible(what)}", "")


def _live(seconds: float, for_s: float | None) -> str:
    return f"live {seconds:.0f} s" if for_s is None else f"live {seconds:.0f} of {for_s:.0f} s"


@dataclass
class _Play:
    """A demo that is drawn.

    steps  what has been done
    live   how far it is
    ended  whether q was pressed
    """

    running: "Demo"
    steps: list[Text]
    live: str = "sending the past"
    ended: bool = False
    pace: Pace = field(default_factory=Pace)
    waits: deque[int] = field(default_factory=lambda: deque(maxlen=figures.POINTS))
    stop: threading.Event = field(default_factory=threading.Event)

    def draw(self, watched: Watched, standing: Kept[Standing], size: Size) -> list[Text]:
        """The frame as it is now."""
        worker = self.running.worker
        self.pace.add(time.monotonic(), worker.rows + worker.rejected + worker.dropped)
        watched.told = (
            f"{self.live} · {worker.rows:,} rows, {worker.rejected:,} rejected,"
            f" {worker.dropped:,} dropped"
        )
        known = figures.figures_of(self.pace, watched.traffic.value, standing.value, self.waits)
        above = [*self.steps, Text(), *figures.lines(known, size.width), Text(RULE * size.width)]
        # The cursor stands below it.
        high = (size.lines or USUAL_LINES) - 1
        room = Size(size.columns, high, size.encoding)
        return frame.lines(watched.scene(), room, above if high >= LEAST_LINES else ())

    def press(self, key: str, watched: Watched) -> None:
        """Do what a key stands for; q interrupts what the demo does just now, as Ctrl-C would."""
        if key in "qQ\x04":
            self.ended = True
            self.stop.set()
            _thread.interrupt_main()
        else:
            watched.press(key)


@contextmanager
def _drawn(play: _Play) -> Iterator[None]:
    """Draw it while the block works; the terminal is as it was when that is through."""
    pool = ThreadPoolExecutor(3, "demo")
    with terminal.keys() as pressed, terminal.drawing(sys.stderr, False) as draw:
        thread = threading.Thread(target=_loop, args=(play, pool, pressed, draw), daemon=True)
        thread.start()
        try:
            yield
        finally:
            play.stop.set()
            thread.join()
            pool.shutdown(wait=True, cancel_futures=True)


def _loop(
    play: _Play, pool: ThreadPoolExecutor, pressed: Callable[[float], str], draw: terminal.Draw
) -> None:
    feed = HomeFeed(play.running.home.folder, enough=play.stop.is_set)
    watched = Watched(feed, View("page", MINUTES, PAGES, bots=False), pool, KEYS)
    standing: Kept[Standing] = Kept(lambda: _standing(feed, play), STANDING_S, pool)
    drawn_at = 0.0
    while not play.stop.is_set():
        watched.poll()
        if standing.poll() and standing.value and standing.value.wait_ms is not None:
            play.waits.append(standing.value.wait_ms)
        if time.monotonic() - drawn_at >= 1:
            draw(play.draw(watched, standing, terminal.size_of(sys.stderr)))
            drawn_at = time.monotonic()
        for key in pressed(KEY_S):
            play.press(key, watched)
            drawn_at = 0.0


def _standing(feed: HomeFeed, play: _Play) -> Standing:
    """What two saved queries say; the audit itself is for the end, it looks at every file."""

    def ask(name: str, since: str) -> list[Mapping[str, Any]]:
        engine = DuckDb(feed.home, alone=True)
        found = run(name, since=since, engine=engine, prices=Prices(), enough=play.stop.is_set)
        return rows(found.as_json(), feed.place)

    waits = [each["p95_ms"] for each in ask("lag", "1m") if each["p95_ms"] is not None]
    lost = sum(each["unaccounted"] for each in ask("intake", "1d"))
    return Standing(lost, max(waits, default=None))
