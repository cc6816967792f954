"""Whether log.db takes what is posted: what the last write met."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from pipeline.errors import DeliveryError, TailraceError
from pipeline.sources import NAMES
from pipeline.store import Store
from pipeline.stream.log import Incoming, append

TRIED_EVERY_S = 1.0


@dataclass
class Writes:
    """The state of the intake's writes; every thread may tell and ask.

    failing_ms  since when they fail; None: they do not
    problem     what the last one met
    """

    folder: Path
    clock: Callable[[], float] = time.time
    failing_ms: int | None = None
    problem: str = ""
    _tried: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    def failed(self, error: DeliveryError) -> None:
        """A record was not written."""
        with self._lock:
            if self.failing_ms is None:
                self.failing_ms = int(self.clock() * 1000)
            self.problem = error.what

    def taken(self) -> None:
        """Some were."""
        with self._lock:
            self.failing_ms, self.problem = None, ""

    def try_again(self) -> None:
        """Where they fail, see whether they still do: perhaps nobody sends while it is told so."""
        with self._lock:
            now = time.monotonic()
            if self.failing_ms is None or now - self._tried < TRIED_EVERY_S:
                return
            self._tried = now
        try:
            self._write()
        except TailraceError:
            return
        self.taken()

    def _write(self) -> None:
        record = Incoming(NAMES[0], "", b"", int(self.clock() * 1000))
        with closing(Store(self.folder, writer=True)) as store, store.transaction() as connection:
            connection.execute("savepoint tried")
            append(connection, record)
            # With its sequence number, which the audit would miss.
            connection.execute("rollback to tried")
            # Of what was taken back nothing reaches the disk: this does, and changes nothing.
            connection.execute("update running set one = one")
