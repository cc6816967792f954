"""Compiled Python beside its source: Lambda cannot write there, and would compile at each start.

The same for every processor, and for every 3.13; a Python of another version ignores it. It is told
by the hash of the source, which is not looked at again, so that times of files do not matter.

Source: PEP 552, "Deterministic pycs".
"""

import os
import subprocess
from pathlib import Path

from infra.artifacts.archive import MODE, MOMENT_S
from infra.artifacts.slim import files

# The flags behind the magic number: told by a hash, and not checked.
UNCHECKED = (1).to_bytes(4, "little")


def compile_tree(tree: Path, python: str) -> None:
    """Compile all modules of a tree; what cannot be compiled (templates of code) stays as it is."""
    command = [python, "-I", "-S", "-m", "compileall", "-q", "-s", str(tree), "-p", "/var/task"]
    command += ["--invalidation-mode", "unchecked-hash", str(tree)]
    subprocess.run(  # noqa: S603 - a Python that we found
        command, env={"PYTHONHASHSEED": "0"}, capture_output=True, timeout=300, check=False
    )
    for path in files(tree):
        if path.suffix == ".pyc":
            path.chmod(MODE)
            os.utime(path, (MOMENT_S, MOMENT_S))


def is_unchecked(path: Path) -> bool:
    """Whether a compiled file is used without a look at its source."""
    with path.open("rb") as file:
        return file.read(8)[4:] == UNCHECKED
