"""Connections that nobody uses have an end, and there are fewer of them than files may be open.

uvicorn ends a connection that is idle after an answer. It waits for ever for a head that never
comes whole and for the rest of a body that was answered already; its `limit_concurrency` answers
requests, and a connection that asks nothing is never counted off.
"""

import asyncio
import errno
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.web.telling import tell

# For the head of a request, from the connection's first moment or the head's first byte on.
HEAD_S, HEAD_BYTES = 10.0, 64 << 10
# For what is still sent of a body that was answered: who sends it should see the answer, and does
# not where the connection is closed at once.
LINGER_S = 5.0
MOST = 4_096
# The rest is for the log, the lake and what queries read.
SHARE_OF_FILES, BURSTS_OF_FILES = 2, 16
# As many are accepted in one go at most; several goes come before one that is too many is closed.
MOST_AT_ONCE = 128
# A flood is over when nobody was turned away for so long.
QUIET_S = 60.0
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass
class Door:
    """How many come in; a flood is told in one line.

    most     connections at once
    at_once  accepted in one go
    """

    most: int
    at_once: int
    say: Callable[[str], None] = tell
    clock: Callable[[], float] = time.monotonic
    _turned_away: float = float("-inf")

    def turn_away(self) -> None:
        """Note that one more could not come in."""
        now = self.clock()
        if now - self._turned_away > QUIET_S:
            self.say(f"warning: too many connections, more than {self.most} are turned away")
        self._turned_away = now

    def on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop says of an error: no traceback for each connection of a flood."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
            self.turn_away()
        else:
            loop.default_exception_handler(context)


def door() -> Door:
    """A door for as many as the limit of open files has room for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return Door(MOST, MOST_AT_ONCE)
    most = max(1, min(MOST, files // SHARE_OF_FILES))
    return Door(most, max(1, min(MOST_AT_ONCE, files // BURSTS_OF_FILES)))


class Connection(HttpToolsProtocol):
    """A connection of uvicorn with an end of the head, and of what comes after the answer.

    Of its two parsers this is the one in C: measured, a view over HTTP costs half as much by it.
    It keeps what it has no end of, and knows no time.
    """

    def __init__(self, *args: Any, door: Door, **named: Any) -> None:
        super().__init__(*args, **named)
        self._door = door
        self._end: asyncio.TimerHandle | None = None
        # Whether the rest of a body is still to come; bytes since the last of one, or its head.
        self._in_body, self._held = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Come in, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._door.most:
            self._door.turn_away()
            transport.abort()
        else:
            self._end_in(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Go."""
        self._never_end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request, or of a body that was answered already."""
        before, self._held = self._in_body, self._held + len(data)
        super().data_received(data)
        if self._held > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")
        elif self.cycle is not None and not self.cycle.response_complete:
            self._never_end()
        elif not self._in_body and (before or self._end is None):
            # The rest of a body ended here, or a head begins.
            self._end_in(HEAD_S)

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        self._in_body, self._held = True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take some of a body."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have all of a request."""
        self._in_body, self._held = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or see to it that the last one ends."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._end_in(LINGER_S)

    def _unsupported_upgrade_warning(self) -> None:
        # Asked for by Java and `curl --http2`, who are content with less; but the parser takes
        # nothing more.
        self.cycle.keep_alive = False

    def _end_in(self, seconds: float) -> None:
        self._never_end()
        self._end = self.loop.call_later(seconds, self._end_now)

    def _never_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _end_now(self) -> None:
        self._end = None
        self._unset_keepalive_if_required()
        self.transport.abort()
