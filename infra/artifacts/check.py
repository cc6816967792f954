"""What must be true of an artifact before it is deployed; each check gives its findings as text.

Sources: AWS Lambda Developer Guide, "Lambda quotas"; PEP 600 and PEP 425; target.py.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from infra.artifacts import elf
from infra.artifacts.archive import size
from infra.artifacts.bytecode import is_unchecked
from infra.artifacts.lock import Pinned
from infra.artifacts.slim import files
from infra.artifacts.target import CXXABI, GLIBC, GLIBCXX, Target

# Lambda's own limit is 250 MiB with all layers; ours leaves room for what is added around it.
LIMIT_BYTES = 200_000_000
CAPS = {"GLIBC": GLIBC, "GLIBCXX": GLIBCXX, "CXXABI": CXXABI}
# What its image has: glibc and its parts, the runtimes of gcc, zlib, which Python itself needs.
SYSTEM = re.compile(r"(lib(c|m|z|dl|rt|pthread|stdc\+\+|gcc_s|util)|ld-linux-[\w-]+)\.so\.\d+")
VERSION = re.compile(r"(GLIBCXX|GLIBC|CXXABI)_([\d.]+)")


def findings(tree: Path, pinned: Sequence[Pinned], target: Target) -> list[str]:
    """All that is wrong with an artifact; empty when nothing is."""
    return [
        *compiled_findings(tree, target),
        *wheel_findings(tree, target),
        *distribution_findings(tree, pinned),
        *file_findings(tree),
        *size_findings(tree),
    ]


def compiled_findings(tree: Path, target: Target) -> Iterator[str]:
    """Compiled files for another processor, a newer system, or with a library missing."""
    here = {path.name for path in files(tree)}
    for path in files(tree):
        name = path.relative_to(tree)
        try:
            found = elf.read(path)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if found is None:
            continue
        if found.machine != target.elf_machine:
            wanted = f"{target.elf_machine} ({target.architecture})"
            yield f"{name}: e_machine is {found.machine}, not {wanted}"
        for version in found.versions:
            if _newer(version):
                yield f"{name}: needs {version}, which Amazon Linux 2023 does not have"
        for library in found.needed:
            if library not in here and not SYSTEM.fullmatch(library):
                yield f"{name}: needs {library}, which is neither in the artifact nor on Lambda"


def wheel_findings(tree: Path, target: Target) -> Iterator[str]:
    """Wheels of another platform, Python or ABI, by their own tags."""
    for path in sorted(tree.glob("*.dist-info/WHEEL")):
        named = re.findall(r"^Tag: (\S+)", path.read_text("utf-8"), re.M)
        tags = {tag for text in named for tag in parse_tag(text)}
        if not tags & target.tags:
            yield f"{path.parent.name}: a wheel for {', '.join(named) or 'nothing'}"
        metadata = PathDistribution(path.parent).metadata
        wanted = ",".join(metadata.get_all("Requires-Python") or ())
        if f"{target.python}.0" not in SpecifierSet(wanted):
            yield f"{path.parent.name}: for Python {wanted}, not {target.python}"


def distribution_findings(tree: Path, pinned: Sequence[Pinned]) -> Iterator[str]:
    """Distributions that the lock does not name, or names in another version, or that lack."""
    locked = {each.name: each.version for each in pinned}
    there = {}
    for path in sorted(tree.glob("*.dist-info")):
        distribution = PathDistribution(path)
        there[str(canonicalize_name(distribution.name))] = distribution.version
    for name in sorted({**locked, **there}):
        if locked.get(name) != there.get(name):
            wanted, found = locked.get(name, "nothing"), there.get(name, "nothing")
            yield f"{name}: the lock says {wanted}, the artifact has {found}"


def file_findings(tree: Path) -> Iterator[str]:
    """Files that make two builds differ, or that Lambda's user may not read."""
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree)
        if path.is_symlink():
            yield f"{name}: a link"
        elif path.suffix == ".pyc" and not is_unchecked(path):
            yield f"{name}: compiled Python that is looked at by the time of its source"
        elif path.is_file() and not path.stat().st_mode & 0o004:
            yield f"{name}: may not be read by others, as whom Lambda reads"


def size_findings(tree: Path) -> Iterator[str]:
    """An artifact that is larger than what we allow ourselves."""
    if (found := size(tree)) > LIMIT_BYTES:
        yield f"{found / 1e6:.0f} MB unzipped, over the limit of {LIMIT_BYTES / 1e6:.0f} MB"


def _newer(version: str) -> bool:
    matched = VERSION.fullmatch(version)
    if not matched:
        return False
    return tuple(map(int, matched[2].split("."))) > CAPS[matched[1]]
