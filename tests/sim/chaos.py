"""`python -m tests.sim.chaos`: many events, and a fault in a share of all that is attempted.

Every attempt to append, to land or to compact meets with that chance a fault at one of its
operations: it fails, it happens and is not answered, or the process dies at it, half the time with
the power. Who is not answered sends again, so events come more than once.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pipeline.batch import Context
from pipeline.deliver.simulated import Crash, Fate, SimulatedDisk
from pipeline.errors import DeliveryError, HomeError
from pipeline.home import Machine, WritingHome, audit_of, readable, writing
from pipeline.lake.compact import compact
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.stream.log import Incoming
from tests.homes import ask
from tests.sim.poison import lookups
from tests.sim.truth import signed

START_MS = 1_795_615_200_000
EVENTS_AT_ONCE = 500
ENVELOPES_AT_ONCE = 4
COMPACT_EVERY = 60
# About as many operations as an attempt has: one that ends before its fault was spared.
APPEND, STEP, COMPACTION = 3, 22, 60
FATES = (Fate.FAILS, Fate.UNANSWERED, Fate.DIES_BEFORE, Fate.DIES_AFTER)


@dataclass(frozen=True)
class Survived:
    """What was there in the end; `raw` counts each copy in landing and curated files."""

    events: int
    in_view: int
    distinct: int
    sum_of_numbers: int
    repeats: int
    balanced: bool
    attempts: int
    faulty: int
    happened: dict[str, int]
    seconds: float

    @property
    def holds(self) -> bool:
        """Nothing lost, nothing doubled, though there were copies."""
        wanted = self.events * (self.events - 1) // 2
        exact = self.events == self.in_view == self.distinct and self.sum_of_numbers == wanted
        return exact and self.balanced and self.repeats > 0


@dataclass
class Chaos:
    """A home whose machine fails."""

    home: Path
    share: float
    random: Random
    happened: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    faulty: int = 0
    repeats: int = 0
    _countdown: int = -1
    _struck: bool = False
    now_ms: int = START_MS
    _open: ExitStack = field(default_factory=ExitStack)
    _opened: WritingHome | None = None

    def __post_init__(self) -> None:
        self.disk = SimulatedDisk(self._decide, self.random)

    def _decide(self, operation: str, path: Path) -> Fate:
        del operation, path
        self._countdown -= 1
        if self._countdown != 0:
            return Fate.DONE
        fate = self.random.choice(FATES)
        self.happened[fate.value] += 1
        self._struck = True
        return fate

    def _sleep(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def opened(self) -> WritingHome:
        """The home, opened again where its process died."""
        if self._opened is None:
            machine = Machine(
                lambda: self.now_ms / 1000, self._sleep, self.disk, self.disk.watch, self.random
            )
            limits = Limits(batch_records=20, fatal_attempts=1_000_000)
            context = Context(lookups(), limits, Formats(), [])
            opening = writing(self.home, context, machine=machine)
            self._opened = self._open.enter_context(opening)
        return self._opened

    def attempt(self, operations: int, work: Callable[[WritingHome], object]) -> bool:
        """Do something once, with a fault or without; false when it was not answered."""
        self.attempts += 1
        self._struck = False
        faulty = self.random.random() < self.share
        self._countdown = self.random.randint(1, operations) if faulty else -1
        try:
            work(self.opened())
        except Crash as crash:
            self._die(crash)
            return False
        except (DeliveryError, HomeError):
            return False
        finally:
            self.faulty += self._struck
            self._countdown = -1
            self.now_ms += 50
        return True

    def _die(self, crash: Crash) -> None:
        opened, self._open, self._opened = self._open, ExitStack(), None
        with suppress(Crash):
            opened.__exit__(type(crash), crash, None)
        self.disk.end_process()
        if self.random.random() < 0.5:
            self.happened["power cut"] += 1
            self.disk.cut_power()

    def close(self) -> None:
        """End in order."""
        self._opened = None
        self._open.close()


def envelope(first: int) -> bytes:
    """A subscription envelope of some flow lines; the bytes of each are its number."""
    events = [
        {
            "id": f"{number:056d}",
            "timestamp": START_MS - 1_000,
            "message": (
                f"2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.7 10.0.0.9 {number % 60_000} 443 6"
                f" 10 {number} {START_MS // 1000 - 60} {START_MS // 1000 - 1} ACCEPT OK"
            ),
        }
        for number in range(first, first + EVENTS_AT_ONCE)
    ]
    content = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "flows",
        "logStream": f"stream-{signed(first)}",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(content).encode(), 1)


def _step(opened: WritingHome, number: int) -> bool:
    shards = opened.log.ready()
    return opened.worker.step(shards[number % len(shards)])


def survived(home: Path, events: int, share: float, seed: int) -> Survived:
    """Bring events through the chaos, then look in calm."""
    started = time.monotonic()
    chaos = Chaos(home, share, Random(seed))
    step = EVENTS_AT_ONCE * ENVELOPES_AT_ONCE
    for first in range(0, events, step):
        incoming = [
            Incoming("vpc-flow", f"{at}", envelope(at), chaos.now_ms)
            for at in range(first, min(first + step, events), EVENTS_AT_ONCE)
        ]
        while not chaos.attempt(APPEND, lambda opened: opened.log.append(incoming)):  # noqa: B023
            pass
        chaos.attempt(STEP, lambda opened: _step(opened, first // step))  # noqa: B023
        if chaos.attempts % COMPACT_EVERY == 0:
            chaos.attempt(
                COMPACTION,
                lambda opened: compact(
                    opened.store, home, home / "lake", chaos.now_ms, disk=chaos.disk
                ),
            )
    while chaos.opened().log.backlog():
        for number in range(len(chaos.opened().log.shards)):
            chaos.attempt(STEP, lambda opened: _step(opened, number))  # noqa: B023
    chaos.close()
    sql = "select count(*), count(distinct bytes), sum(bytes)::hugeint::varchar from vpc_flow"
    ((in_view, distinct, total),) = ask(home, sql)
    with readable(home) as opened:
        found = audit_of(opened)
    accepted = sum(hour.events_in for hour in found.hours)
    return Survived(
        events,
        in_view,
        distinct,
        int(total),
        accepted - events,
        found.balanced,
        chaos.attempts,
        chaos.faulty,
        dict(chaos.happened),
        time.monotonic() - started,
    )


def main() -> int:
    """Survive and tell; exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--share", type=float, default=0.35, help="of attempts that are to meet a fault"
    )
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tailrace-chaos-") as folder:
        found = survived(Path(folder) / "home", chosen.events, chosen.share, chosen.seed)
    print(found, "holds" if found.holds else "DOES NOT HOLD", flush=True)  # noqa: T201
    return not found.holds


if __name__ == "__main__":
    raise SystemExit(main())
