"""The page alone, over what is elsewhere: served on this machine until a signal ends it."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from types import FrameType

import uvicorn
from pydantic import BaseModel

from pipeline.web.address import BACKLOG, Address, listen, url_of
from pipeline.web.app import reading_app_of
from pipeline.web.connections import Connection, Door, door
from pipeline.web.guard import hosts_of
from pipeline.web.reader import Reader

KEEP_ALIVE_S = 75
# Together less than what waits for a server that is told to end.
REQUESTS_S = 3


def show(
    reader: Reader, address: Address, health: type[BaseModel], say: Callable[[str], None]
) -> None:
    """Serve the page of a reader; blocks. `say` is told the URL once it answers.

    health  shape of the reader's answer to that

    Raises UsageError for a host that is none, TailraceError for a port that is taken.
    """
    with closing(listen(address)) as listener:
        entrance, url = door(), url_of(address, listener)
        config = uvicorn.Config(
            reading_app_of(reader, hosts_of(address.host), health),
            # It is only called.
            http=partial(Connection, door=entrance),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=REQUESTS_S,
            backlog=entrance.at_once,
        )
        _Server(config, reader, entrance, lambda: say(url)).run(sockets=[listener])
    for pool in (reader.queries, reader.rankings):
        pool.shutdown(wait=False, cancel_futures=True)


class _Server(uvicorn.Server):
    """uvicorn that says when it answers, and breaks queries off when it is told to end."""

    def __init__(
        self, config: uvicorn.Config, reader: Reader, entrance: Door, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._reader, self._door, self._ready = reader, entrance, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        asyncio.get_running_loop().set_exception_handler(self._door.on_loop_error)
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals; uvicorn's own way raises them again, which would end the process."""
        taken = (signal.SIGTERM, signal.SIGINT)
        before = {each: signal.signal(each, self._end) for each in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._reader.ending.set()
        self.should_exit = True
