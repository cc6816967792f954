"""Connections that nobody uses have an end, and there are fewer of them than files may be open.

uvicorn ends a connection that is idle after an answer. It waits for ever for a head that never
comes whole, for the rest of a body that was answered already, and for who does not read an answer;
its `limit_concurrency` answers requests, and a connection that asks nothing is never counted off.
"""

import asyncio
import errno
import re
import resource
import time
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.web.telling import tell

# For the head of a request, from the connection's first moment or the head's first byte on.
HEAD_S, HEAD_BYTES = 10.0, 64 << 10
# For what is still sent of a body that was answered: who sends it should see the answer, and does
# not where the connection is closed at once.
LINGER_S = 5.0
# Who takes less than so much of an answer in so long does not read it.
STALLED_S, STALLED_BYTES = 15.0, 64 << 10
# Parsed at once. What follows a request that waits for its turn is not: each would be kept as
# objects, which are a hundred times as large as the few bytes of it.
PIECE_BYTES = 4 << 10
INVALID = "Invalid HTTP request received."
MOST = 4_096
# The rest is for the log, the lake and what queries read.
SHARE_OF_FILES, BURSTS_OF_FILES = 2, 16
# As many are accepted in one go at most; several goes come before one that is too many is closed.
MOST_AT_ONCE = 128
# Where so many of those that may be are, they are kept for less long.
CROWD, CROWDED_S = 0.75, 5.0
# A flood is over when nobody was turned away for so long.
QUIET_S = 60.0
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass
class Door:
    """How many come in; a flood is told in one line.

    most     connections at once
    at_once  accepted in one go
    idle     those that ask nothing after an answer; who does so longest comes first
    """

    most: int
    at_once: int
    say: Callable[[str], None] = tell
    clock: Callable[[], float] = time.monotonic
    idle: dict["Connection", None] = field(default_factory=dict)
    _turned_away: float = float("-inf")

    def has_room(self, inside: int) -> bool:
        """Whether one more may stay; for it, who asks nothing for longest has to go."""
        if inside <= self.most:
            return True
        longest = next(iter(self.idle), None)
        if longest is None:
            return False
        longest.leave()
        return True

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


class _Flow(FlowControl):
    """uvicorn's, which reads on after every answer; this one not while requests wait for theirs."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, if nothing waits."""
        if not len(self._waiting):
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """A connection of uvicorn with an end of the head, of the answer, and of what comes after it.

    Of its two parsers this is the one in C: measured, a view over HTTP costs half as much by it,
    65 us and not 125. It would hold a head of any length: that has an end here, too.
    """

    def __init__(self, *args: Any, door: Door, **named: Any) -> None:
        super().__init__(*args, **named)
        self._door = door
        self._end: asyncio.TimerHandle | None = None
        # Whether the rest of a body is still to come; bytes since the last of one, or its head.
        self._in_body, self._held = False, 0
        self._unread = memoryview(b"")
        # When to look whether the answer is read, and how much of it was left before.
        self._look: asyncio.TimerHandle | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Come in, if there is room."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if self._door.has_room(len(self.connections)):
            self._end_in(HEAD_S)
        else:
            self._door.turn_away()
            transport.abort()

    def leave(self) -> None:
        """Make room for another."""
        self._door.idle.pop(self, None)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Go."""
        self._never_end()
        self._never_look()
        self._door.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request, or of a body that was answered already."""
        self._door.idle.pop(self, None)
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self._read_on()

    def _read_on(self) -> None:
        while self._unread and not self.pipeline and not self.transport.is_closing():
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            self._take(piece)

    def _take(self, data: memoryview) -> None:
        self._unset_keepalive_if_required()
        before, self._held = self._in_body, self._held + len(data)
        if not self._parses(data) or self._held > HEAD_BYTES:
            self.logger.warning(INVALID)
            self.send_400_response(INVALID)
            self._end_in(STALLED_S)
        elif self.cycle is not None and not self.cycle.response_complete:
            self._never_end()
        elif not self._in_body and (before or self._end is None):
            # The rest of a body ended here, or a head begins.
            self._end_in(HEAD_S)

    def _parses(self, data: memoryview) -> bool:
        """Whether these bytes can go on as they do.

        A request that would rather go on in another protocol, as those of Java and `curl --http2`
        would, is parsed once more as if it did not: at the end of its head the parser takes no
        more, and has left out the body (RFC 9110, 7.8: such a wish may be ignored).
        """
        pieces = [data]
        while pieces:
            piece = pieces.pop()
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as wish:
                if self.parser.get_method() == b"CONNECT":
                    return False
                head = self._head_without(b"upgrade")
                self.parser = httptools.HttpRequestParser(self)
                pieces += piece[wish.args[0] :], memoryview(head)
            except httptools.HttpParserError:
                return False
        return True

    def _head_without(self, left_out: bytes) -> bytes:
        first = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        lines = [b"%b: %b\r\n" % each for each in self.headers if each[0] != left_out]
        return b"%b %b HTTP/%b\r\n" % first + b"".join(lines) + b"\r\n"

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        if self.parser.should_upgrade():
            return
        self._in_body, self._held = True, 0
        host = _authority(self.url)
        if host is not None and (b"host", host) not in self.headers:
            # The guard wants one of them (RFC 9112, 3.2.2).
            self.headers.append((b"host", host))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take some of a body."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have all of a request."""
        if self.parser.should_upgrade():
            return
        self._in_body, self._held = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or see to it that the last one ends."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._end_in(LINGER_S)
        elif self.transport.is_closing():
            self._end_in(STALLED_S)
        else:
            self.flow.resume_reading()
            self._read_on()
            if self.cycle.response_complete and not self._held:
                self._rest()

    def _rest(self) -> None:
        """Stay for the next request, not for long where there is a crowd."""
        self._door.idle[self] = None
        if len(self.connections) > CROWD * self._door.most:
            self._unset_keepalive_if_required()
            ends = self.loop.call_later(CROWDED_S, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = ends

    def timeout_keep_alive_handler(self) -> None:
        """End, also where the last answer is still not read."""
        super().timeout_keep_alive_handler()
        self._end_in(STALLED_S)

    def pause_writing(self) -> None:
        """Wait for who reads the answer, but not for ever."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """Go on with an answer that is read."""
        self._never_look()
        super().resume_writing()

    def _look_later(self) -> None:
        self._never_look()
        self._left = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(STALLED_S, self._look_now)

    def _look_now(self) -> None:
        if self._left - self.transport.get_write_buffer_size() < STALLED_BYTES:
            self.transport.abort()
        else:
            self._look_later()

    def _never_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

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


def _authority(target: bytes) -> bytes | None:
    """The host that a request line names, as one for a proxy does; None: it does not."""
    _, separator, rest = target.partition(b"://")
    if target.startswith(b"/") or not separator:
        return None
    return re.split(rb"[/?#]", rest, maxsplit=1)[0]
