"""A planted bug."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` of the package and becomes `new`."""

    name: str
    file: str
    old: str
    new: str
