"""uvicorn as both servers run it: connections of our own, and signals that it takes itself."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from pipeline.web.address import BACKLOG
from pipeline.web.connections import Connection, Door

KEEP_ALIVE_S = 75
# Less than what waits for a server that is told to end.
REQUESTS_S = 3
# What they say in X-Forwarded-For is believed: of several addresses the last that is not theirs.
THIS_MACHINE = ["127.0.0.1", "::1"]


class Listening(uvicorn.Server):
    """uvicorn that says when it answers, and leaves an ordinary end to who runs it.

    ready    called once it answers
    ending   set when a signal says to end
    proxied  whether a proxy of this machine says who asked
    """

    def __init__(
        self,
        app: Any,
        entrance: Door,
        ready: Callable[[], None],
        ending: threading.Event,
        proxied: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # It is only called.
                http=partial(Connection, door=entrance),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=proxied,
                forwarded_allow_ips=THIS_MACHINE,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=REQUESTS_S,
                # As many asyncio accepts in one go, each with a file of its own.
                backlog=entrance.at_once,
            )
        )
        self._door, self._ready, self._ending = entrance, ready, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        asyncio.get_running_loop().set_exception_handler(self._door.on_loop_error)
        await super().startup(sockets)
        for each in sockets or ():
            # What waits to be accepted costs no file: here many may.
            each.listen(BACKLOG)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals; uvicorn's own way raises them again, which would end the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        taken = (signal.SIGTERM, signal.SIGINT)
        before = {each: signal.signal(each, self._end) for each in taken}
        try:
            yield
        finally:
            self.give_back(before)

    def give_back(self, before: Mapping[signal.Signals, Any]) -> None:
        """Give the signals back to who had them."""
        for each, handler in before.items():
            signal.signal(each, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._ending.set()
        self.should_exit = True
