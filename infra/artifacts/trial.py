"""The trial: an artifact is imported and used by a clean interpreter of its target.

Possible where the machine has the target's processor and a Python of its version that runs.
"""

import json
import platform
import resource
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from infra.artifacts.target import Target
from infra.surroundings import pythons
from pipeline.errors import TailraceError

INSIDE = Path(__file__).with_name("inside.py")
# Alone: no site-packages, no environment, no folder of the script, nothing written.
ALONE = ("-I", "-S", "-B")
RUNS = 5
EXPECTED = {
    "events_in": 2,
    "rows": 1,
    "rejected": 1,
    "kept": 1,
    "direction": "internal",
    "service": "ssh",
    "parquet": "snappy zstd",
}


def interpreter(target: Target) -> tuple[str | None, str]:
    """A Python that can try an artifact; else None, and why there is none."""
    if platform.system() != "Linux" or platform.machine() not in _names(target):
        return None, f"this machine is {platform.system()} {platform.machine()}"
    found = any_python(target)
    return found, "" if found else f"no python{target.python} here that runs"


def any_python(target: Target) -> str | None:
    """A Python of the target's version that runs here, whatever its processor; None for none."""
    return next(filter(None, (_real(path, target.python) for path in pythons(target.python))), None)


def tried(tree: Path, python: str, modules: Sequence[str]) -> None:
    """Import modules and process a batch. Raises TailraceError when that does not go well."""
    command = [python, *ALONE, str(INSIDE), str(tree), *modules]
    ran = subprocess.run(  # noqa: S603 - a Python that we found, a script of ours
        command, env={}, capture_output=True, text=True, timeout=120, check=False
    )
    said: Mapping[str, Any] = json.loads(ran.stdout or "{}")
    if ran.returncode or said != EXPECTED:
        fix = ran.stderr.strip()[-2000:] or f"it said {said}, expected was {EXPECTED}"
        raise TailraceError("the artifact does not work", f"in {tree}, with {python}", fix)


def import_cpu_s(tree: Path, python: str, modules: Sequence[str]) -> tuple[float, float]:
    """CPU of a Python that imports modules, and of a bare one; medians, in seconds.

    What is not compiled in the artifact is compiled each time, as on Lambda, which cannot write
    beside the code. Files are in the page cache, which they are not at a real cold start.
    """
    code = f"import sys; sys.path.insert(0, {str(tree)!r}); import {', '.join(modules)}"
    both = [(_cpu_s(python, code), _cpu_s(python, "pass")) for _ in range(RUNS)]
    return median(with_ for with_, _ in both), median(bare for _, bare in both)


def _cpu_s(python: str, code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, *ALONE, "-c", code], env={}, check=True)  # noqa: S603 - as above
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _names(target: Target) -> set[str]:
    return {target.machine, target.architecture}


def _real(path: str, version: str) -> str | None:
    """The Python behind a path, which may be a script that starts it; None if it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    try:
        ran = subprocess.run(  # noqa: S603 - as above
            [path, *ALONE, "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return None
    found, _, real = ran.stdout.strip().partition(" ")
    return real if found == version else None
