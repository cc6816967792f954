"""How bad a run is."""

from dataclasses import dataclass
from random import Random

from pipeline.deliver.simulated import Fate


@dataclass(frozen=True)
class Weather:
    """How bad a run is: the chance of each fate at an operation, of each action at a step."""

    actions: int
    fates: dict[Fate, float]
    power: float
    skew: float
    redelivery: float
    compaction: bool
    poison: bool
    outage: bool

    @classmethod
    def of(cls, random: Random) -> "Weather":
        """Some kinds of faults, not all: a run in which everything fails gets nowhere."""
        rates = {
            fate: random.choice((0.0, 0.01, 0.04))
            for fate in (Fate.FAILS, Fate.UNANSWERED, Fate.DIES_BEFORE, Fate.DIES_AFTER)
        }
        return cls(
            actions=random.randint(8, 40),
            fates=rates,
            power=random.choice((0.0, 0.5, 1.0)),
            skew=random.choice((0.0, 0.0, 0.1)),
            redelivery=random.choice((0.0, 0.0, 0.06, 0.12)),
            compaction=random.random() < 0.5,
            poison=random.random() < 0.4,
            outage=random.random() < 0.4,
        )
