"""The terminal: drawn on in place, keys read one by one, and left as it was found.

Source: termios(3), "Canonical and noncanonical mode"; XTerm Control Sequences, "Alternate Screen".
"""

import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from pipeline.cli.streams import USUAL_WIDTH
from pipeline.cli.top.frame import WIDEST, Size

Draw = Callable[[Sequence[Text]], None]


def moves(stream: TextIO) -> bool:
    """Whether what is drawn there can be drawn over again."""
    return stream.isatty() and not Console(file=stream).is_dumb_terminal


def size_of(stream: TextIO) -> Size:
    """How much room there is, as it is now."""
    encoding = stream.encoding or "utf-8"
    if not stream.isatty():
        return Size(WIDEST, None, encoding)
    try:
        found = os.get_terminal_size(stream.fileno())
    except OSError:
        return Size(USUAL_WIDTH, None, encoding)
    return Size(found.columns or USUAL_WIDTH, found.lines or None, encoding)


def write(lines: Sequence[Text], stream: TextIO) -> None:
    """Lines that stay; in colour only on a terminal that has some."""
    console = Console(file=stream, highlight=False, width=max(size_of(stream).columns, 1))
    for line in lines:
        # No wider than its terminal: its width is known already.
        console.print(line, soft_wrap=True, markup=False)


@contextmanager
def drawing(stream: TextIO, whole: bool) -> Iterator[Draw]:
    """What draws lines over those that it drew before; `whole`: on a screen of its own.

    At the end the terminal shows what it showed before.
    """
    console = Console(file=stream, highlight=False)
    live = Live(
        console=console,
        screen=whole,
        auto_refresh=False,
        transient=True,
        vertical_overflow="crop",
        redirect_stdout=False,
        # What else is said stays above it.
        redirect_stderr=not whole,
    )
    with live:
        yield lambda lines: live.update(Group(*lines), refresh=True)


@contextmanager
def keys(stream: TextIO | None = None) -> Iterator[Callable[[float], str]]:
    """What waits so many seconds for keys and gives those that were pressed; "" for none.

    Ctrl-C stays what it is. Where standard input is no terminal nothing is ever pressed.
    """
    stream = stream or sys.stdin
    if not stream.isatty():
        yield lambda seconds: _none(seconds)
        return
    import termios

    descriptor = stream.fileno()
    before = termios.tcgetattr(descriptor)
    now = termios.tcgetattr(descriptor)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, now)
    try:
        yield lambda seconds: _pressed(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""


def _pressed(descriptor: int, seconds: float) -> str:
    """What was pressed; an arrow key is a sequence, of which nothing is taken."""
    if not select.select([descriptor], [], [], seconds)[0]:
        return ""
    pressed = os.read(descriptor, 64)
    if not pressed:
        # The terminal is gone.
        raise EOFError
    return "" if pressed[:1] == b"\x1b" else pressed.decode("latin-1")
