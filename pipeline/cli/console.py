"""What moves on stderr: redrawn in place on a terminal, one line a phase elsewhere."""

import sys
from types import TracebackType


class Live:
    """One line that is drawn again and again; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._drawn = False
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> "Live":
        return self

    def show(self, text: str) -> None:
        """Draw the line anew."""
        if self._terminal:
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()
            self._drawn = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            sys.stderr.write("\n")
