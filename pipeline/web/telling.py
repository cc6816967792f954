"""What a server says on standard error while it runs: turns, and requests where they failed."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

# Landing goes on again when nothing has failed for so long: on a disk that is nearly full small
# records pass between large ones that do not, and each would be a turn.
CALM_S = 5.0


def tell(line: str) -> None:
    """One line to standard error; no server ends because nobody reads it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{ascii(line)[1:-1]}\n")
        sys.stderr.flush()


@dataclass
class Turns:
    """Says when landing, or another thing, begins to hold, and when it goes on again."""

    say: Callable[[str], None] = tell
    clock: Callable[[], float] = time.monotonic
    begins: str = "holding"
    ends: str = "landing again"
    _failed: float | None = None

    def look(self, problem: str) -> None:
        """Take note of why nothing lands or is taken at present; "": all is well."""
        now = self.clock()
        if problem:
            if self._failed is None:
                self.say(f"{self.begins}: {problem}")
            self._failed = now
        elif self._failed is not None and now - self._failed >= CALM_S:
            self.say(self.ends)
            self._failed = None


def summary(rows: int, refused: int) -> str:
    """What came of a run of the server."""
    return f"ended: {rows:,} {'row' if rows == 1 else 'rows'}, {refused:,} refused"
