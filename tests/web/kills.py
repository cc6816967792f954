"""`python -m tests.web.kills --kills 100`: a server that dies at random moments under load."""

import argparse
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.homes import lake_files
from tests.lake.days import curated_files
from tests.web.clients import LINES, Clients, audited, check_all_there
from tests.web.serving import serving, until

CLIENTS = 8
# Long enough for some flushes; and for some compactions.
MOST_S, MOST_COMPACTING_S = 1.5, 5.0


@dataclass(frozen=True)
class Killed:
    """What was there in the end: lines, kills, and files of the table."""

    kills: int
    acknowledged: int
    unsure: int
    landing: int
    curated: int


def killed(home: Path, kills: int, chance: random.Random) -> Killed:
    """Kill a server under load again and again; every second one compacts all the time.

    Raises AssertionError when a line is lost or doubled, or the audit does not balance.
    """
    every = Clients(None, 0)  # type: ignore[arg-type]
    for kill in range(kills):
        seconds, most_s = ("1", MOST_COMPACTING_S) if kill % 2 else ("300", MOST_S)
        with serving(home, TAILRACE_LIMITS_COMPACT_SECONDS=seconds) as running:
            clients = Clients(running, CLIENTS)
            clients.start(base=kill * 100_000_000)
            until(lambda: len(clients.acknowledged) >= LINES * CLIENTS)  # noqa: B023
            moment = time.monotonic() + chance.uniform(0, most_s)
            until(lambda: time.monotonic() >= moment)  # noqa: B023 - asked at once
            running.process.kill()
            clients.join()
        every.acknowledged += clients.acknowledged
        every.unsure += clients.unsure
    with serving(home) as running:
        running.landed()
        check_all_there(home, every)
        assert audited(home)
    files = len(lake_files(home)), len(curated_files(home))
    return Killed(kills, len(every.acknowledged), len(every.unsure), *files)


def main() -> None:
    """Kill and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.web.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tailrace-kills-") as folder:
        print(f"seed {chosen.seed}", flush=True)  # noqa: T201 - a program's output
        print(killed(Path(folder) / "home", chosen.kills, random.Random(chosen.seed)))  # noqa: T201


if __name__ == "__main__":
    main()
