"""A terminal as a command sees one, and what a person would see on it."""

import codecs
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len

from tests.homes import COMMAND, clean_environ

# A demo on a machine that does much else sends its past for a minute.
PATIENCE_S = 120.0
# Of "XTerm Control Sequences" what rich writes, and the characters themselves.
_PARTS = re.compile(r"\x1b\[(?P<given>[?0-9;]*)(?P<final>[A-Za-z])|(?P<one>[\s\S])")
# What was read may end within one.
_BEGUN = re.compile(r"\x1b(\[[?0-9;]*)?$")


@dataclass
class Screen:
    """So many columns and lines; a wide character takes two columns.

    unknown  what was written that it does not know
    wraps    lines that went on in the next, for want of columns
    """

    columns: int
    lines: int
    whole: bool = False
    shown: list[list[str]] = field(default_factory=list)
    at: tuple[int, int] = (0, 0)
    unknown: list[str] = field(default_factory=list)
    wraps: int = 0
    begun: str = ""

    def __post_init__(self) -> None:
        self.shown = [[" "] * self.columns for _ in range(self.lines)]

    @property
    def text(self) -> str:
        """What stands on it."""
        return "\n".join("".join(line).rstrip() for line in self.shown)

    def feed(self, written: str) -> None:
        """Draw what a program writes."""
        written = self.begun + written
        begun = _BEGUN.search(written)
        self.begun = begun[0] if begun else ""
        for found in _PARTS.finditer(written.removesuffix(self.begun)):
            if found["one"] is not None:
                self._draw(found["one"])
            else:
                self._control(found["given"], found["final"])

    def _draw(self, one: str) -> None:
        line, column = self.at
        if one == "\r":
            self.at = line, 0
        elif one == "\n":
            self._next()
        elif not one.isprintable() and one != "\u200e":
            self.unknown.append(one)
        elif cell_len(one):
            if column + cell_len(one) > self.columns:
                self.wraps += 1
                self._next()
                line, column = self.at[0], 0
            self.shown[line][column : column + cell_len(one)] = [one, ""][: cell_len(one)]
            self.at = line, column + cell_len(one)

    def _next(self) -> None:
        line, _ = self.at
        if line + 1 == self.lines:
            self.shown = [*self.shown[1:], [" "] * self.columns]
        self.at = min(line + 1, self.lines - 1), 0

    def _control(self, given: str, final: str) -> None:
        line, column = self.at
        number = int(given) if given.isdigit() else 1
        if final == "H" and not given:
            self.at = 0, 0
        elif final == "A":
            self.at = max(line - number, 0), column
        elif final == "K" and given == "2":
            self.shown[line] = [" "] * self.columns
        elif given == "?1049":
            self.whole = final == "h"
            self.__post_init__()
            self.at = 0, 0
        elif final != "m" and given != "?25":
            self.unknown.append(f"{given}{final}")


@dataclass
class Terminal:
    """A command on a terminal; keys are pressed by `press`."""

    process: "subprocess.Popen[bytes]"
    master: int
    screen: Screen
    written: str = ""
    decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8")
    )

    def until(self, holds: Callable[[str], bool]) -> str:
        """Draw what it writes until the screen is so. What it shows then."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(self.screen.text):
            assert time.monotonic() < deadline, self.screen.text
            self._read(0.1)
        return self.screen.text

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size."""
        _set_size(self.master, columns, lines)
        whole = self.screen.whole
        self.screen = Screen(columns, lines, whole)

    def end(self) -> int:
        """Draw the rest; the code that it ends with."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.screen.text
            self._read(0.1)
        self._read(0.1)
        return self.process.returncode

    def settings(self) -> list[object]:
        """The terminal's modes, as termios has them."""
        return termios.tcgetattr(self.master)

    def _read(self, patience_s: float) -> None:
        while select.select([self.master], [], [], patience_s)[0]:
            try:
                written = self.decoder.decode(os.read(self.master, 1 << 16))
            except OSError:  # nobody has it open on the other side any more
                return
            self.written += written
            self.screen.feed(written)
            patience_s = 0.0


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@contextmanager
def on_terminal(
    *words: str | Path, columns: int = 80, lines: int = 30, **environ: str
) -> Iterator[Terminal]:
    """The command on a terminal of its own; killed at the end where it still runs."""
    master, slave = os.openpty()
    _set_size(slave, columns, lines)
    environment = clean_environ() | {"TERM": "xterm-256color"} | environ
    for name in ("COLUMNS", "LINES", *(() if "NO_COLOR" in environ else ("NO_COLOR",))):
        environment.pop(name, None)
    process = subprocess.Popen(
        [COMMAND, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    try:
        yield Terminal(process, master, Screen(columns, lines))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        os.close(master)
        os.close(slave)
