"""One look at something, and what came of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One look: `fix` says what to do when it is not ok.

    mild  not ok, and perhaps right all the same: that nothing comes
    """

    name: str
    ok: bool
    found: str
    fix: str = ""
    mild: bool = False
