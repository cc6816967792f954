"""A planted bug."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` of the package and becomes `new`.

    name  before a colon the part of the simulation that goes through it, where one alone does
    """

    name: str
    file: str
    old: str
    new: str

    @property
    def part(self) -> str:
        """Part of the simulation that is to find it; "" for all."""
        part, colon, _ = self.name.partition(":")
        return part if colon else ""
