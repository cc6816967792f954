"""Pauses between attempts: growing, bounded, and not the same for everybody.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (equal jitter).
"""

from dataclasses import dataclass
from random import Random

FIRST_S, LONGEST_S = 0.1, 5.0


@dataclass
class Pauses:
    """One row of pauses, in seconds: between half of and all of a length that doubles."""

    random: Random
    _length: float = FIRST_S

    def next(self) -> float:
        """The next pause."""
        pause = self._length * (1 + self.random.random()) / 2
        self._length = min(self._length * 2, LONGEST_S)
        return pause

    def reset(self) -> None:
        """Begin again: it went well."""
        self._length = FIRST_S
