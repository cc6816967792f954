"""Runs of seeds: one, or many on all cores."""

import gc
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.errors import TailraceError
from pipeline.ledger.landed import ENGINE
from tests.sim.checks import OWN_ENGINE, check
from tests.sim.compacting import CompactionSimulation
from tests.sim.counting import CountingSimulation
from tests.sim.stack import StackSimulation
from tests.sim.stack_checks import check as check_stack
from tests.sim.tamper import tamper
from tests.sim.violation import Violation
from tests.sim.world import Simulation

CHUNK = 10
# These take as long as the others: some of the seeds are enough to go through them often.
COMPACTED_EVERY, COUNTED_EVERY = 8, 7
SHOW_EVERY_S = 10.0
PROMISES = (
    Violation,
    AssertionError,
    # What the product says of itself: a compaction proves its own result.
    TailraceError,
    # A file that was to be there is not, or holds nothing.
    duckdb.IOException,
    duckdb.InvalidInputException,
)


@dataclass
class Result:
    """What a run said; `failure` "": nothing is wrong; `promise`: whether one is broken by it."""

    seed: int
    failure: str = ""
    promise: bool = False
    trace: str = ""
    rows: int = 0
    bad: int = 0
    happened: Counter[str] = field(default_factory=Counter)


def run(seed: int, verbose: bool = False, part: str = "") -> Result:
    """Run one seed: the embedded home in a folder of its own, the stack, counters, compaction.

    part  which of them; "": those that are this seed's
    """
    result = Result(seed)
    for name, run_part in PARTS.items():
        if name != part and (part or seed % OFTEN.get(name, 1)):
            continue
        try:
            run_part(result, verbose)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this seed's failure
            result.failure = f"{type(error).__name__}: {error}"
            result.promise = isinstance(error, PROMISES)
            if verbose:
                traceback.print_exc()
            break
    return result


def _run_embedded(result: Result, verbose: bool) -> None:
    with _folder() as folder:
        simulation = Simulation(result.seed, folder, verbose)
        try:
            simulation.run()
            check(simulation.home, simulation.truth, simulation.compacted)
            repeated = simulation.set_back or simulation.operators.copies
            found = tamper(simulation.home, result.seed, simulation.say, repeated)
            simulation.happened.update(found)
        finally:
            result.trace = simulation.trace
            result.rows = len(simulation.truth.rows)
            result.bad = sum(len(bad.lines) or 1 for bad in simulation.truth.bad.values())
            result.happened = simulation.happened


def _run_counting(result: Result, verbose: bool) -> None:
    with _folder() as folder:
        counting = CountingSimulation(result.seed, folder, verbose)
        try:
            counting.run()
        finally:
            result.trace += counting.trace
            result.happened.update(counting.happened)


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made inside
    base = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tailrace-sim-", dir=base) as folder:
        yield Path(folder)


def _run_stack(result: Result, verbose: bool) -> None:
    stack = StackSimulation(result.seed, verbose)
    try:
        stack.run()
        check_stack(stack)
    finally:
        result.trace += stack.trace
        result.rows += stack.landed
        result.happened.update(stack.happened)


def _run_compaction(result: Result, verbose: bool) -> None:
    compaction = CompactionSimulation(result.seed, verbose)
    try:
        compaction.run()
    finally:
        result.trace += compaction.trace
        result.happened.update(compaction.happened)


PARTS: Mapping[str, Callable[[Result, bool], None]] = {
    "embedded": _run_embedded,
    "counters": _run_counting,
    "stack": _run_stack,
    "compaction": _run_compaction,
}
OFTEN = {"compaction": COMPACTED_EVERY, "counters": COUNTED_EVERY}


def _run_chunk(seeds: range) -> list[Result]:
    with duckdb.connect(ENGINE) as audit, duckdb.connect(OWN_ENGINE) as own:
        for engine in (audit, own):
            engine.execute("set threads = 1")
        return [run(seed) for seed in seeds]


def _alone() -> None:
    """One thread a process, and few collections: cores are shared by processes already."""
    pa.set_cpu_count(1)
    gc.freeze()
    gc.set_threshold(50_000)


def results(first: int, seeds: int, workers: int) -> Iterator[Result]:
    """Results of seeds as they come, in processes of their own."""
    workers = workers or os.cpu_count() or 1
    chunks = [
        range(at, min(at + CHUNK, first + seeds)) for at in range(first, first + seeds, CHUNK)
    ]
    with ProcessPoolExecutor(workers, get_context("spawn"), _alone) as pool:
        waiting = set()
        try:
            while chunks or waiting:
                while chunks and len(waiting) < 2 * workers:
                    waiting.add(pool.submit(_run_chunk, chunks.pop(0)))
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    yield from each.result()
        finally:
            for each in waiting:
                each.cancel()


def replay(seed: int) -> int:
    """Run one seed and tell what happens; exit code."""
    result = run(seed, verbose=True)
    _say(f"seed {seed}: {result.failure or 'holds'} (trace {result.trace})")
    return bool(result.failure)


def run_many(first: int, seeds: int, workers: int, stop: bool) -> int:
    """Run seeds and show how far it is; exit code 1 when one fails."""
    started = shown = time.monotonic()
    failed: list[Result] = []
    total: Counter[str] = Counter()
    done = rows = bad = 0
    for result in results(first, seeds, workers):
        done += 1
        rows, bad = rows + result.rows, bad + result.bad
        total.update(result.happened)
        if result.failure:
            failed.append(result)
            _say(f"seed {result.seed} FAILED: {result.failure}\n  replay: {command(result.seed)}")
            if stop:
                break
        if time.monotonic() - shown > SHOW_EVERY_S:
            shown = time.monotonic()
            _say(f"{done} of {seeds} seeds, {done / (shown - started):.1f}/s, {len(failed)} failed")
    seconds = time.monotonic() - started
    _say(f"{done} seeds in {seconds:.0f} s ({done / seconds:.1f}/s): {len(failed)} failed")
    _say(
        f"{rows} rows, {bad} bad lines; " + ", ".join(f"{n} {c}" for n, c in sorted(total.items()))
    )
    if failed:
        _say("keep them: add the numbers to tests/sim/regressions.txt")
    return bool(failed)


def command(seed: int) -> str:
    """What replays a seed."""
    return f"{Path(sys.executable).name} -m tests.sim --seed {seed}"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output


def until_failure(seeds: int, part: str = "") -> None:
    """Run seeds in this process until one fails; the last line says which, and how.

    part    as `run` has it
    found   a promise was broken
    broken  the code itself was: a TypeError, a NameError
    """
    for seed in range(seeds):
        result = run(seed, part=part)
        if result.failure:
            word = "found" if result.promise else "broken"
            _say(f"{word} {seed + 1} {' '.join(result.failure.split())}")
            return
    _say("alive ")
