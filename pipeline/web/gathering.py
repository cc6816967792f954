"""Views of many POSTs become one record: what comes while the record before is being written.

A record of its own for each view costs three times the work on its way, from the transaction to the
counters; and the wait is the same, for the disk takes one transaction at a time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from pipeline.beacon import SOURCE
from pipeline.stream.intake import Posted
from pipeline.stream.log import Incoming, Place
from pipeline.triggers import http_body

# POSTs in one record: as many as come while a slow disk writes.
MOST = 256


@dataclass
class Gathering:
    """Lines of the source `page-view` on their way to the log; for the event loop alone.

    submit  hands a record over to whoever makes it durable
    clock   seconds since the epoch
    """

    submit: Callable[[Posted], "Future[Place]"]
    clock: Callable[[], float]
    _waiting: "deque[tuple[Sequence[bytes], asyncio.Future[None]]]" = field(default_factory=deque)
    _writing: bool = False

    async def take(self, lines: Sequence[bytes]) -> None:
        """Wait until the lines of one POST are durable. Raises as `Intake.submit` does."""
        loop = asyncio.get_running_loop()
        # One for each POST: who goes takes nobody along.
        durable = loop.create_future()
        self._waiting.append((lines, durable))
        if not self._writing:
            self._writing = True
            # Not at once: others may have come in the same turn of the loop.
            loop.call_soon(self._write)
        await durable

    def _write(self) -> None:
        posts = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        self._writing = bool(posts)
        if not posts:
            return
        answers = [durable for _, durable in posts]
        submitted = self.submit(self._record([line for lines, _ in posts for line in lines]))
        asyncio.wrap_future(submitted).add_done_callback(partial(self._written, answers))

    def _written(
        self, answers: "Sequence[asyncio.Future[None]]", written: "asyncio.Future[Place]"
    ) -> None:
        error = written.exception()
        for durable in answers:
            if durable.done():
                continue
            if error is None:
                durable.set_result(None)
            else:
                durable.set_exception(error)
        self._write()

    def _record(self, lines: Sequence[bytes]) -> Posted:
        now_ms = int(self.clock() * 1000)
        record = http_body(b"\n".join(lines), uuid4().hex, now_ms)
        # By its log group formats are declared: which parameters tell pages apart.
        # Plain: a view that looks like an envelope of CloudWatch is none: its log events would tell
        # of `server` what they like.
        incoming = Incoming(
            *(SOURCE, SOURCE, record.payload, now_ms, record.identity),
            log_group=SOURCE,
            plain=True,
        )
        return Posted(incoming)
