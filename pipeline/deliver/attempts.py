"""Attempts at what a service did not take: pauses that grow, until it did or there is no time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from pipeline.deliver.answers import WRONG, Refused
from pipeline.deliver.pauses import Pauses
from pipeline.errors import DeliveryError

# With pauses of up to 5 s these are a minute and a half: a throttle of a minute is outlasted.
MOST = 32
LATER = "nothing is lost: the records stay in the stream and are tried again"


@dataclass(frozen=True, slots=True)
class Attempts:
    """How long something is tried.

    left_s  seconds until it has to be given up: of an invocation what is left of it, less the two
            seconds in which it says so
    most    attempts at most, the first among them
    call_s  how long one may take: none is begun that could last longer than there is time
    outlasts  whether a permission, a stream or credentials that are missing are waited for: nobody
              looks on, and they have nothing to do with the record
    """

    left_s: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep
    random: Random = field(default_factory=Random)
    most: int = MOST
    call_s: float = 0.0
    outlasts: bool = False

    def until_taken(self, attempt: Callable[[], Refused | None], place: str) -> None:
        """Try until nothing is refused any more.

        attempt  returns what was refused, None for nothing
        place    what it is sent to, for the error

        Raises DeliveryError when it is refused for good, too often, or until there is no time left.
        """
        pauses = Pauses(self.random)
        refused = Refused("no time was left for it")
        for number in range(self.most):
            pause = pauses.next() if number else 0.0
            if pause + self.call_s >= self.left_s():
                raise _given_up(place, refused, number, "and no time was left")
            if pause:
                self.sleep(pause)
            answer = attempt()
            if answer is None:
                return
            refused = answer
            if refused.for_good and not (self.outlasts and refused.fix != WRONG):
                raise DeliveryError(f"{place} refuses: {refused.code}", f"at {place}", refused.fix)
        raise _given_up(place, refused, self.most, "which is enough")


def _given_up(place: str, refused: Refused, number: int, why: str) -> DeliveryError:
    tries = f"{number} attempt{'s'[: number != 1]}"
    fix = f"{refused.fix}; {LATER}" if refused.for_good else LATER
    return DeliveryError(f"{place} did not take it: {refused.code}", f"{tries}, {why}", fix)
