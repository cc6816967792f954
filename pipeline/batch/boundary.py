"""The one place where anything at all may be caught: a fault of ours must not block what follows.

A DeliveryError passes: it is no fault of the record, and comes to an end by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.errors import TailraceError, UsageError

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that nobody foresaw: its type and what it said."""

    detail: str


def guarded(work: Callable[[], Done]) -> Done | Fault:
    """What `work` returns, or the fault that it ended with. Raises the errors that are foreseen.

    Of those a UsageError is a fault, too: nobody here has used anything, least of all a line.
    """
    try:
        return work()
    except Exception as error:
        if isinstance(error, TailraceError) and not isinstance(error, UsageError):
            raise
        # Half a surrogate pair in a message would fail again where it is written.
        text = f"{type(error).__name__}: {error}"
        return Fault(text.encode(errors="backslashreplace").decode())
