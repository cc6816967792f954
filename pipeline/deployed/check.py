"""One look at something, and what came of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One look: `fix` says what to do when it is not ok."""

    name: str
    ok: bool
    found: str
    fix: str = ""
