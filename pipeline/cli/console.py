"""What moves on stderr: redrawn in place on a terminal, one line a phase elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.cli import streams
from pipeline.cli.output import say, visible

REDRAWN_S = 0.2


class Live:
    """A line that is drawn again and again on a terminal, and the lines that stay."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = False

    def show(self, text: str) -> None:
        """Draw the moving line anew; silent when stderr is no terminal."""
        if self._terminal:
            # One column less: some terminals begin a new line behind the last.
            columns = (streams.width(sys.stderr) or streams.USUAL_WIDTH) - 1
            sys.stderr.write(f"\r\x1b[2K{streams.cut(visible(text), columns)}")
            sys.stderr.flush()
            self._drawn = True

    def say(self, text: str) -> None:
        """Put a line that stays in the place of the moving one."""
        self.close()
        say(f"{text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the moving line away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            self._drawn = False

    @contextmanager
    def watching(self, text: Callable[[], str]) -> Iterator[None]:
        """Draw the line again while something works that says nothing itself."""
        done = threading.Event()

        def draw() -> None:
            while not done.wait(REDRAWN_S):
                self.show(text())

        thread = threading.Thread(target=draw, daemon=True)
        if self._terminal:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self._terminal:
                thread.join()
