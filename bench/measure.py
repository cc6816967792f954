"""The harness: the same answers first, then CPU time, round by round and as ratios.

Rounds are interleaved so that a noisy neighbour hits every case alike, and a case is set against
the base of the same round: ratios move far less than seconds do.
"""

import gc
import json
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from bench.digest import Digest

LIBRARIES = ("pyarrow", "numpy", "msgspec", "isal", "duckdb")
HEADINGS = ("case", "us/line", "low", "high", "kernel", "x base", "low", "high")


class BenchError(Exception):
    """A run that must not be believed: the cases disagree, or a command failed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to do the work.

    units    lines that one call of `run` handles
    run      does the work; what it returns is thrown away
    digest   does the work of the first invocation only and tells what came out
    expects  the digest owed, where it is not the base's (a corpus with bad lines)
    """

    name: str
    units: int
    run: Callable[[], object]
    digest: Callable[[], Digest]
    expects: Callable[[], Digest] | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU microseconds a line, and how many times faster than the base: medians and ranges.

    `kernel_share` is the kernel's part of the CPU time, over all rounds.
    """

    name: str
    units: int
    us: float
    us_low: float
    us_high: float
    kernel_share: float
    times_base: float
    times_base_low: float
    times_base_high: float


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds, the kernel's among them."""

    total: float
    kernel: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.total - other.total, self.kernel - other.kernel)


def pin() -> int | None:
    """Stay on one core, children too; gives its number, None where that cannot be asked for."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def compare(cases: Sequence[Case], rounds: int) -> list[Timing]:
    """Time the cases against the first of them, the base.

    Raises BenchError when a digest is not the one owed; then nothing is timed.
    """
    check_digests(cases)
    spent: list[list[Cpu]] = [[] for _ in cases]
    for _ in range(rounds):
        for case, times in zip(cases, spent, strict=True):
            times.append(cpu_of(case.run))
    base_us = us_a_line(cases[0], spent[0])
    return [timing(case, times, base_us) for case, times in zip(cases, spent, strict=True)]


def check_digests(cases: Sequence[Case]) -> None:
    """Raise BenchError naming each case that does not give the digest it owes."""
    wanted = cases[0].digest()
    if not wanted.rows:
        raise BenchError(f"{cases[0].name}: no rows, so nothing can be compared")
    wrong = []
    for case in cases[1:]:
        found = case.digest().differences(case.expects() if case.expects else wanted)
        if found:
            wrong.append(f"{case.name}: {found}")
    if wrong:
        raise BenchError("not timed, the answers differ: " + "; ".join(wrong))


def cpu_of(run: Callable[[], object]) -> Cpu:
    """CPU time of one call, started without the garbage of the call before."""
    gc.collect()
    before = cpu_now()
    run()
    return cpu_now() - before


def cpu_now() -> Cpu:
    """CPU time so far of this process and of the children it waited for.

    With the children, so that a command can be a case beside functions.
    """
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cpu(
        time.process_time() + children.ru_utime + children.ru_stime,
        own.ru_stime + children.ru_stime,
    )


def us_a_line(case: Case, times: Sequence[Cpu]) -> list[float]:
    """Microseconds a line, round by round."""
    return [spent.total / case.units * 1e6 for spent in times]


def timing(case: Case, times: Sequence[Cpu], base_us: Sequence[float]) -> Timing:
    """Sum up the rounds of a case."""
    us = us_a_line(case, times)
    ratios = [base / own for base, own in zip(base_us, us, strict=True)]
    kernel = sum(spent.kernel for spent in times) / sum(spent.total for spent in times)
    return Timing(case.name, case.units, *spread(us), kernel, *spread(ratios))


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least, greatest."""
    return median(values), min(values), max(values)


def run_command(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command with a fresh home and remove what it left: the `run` of a Case.

    Raises BenchError when it fails.
    """
    with home_after(argv, environment):
        pass


@contextmanager
def home_after(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Path]:
    """The home that a command filled, removed afterwards: for the `digest` of a Case.

    Raises BenchError when the command fails.
    """
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home = Path(folder, "home")
        surroundings = {**os.environ, "TAILRACE_HOME": str(home), **(environment or {})}
        done = subprocess.run(  # noqa: S603 - the bench's own command, no user's text
            argv, env=surroundings, capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-1_000:]
            raise BenchError(f"{' '.join(argv)} ended {done.returncode}: {said}")
        yield home


def machine(core: int | None) -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "core": core,
        "libraries": {name: installed(name) for name in LIBRARIES},
    }


def installed(name: str) -> str | None:
    """The version of a library, without importing it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def table(title: str, timings: Sequence[Timing]) -> str:
    """The timings of one comparison, for a reader."""
    width = max(len(t.name) for t in timings)
    first, *others = HEADINGS
    lines = [title, f"  {first:<{width}}" + "".join(f"{heading:>9}" for heading in others)]
    for t in timings:
        us = f"{t.us:9.2f}{t.us_low:9.2f}{t.us_high:9.2f}"
        ratios = f"{t.times_base:9.2f}{t.times_base_low:9.2f}{t.times_base_high:9.2f}"
        lines.append(f"  {t.name:<{width}}{us}{t.kernel_share:9.1%}{ratios}")
    return "\n".join(lines)


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
