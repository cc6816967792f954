"""Builds the artifacts of one target: dependencies once, then a tree for each function."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.artifacts.archive import copy_file, copy_tree, size, zip_tree
from infra.artifacts.bytecode import compile_tree
from infra.artifacts.check import findings
from infra.artifacts.install import found_uv, install
from infra.artifacts.lock import Pinned, for_target
from infra.artifacts.slim import slim
from infra.artifacts.target import Target
from infra.artifacts.trial import any_python, import_cpu_s, interpreter, tried
from pipeline.errors import TailraceError, UsageError

ROOT = Path(__file__).resolve().parents[2]
LOCK, PAGE_LOCK = "requirements/functions.txt", "requirements/page.txt"
# They ask Athena, or answer over HTTP, and carry what translates SQL and what serves a page.
PAGE = ("page", "presets")


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was built for one function and target.

    zipped    bytes of the zip; 0 where none was made
    import_s  CPU of a cold import and of a bare Python, in seconds; None where it was not tried
    untried   why it was not tried; "" when it was
    compiled  whether its Python is compiled already: half of the CPU of a cold start
    """

    function: str
    target: Target
    unzipped: int
    zipped: int
    import_s: tuple[float, float] | None
    untried: str
    compiled: bool = False


def functions(root: Path) -> list[str]:
    """Names of all functions, the modules in `functions/`. Raises UsageError where none is."""
    found = sorted(path.stem for path in (root / "functions").glob("[a-z]*.py"))
    if not found:
        raise UsageError("there is no function to build", f"in {root / 'functions'}")
    return found


def function_of(name: str, root: Path) -> str:
    """The function of this name, which may be its logical id in the template (LogEtl: log_etl).

    Raises UsageError for a name that is none.
    """
    wanted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    known = functions(root)
    if wanted not in known:
        raise UsageError(f"there is no function called {name}", "", f"known: {', '.join(known)}")
    return wanted


def build(target: Target, names: Sequence[str], out: Path, root: Path = ROOT) -> list[Artifact]:
    """Build functions of a project into `out`: for each a tree and a zip.

    Raises TailraceError when an artifact is not as it has to be.
    """
    artifacts = {}
    for lock in dict.fromkeys(map(lock_of, names)):
        with _dependencies(target, root / lock) as (folder, pinned):
            for name in (each for each in names if lock_of(each) == lock):
                tree = _assemble(name, folder, out / name, root, target)
                artifact = _checked(name, target, tree, pinned)
                zip_tree(tree, archive := out / f"{name}.zip")
                artifacts[name] = replace(artifact, zipped=archive.stat().st_size)
    return [artifacts[name] for name in names]


def lock_of(name: str) -> str:
    """The lock of what a function carries."""
    return PAGE_LOCK if name in PAGE else LOCK


def build_into(target: Target, name: str, into: Path, root: Path = ROOT) -> Artifact:
    """Build one function as a tree in an empty folder of somebody else's, without a zip.

    Raises TailraceError as `build` does, UsageError when the folder holds anything.
    """
    if into.exists() and any(into.iterdir()):
        raise UsageError("the folder for the artifact is not empty", f"in {into}")
    with _dependencies(target, root / lock_of(name)) as (folder, pinned):
        return _checked(name, target, _assemble(name, folder, into, root, target), pinned)


@contextmanager
def _dependencies(target: Target, lock: Path) -> Iterator[tuple[Path, Sequence[Pinned]]]:
    pinned = for_target(lock.read_text("utf-8"), target)
    with tempfile.TemporaryDirectory(prefix="tailrace-") as temporary:
        folder = Path(temporary) / "dependencies"
        install(pinned, target, folder, found_uv())
        slim(folder)
        yield folder, pinned


def _assemble(name: str, dependencies: Path, tree: Path, root: Path, target: Target) -> Path:
    shutil.rmtree(tree, ignore_errors=True)
    copy_tree(dependencies, tree)
    copy_tree(root / "pipeline", tree / "pipeline")
    if name in PAGE:
        # As in the wheel.
        copy_tree(root / "sql", tree / "pipeline" / "sql")
    for path in sorted((root / "functions").glob("*.py")):
        # What begins with an underscore belongs to all of them.
        if path.stem == name or path.stem.startswith("_"):
            copy_file(path, tree / "functions" / path.name)
    copy_file(root / "LICENSE", tree / "LICENSE")
    copy_file(root / "NOTICE", tree / "NOTICE")
    if python := any_python(target):
        compile_tree(tree, python)
    return tree


def _checked(name: str, target: Target, tree: Path, pinned: Sequence[Pinned]) -> Artifact:
    wrong = findings(tree, pinned, target)
    if wrong:
        where = f"in {tree}, for {target.architecture}, Python {target.python}"
        raise TailraceError("the artifact is not as it has to be", where, "\n  ".join(wrong))
    python, why = interpreter(target)
    compiled = any_python(target) is not None
    if python is None:
        return Artifact(name, target, size(tree), 0, None, why, compiled)
    modules = [f"functions.{name}"]
    tried(tree, python, modules)
    cpu_s = import_cpu_s(tree, python, modules)
    return Artifact(name, target, size(tree), 0, cpu_s, "", compiled)
