"""The lock of what a function carries: which of its requirements count for a target.

pip compares markers with the Python that runs it, not with the one it installs for; so they are
decided here, and the installer is given what is left.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.artifacts.target import Target
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Pinned:
    """One requirement: its canonical name, version, and hashes of all its files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((f"{self.name}=={self.version}", *(f"--hash={h}" for h in self.hashes)))


def for_target(text: str, target: Target) -> list[Pinned]:
    """Requirements of a lock that count for a target, in the lock's order.

    Raises UsageError for one that is not pinned to a version and hashes.
    """
    return list(_pinned(text, target))


def _pinned(text: str, target: Target) -> Iterator[Pinned]:
    whole = re.sub(r"\\\n", " ", text)
    for line in filter(None, (line.partition("#")[0].strip() for line in whole.splitlines())):
        required, *hashes = re.split(r"\s+--hash=", line)
        requirement = Requirement(required.strip())
        version = re.fullmatch(r"==([^,*]+)", str(requirement.specifier))
        if not (version and hashes):
            fix = "make lock writes versions and hashes"
            raise UsageError(f"{requirement.name} is not pinned: {required}", "in the lock", fix)
        if requirement.marker is None or requirement.marker.evaluate(target.markers):
            yield Pinned(canonicalize_name(requirement.name), version[1], tuple(hashes))
