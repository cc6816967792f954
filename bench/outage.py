"""`python -m bench.outage`: how fast a backlog drains after an outage, and the memory meanwhile.

While nothing can be written to the lake, as many lines are posted as a rate brings in so many
minutes; then the lake can be written again, and the same rate goes on until all has landed.
"""

import argparse
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.serve import (
    LINES,
    Load,
    Server,
    audited,
    bodies,
    quantile,
    server,
    show,
    wait_landed,
    watching,
)

CLIENTS = 8
LOOK_EVERY_S = 1.0


@dataclass
class Memory:
    """Resident size of a server over time: (seconds, MiB)."""

    server: Server
    seen: list[tuple[float, float]] = field(default_factory=list)

    def look(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        begun = time.monotonic()
        while not stop.wait(LOOK_EVERY_S):
            self.seen.append((time.monotonic() - begun, self.server.rss_mib()))

    def tenths(self) -> str:
        """Ten sizes, evenly over the time."""
        places = [int(at * (len(self.seen) - 1) / 9) for at in range(10)] if self.seen else []
        return " ".join(f"{self.seen[at][0]:.0f}s:{self.seen[at][1]:.0f}" for at in places)


def outage(minutes: float, rate: float) -> tuple[dict[str, float], str]:
    """Figures of one outage, and the memory while the backlog drained."""
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home, made = Path(folder, "home"), bodies()
        count = int(minutes * 60 * rate / LINES)
        with server(home) as running:
            lake = home / "lake"
            lake.write_text("in the way")
            waiting = Load(running, made, float("inf"), count=count)
            begun = time.monotonic()
            waiting.run(CLIENTS)
            filled_s = time.monotonic() - begun
            before = running.rss_mib()
            memory = Memory(running)
            with watching(memory.look):
                lake.unlink()
                begun = time.monotonic()
                live = Load(running, made, float("inf"), rate / LINES)
                posting = threading.Thread(target=live.run, args=(CLIENTS,))
                posting.start()
                last = max(seq for _, _, _, seq in waiting.sent)
                _wait_passed(home, last)
                drained_s = time.monotonic() - begun
                live.until = 0.0
                posting.join()
                wait_landed(running)
            peak = running.peak_mib()
        lines = (len(waiting.sent) + len(live.sent)) * LINES
        balanced = audited(home, lines)
    sizes = [size for _, size in memory.seen]
    figures = {
        "backlog_lines": len(waiting.sent) * LINES,
        "backlog_s": minutes * 60,
        "filled_s": filled_s,
        "drained_s": drained_s,
        "lines_per_s_meanwhile": len(live.sent) * LINES / drained_s,
        "share_of_the_outage": drained_s / (minutes * 60),
        "rss_mib_before": before,
        "rss_mib_p50": quantile(sizes, 0.5),
        "rss_mib_most": max(sizes),
        "peak_mib": peak,
        "balanced": float(balanced),
    }
    return figures, memory.tenths()


def _wait_passed(home: Path, seq: int) -> None:
    """Until a sequence number is behind the checkpoint of its shard."""
    with closing(sqlite3.connect(home / "log.db")) as connection:
        while not connection.execute(
            "select 1 from record r join checkpoint c on c.shard = r.shard"
            " where r.seq = ? and c.seq >= r.seq",
            (seq,),
        ).fetchone():
            time.sleep(0.1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50_000, help="lines/s")
    options = parser.parse_args(argv)
    figures, sizes = outage(options.minutes, options.rate)
    show("outage", figures)
    sys.stdout.write(f"  rss over time (MiB)        {sizes}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
