"""Time that passes only when somebody sleeps."""

from dataclasses import dataclass, field
from random import Random

from pipeline.deliver.attempts import MOST, Attempts


@dataclass
class VirtualTime:
    """Seconds since it began, and until which there is time.

    pauses  what was slept, one by one
    """

    now_s: float = 0.0
    end_s: float = 1e9
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now_s += seconds

    def left_s(self) -> float:
        """What is left."""
        return self.end_s - self.now_s

    def attempts(self, most: int = MOST, seed: int = 1) -> Attempts:
        """Attempts that sleep here."""
        return Attempts(self.left_s, self.sleep, Random(seed), most)
