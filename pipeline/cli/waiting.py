"""What is shown while an engine works: its state, the seconds, and what it has read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from pipeline.cli.cells import size
from pipeline.queries.engines import Progress, Watch

if TYPE_CHECKING:
    from rich.status import Status

# Who waits less is not told.
QUIET_S = 0.5


@contextmanager
def waiting(engine: str) -> Iterator[Watch]:
    """What to call with the progress of a query: a spinner on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    status: Status | None = None
    started = monotonic()

    def watch(progress: Progress) -> None:
        nonlocal status
        seconds = monotonic() - started
        if seconds < QUIET_S:
            return
        read = size(progress.bytes_scanned)
        text = f"{engine} {progress.state.lower()} {seconds:.0f} s, {read}"
        if status is None:
            status = _started(text)
        status.update(text)

    try:
        yield watch
    finally:
        if status is not None:
            status.stop()


def _started(text: str) -> "Status":
    from rich.console import Console
    from rich.status import Status

    status = Status(text, console=Console(stderr=True))
    status.start()
    return status
