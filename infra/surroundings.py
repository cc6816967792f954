"""What a shell and its machine bring: the one place outside the product that reads os.environ."""

import os
import shutil
from pathlib import Path

# Of the make that called us: a make further down would take its ARGS and STAGE for its own.
OF_MAKE = frozenset({"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"})


def said(name: str) -> str:
    """A variable; "" where it is not set."""
    return os.environ.get(name, "")


def for_child(**more: str) -> dict[str, str]:
    """The environment for a command that we run, with more in it, and without what make left."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    return kept | more


def pythons(version: str) -> list[str]:
    """Paths where a Python of this version may be; a version manager's shims may not run."""
    manager = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    managed = sorted(manager.glob(f"versions/{version}.*/bin/python{version}"))
    found = [shutil.which(f"python{version}"), *map(str, managed)]
    return [path for path in found if path]
