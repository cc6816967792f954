"""The port behind the counters: where they are kept, with how far each shard is counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pipeline.counters.board import Counted

NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Delta:
    """What some records of a shard add, in the order of the shard.

    behind  place up to which the shard was counted before; "" for none
    place   up to which it is now
    counts  by ranking
    seen    int64 identities of events that may be sent again
    minute  of the arrival of the last of them, since 1970
    titles  of pages, the newest of each
    """

    shard: int
    behind: str
    place: str
    counts: Mapping[str, Sequence[Counted]]
    seen: np.ndarray = field(default_factory=lambda: NONE)
    minute: int = 0
    titles: Mapping[str, str] = field(default_factory=dict)


class Counters(Protocol):
    """Keeps counts; all raise DeliveryError where it cannot.

    whole  whether what was seen in one shard is known in all: one process counts them
    """

    whole: bool

    def place(self, shard: int) -> str:
        """Up to where a shard is counted; "" for nothing."""

    def seen(self, shard: int, since: int) -> Iterator[tuple[int, np.ndarray]]:
        """Identities that were seen from a minute of arrival on, each with its minute."""

    def add(self, delta: Delta) -> bool:
        """Add all of it at once, or nothing where somebody else has counted since: false."""

    def counts(self, ranking: str, since: int) -> Iterator[Counted]:
        """Counts of a ranking from a minute on."""

    def titles(self) -> Mapping[str, str]:
        """Titles of pages."""

    def forget(self, before: int) -> None:
        """Forget what is of minutes before one."""
