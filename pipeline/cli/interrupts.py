"""Ctrl-C and SIGTERM while a pipe is read: what has come is landed first."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[int]:
    """A file descriptor that can be read once the process was asked to end.

    The second time it is asked it ends at once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def ask(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.default_int_handler)

    # Not written by the handler: that runs between two steps of Python, and when the signal comes
    # just before a wait for the pipe begins, only behind that, which may be never.
    woken = signal.set_wakeup_fd(writing)
    before = {each: signal.signal(each, ask) for each in SIGNALS}
    try:
        yield reading
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(woken)
        os.close(reading)
        os.close(writing)
