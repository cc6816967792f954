"""Plants each mutant in a copy of the package and counts the seeds until it is found."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.sim.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Found:
    """What became of a mutant; `seeds` 0: nobody found it; `broken`: it is none, but an error."""

    mutant: Mutant
    seeds: int
    said: str
    broken: bool = False


def plant(mutant: Mutant, folder: Path) -> None:
    """Make a copy of the package with the mutant in it.

    Raises ValueError when its text is not there once: the code has moved on, the mutant must too.
    """
    shutil.copytree(ROOT / "pipeline", folder / "pipeline")
    for name in ("tests", "sql", "infra"):
        (folder / name).symlink_to(ROOT / name)
    path = folder / "pipeline" / mutant.file
    text = path.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: its text is in {mutant.file} {text.count(mutant.old)}x")
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")


def look(mutant: Mutant, seeds: int) -> Found:
    """Run seeds over a mutant until one fails.

    Only a broken promise finds it: code that cannot run at all is no bug that needs finding.
    """
    with tempfile.TemporaryDirectory(prefix="tailrace-mutant-") as folder:
        plant(mutant, Path(folder))
        code = (
            "import os, sys, pipeline; from tests.sim.runner import until_failure;"
            f"assert pipeline.__file__.startswith({folder!r}), pipeline.__file__;"
            # Not by the usual way: threads of libraries may still be there.
            f"until_failure({seeds}, {mutant.part!r}); sys.stdout.flush(); os._exit(0)"
        )
        environ = os.environ | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    word, _, rest = last.partition(" ")
    if done.returncode or word not in ("found", "alive", "broken"):
        error = (done.stderr.strip().splitlines() or [last])[-1]
        return Found(mutant, 0, error, broken=True)
    number, _, said = rest.partition(" ")
    return Found(mutant, int(number) if word == "found" else 0, said, word == "broken")


def run_all(seeds: int, only: str, workers: int) -> int:
    """Look for every mutant and show how many seeds each needed; the exit code of `tell`."""
    chosen = [mutant for mutant in MUTANTS if only in mutant.name]
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return tell(pool.map(lambda mutant: look(mutant, seeds), chosen))


def tell(results: Iterable[Found]) -> int:
    """Show what became of mutants, as it comes; exit code 1 when one lives or is broken."""
    found = []
    for each in results:
        found.append(each)
        seen = "BROKEN" if each.broken else each.seeds or "ALIVE"
        _say(f"{seen:>6}  {each.mutant.name:<56}  {each.said[:110]}")
    seeds = [each.seeds for each in found if each.seeds]
    broken = sum(each.broken for each in found)
    _say(
        f"{len(seeds)} of {len(found)} found, the hardest after {max(seeds, default=0)} seeds"
        + f"; {broken} broken: mend them" * bool(broken)
    )
    return len(seeds) < len(found)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output
