"""Watching: answers asked for again and again, keys, and a frame of what is there."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.cli.top import frame, terminal
from pipeline.cli.top.answers import Ranked, Traffic
from pipeline.cli.top.feeds import Feed
from pipeline.cli.top.kept import Kept
from pipeline.cli.top.marks import age
from pipeline.cli.top.ranking import DIM, FAULT, NAMED

RANKED_S, TRAFFIC_S, NEWEST_S = 1.0, 5.0, 1.0
# Of traffic: flow logs come late, and a window of ten minutes would mostly be empty.
TRAFFIC_MINUTES = 30
KEY_S = 0.1
DRAWN_S = 1.0
WINDOWS = (1, 2, 5, 10, 15, 20, 30, 45, 60)
BYS = tuple(NAMED)
# What can be pressed, and what it does.
Keys = Sequence[tuple[str, str]]


@dataclass
class View:
    """What is looked at."""

    by: str
    minutes: int
    most: int
    bots: bool

    @property
    def question(self) -> dict[str, str]:
        """It as parameters of a ranking."""
        counted = {} if self.bots else {"bots": "false", "assets": "false"}
        return {"by": self.by, "window": f"{self.minutes}m", "k": str(self.most)} | counted

    def press(self, key: str) -> bool:
        """Look at something else; false where the key stands for nothing of it."""
        by, minutes = self.by, self.minutes
        if key in "1234":
            self.by = BYS[int(key) - 1]
        elif key == "\t":
            self.by = BYS[(BYS.index(by) + 1) % len(BYS)]
        elif key in "+=":
            self.minutes = next((each for each in WINDOWS if each > minutes), minutes)
        elif key in "-_":
            self.minutes = next((each for each in reversed(WINDOWS) if each < minutes), minutes)
        return (by, minutes) != (self.by, self.minutes)


KEYS = (
    *((str(number), NAMED[by].short) for number, by in enumerate(BYS, 1)),
    ("+ -", "window"),
    ("p", "pause"),
    ("q", "quit"),
)


class Watched:
    """The answers of a feed to a view.

    told  what is said in the place of where it reads from
    """

    def __init__(self, feed: Feed, view: View, pool: ThreadPoolExecutor, keys: Keys = KEYS) -> None:
        self.feed, self.view, self.keys, self.told = feed, view, keys, ""
        self.paused_at: float | None = None
        self.ranked: Kept[Ranked] = Kept(self._asking(), RANKED_S, pool)
        self.traffic: Kept[Traffic] = Kept(lambda: feed.traffic(TRAFFIC_MINUTES), TRAFFIC_S, pool)
        self.newest: Kept[tuple[datetime | None, str]] = Kept(
            lambda: (feed.newest(), feed.note()), NEWEST_S, pool
        )

    def _asking(self) -> Callable[[], Ranked]:
        question = self.view.question
        return lambda: self.feed.ranking(question)

    @property
    def waits(self) -> bool:
        """Whether there is no ranking yet of what is looked at."""
        return self.ranked.value is None or self.ranked.value.by != self.view.by

    def poll(self) -> bool:
        """Take what has come; whether anything has. While it is paused nothing is asked."""
        if self.paused_at is not None:
            return False
        return any([each.poll() for each in (self.ranked, self.traffic, self.newest)])

    def press(self, key: str) -> bool:
        """Do what a key stands for; whether that is anything."""
        if key in "pP ":
            self.paused_at = time.monotonic() if self.paused_at is None else None
            return True
        if not self.view.press(key):
            return False
        # Something else is wanted now.
        self.paused_at = None
        self.ranked.anew(self._asking())
        return True

    def scene(self) -> frame.Scene:
        """What there is to draw."""
        ranked, view = None if self.waits else self.ranked.value, self.view
        note = self.newest.value[1] if self.newest.value else ""
        return frame.Scene(
            view.by,
            self._status(),
            self.told or placed(self.feed.place, note),
            ranked,
            self.traffic.value,
            view.most,
            self.keys,
        )

    def _status(self) -> tuple[str, str]:
        if self.paused_at is not None:
            return f"Paused, {age(time.monotonic() - self.paused_at)} old", "bold"
        if self.ranked.error is not None:
            when = f"again in {self.ranked.in_s:.0f} s"
            good = ""
            if self.ranked.value is not None:
                good = f"; below: what was good at {self.ranked.value.as_of:%H:%M:%S} UTC"
            return f"✗ {self.ranked.error.what}; {when}{good}", FAULT
        if self.newest.value is None:
            return "Asking", DIM
        return frame.freshness(self.newest.value[0], datetime.now(UTC))


def placed(place: str, note: str) -> str:
    """What is watched; what there is to know of it first, for a path may be long."""
    return f"{note}: {place}" if note else place


def once(feed: Feed, view: View) -> None:
    """Print a frame. Raises TailraceError where there is no ranking to print."""
    status = frame.freshness(feed.newest(), datetime.now(UTC))
    place = placed(feed.place, feed.note())
    ranked, traffic = feed.ranking(view.question), feed.traffic(TRAFFIC_MINUTES)
    size = terminal.size_of(sys.stdout)
    scene = frame.Scene(view.by, status, place, ranked, traffic, view.most)
    terminal.write(frame.lines(scene, frame.Size(size.columns, None, size.encoding)), sys.stdout)


def watch(feed: Feed, view: View) -> None:
    """Draw frames until q or the end of the terminal.

    Raises TailraceError where the first answer is none; later ones are told and asked for again.
    """
    feed.ranking(view.question)
    pool = ThreadPoolExecutor(3, "top")
    watched = Watched(feed, view, pool)
    try:
        with _ending(), terminal.keys() as pressed, terminal.drawing(sys.stdout, True) as draw:
            _loop(watched, pressed, draw)
    except EOFError:
        # Nobody looks any more.
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _loop(watched: Watched, pressed: Callable[[float], str], draw: terminal.Draw) -> None:
    drawn_at, drawn_on = 0.0, None
    while True:
        # Once a second is enough; but whoever waits for a first answer gets it when it comes.
        waits = watched.waits
        came = watched.poll() and waits
        size, now = terminal.size_of(sys.stdout), time.monotonic()
        if came or size != drawn_on or now - drawn_at >= DRAWN_S:
            draw(frame.lines(watched.scene(), size))
            drawn_at, drawn_on = now, size
        for key in pressed(KEY_S):
            if key in "qQ\x04":
                return
            if watched.press(key):
                drawn_at = 0.0


@contextmanager
def _ending() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end it as Ctrl-C does, so that the terminal is given back."""
    taken = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.default_int_handler) for each in taken}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
