"""The one place where anything at all may be caught: a fault of ours must not block what follows.

A DeliveryError passes: it is no fault of the record, and comes to an end by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from pipeline.errors import TailraceError, Unforeseen, UsageError

FRAMES = 4
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that nobody foresaw.

    detail  its type and what it said, which may be text of a log
    place   files and lines of its last calls, the innermost last; "" where it was none of ours
    """

    detail: str
    place: str = ""

    def without_words(self) -> Unforeseen:
        """The same for a function's log, in which no text of a log may stand."""
        kind = self.detail.partition(":")[0]
        fix = "report it; the record is tried alone, and kept in the failure store"
        return Unforeseen(f"a fault of ours: {kind}", f"at {self.place}", fix)


def guarded(work: Callable[[], Done]) -> Done | Fault:
    """What `work` returns, or the fault that it ended with. Raises the errors that are foreseen.

    Of those a UsageError is a fault, too: nobody here has used anything, least of all a line. So
    is what another of these calls has told without its words.
    """
    try:
        return work()
    except Exception as error:
        if isinstance(error, TailraceError) and not isinstance(error, (UsageError, Unforeseen)):
            raise
        # Half a surrogate pair in a message would fail again where it is written.
        text = f"{type(error).__name__}: {error}"
        frames = extract_tb(error.__traceback__)[-FRAMES:]
        place = " > ".join(f"{Path(each.filename).name}:{each.lineno}" for each in frames)
        return Fault(text.encode(errors="backslashreplace").decode(), place)
