"""GET /v1/health of a stack: is it well, and how new is what can be asked?

All that look within a minute share one look; it asks what costs nothing to speak of.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from pipeline import __version__
from pipeline.deployed.check import Check
from pipeline.deployed.ranked import rankings_of
from pipeline.deployed.stage import Deployed
from pipeline.errors import TailraceError
from pipeline.presets import RANGES
from pipeline.web.stack.engine import Spent

LOOKED_S = 60.0
# While AWS does not tell, each page that is open asks every few seconds: not each time AWS, too,
# which may have had too much of it.
FAILED_S = 10.0
FLUSH_SECONDS = 60
PRESET_MINUTES = "PresetMinutes"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of the stack.

    newest  when something landed last; None: not within a day
    """

    deployed: Deployed
    checks: tuple[Check, ...]
    newest: datetime | None


@dataclass
class Health:
    """Looks at most once a minute, and after a failure when some seconds have gone by.

    look   raises TailraceError where AWS does not tell
    clock  the time, in UTC; ticks: seconds that only ever grow
    """

    look: Callable[[], Look]
    spent: Spent
    clock: Callable[[], datetime]
    ticks: Callable[[], float]
    _seen: Look | TailraceError | None = None
    _until: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and answer; 503 where a part of the stack is not well.

        Raises TailraceError where AWS does not tell.
        """
        with self._lock:
            seen = self._looked()
        problem = _problem(seen.checks)
        return 503 if problem else 200, {
            "status": "failing" if problem else "ok",
            "problem": problem,
            "version": __version__,
            "home": "aws",
            "stage": seen.deployed.stage,
            "region": seen.deployed.region,
            "time": _time(self.clock()),
            "flush_seconds": float(seen.deployed.number("FirehoseBufferSeconds", FLUSH_SECONDS)),
            "newest_arrival": _time(seen.newest),
            "rankings": rankings_of(seen.deployed),
            "presets": presets_of(seen.deployed),
            "checks": [
                {"name": each.name, "ok": each.ok, "found": each.found, "fix": each.fix}
                for each in seen.checks
            ],
            "spent": {
                "queries": self.spent.queries,
                "bytes_scanned": self.spent.bytes_scanned,
                "usd": self.spent.usd,
            },
        }

    def _looked(self) -> Look:
        if self._seen is None or self.ticks() >= self._until:
            try:
                self._seen, lasts_s = self.look(), LOOKED_S
            except TailraceError as error:
                self._seen, lasts_s = error, FAILED_S
            self._until = self.ticks() + lasts_s
        if isinstance(self._seen, TailraceError):
            # Else each that raises it would add to where it comes from.
            raise self._seen.with_traceback(None)
        return self._seen


def presets_of(deployed: Deployed) -> dict[str, Any]:
    """Ranges whose answers are made on schedule, and how often the shortest is, in minutes.

    0: none is; the ranges are then asked on a click like all others.
    """
    return {"ranges": list(RANGES), "minutes": deployed.number(PRESET_MINUTES, 0)}


def _problem(checks: Iterable[Check]) -> str:
    """What is not well; "" for nothing."""
    wrong = [each for each in checks if not each.ok and not each.mild]
    return "; ".join(f"{each.name}: {each.found}" for each in wrong)


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
