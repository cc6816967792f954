"""Standard input as records of the stream: read as it comes, for a pipe may never end."""

import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

from pipeline.decode import BASE64_OF_GZIP, Refused, inflate, may_be_base64_of_gzip
from pipeline.errors import Reason
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.carry import Carry, Origin
from pipeline.stream.files import Progress, known_input
from pipeline.stream.log import Incoming, append
from pipeline.stream.slices import CHUNK, cut, slices


def first_arrival(store: Store, source: str, identity: str, arrival_ms: int) -> int:
    """When lines of this identity first came: what arrives again has its old times.

    Notes the given time when they never did.
    """
    known = known_input(store, source, identity)
    if known is not None:
        return int(known["arrival_ms"])
    with store.transaction() as connection:
        connection.execute(
            "insert into input (source, digest, length, lines, complete_length, complete_digest,"
            " name, formats, arrival_ms, done_bytes, done_lines)"
            " values (?, ?, 0, 0, 0, '', '-', '[]', ?, 0, 0)",
            (source, identity, arrival_ms),
        )
    return arrival_ms


def feed_stdin(
    store: Store,
    stream: BinaryIO,
    identity: str,
    origin: Origin,
    limits: Limits,
    patience: "Patience | None" = None,
) -> Iterator[Progress]:
    """Append what comes through a pipe, as it comes; yields after each record.

    A break inside (damaged gzip) becomes one reject: what arrived before it stands. Raises
    KeyboardInterrupt when reading was to end, behind what has come: a last line without an end is
    read as it stands.
    """
    patience = patience or Patience()
    template = Incoming(
        origin.source.name,
        identity,
        b"",
        origin.arrival_ms,
        identity,
        formats=origin.formats,
        log_group=origin.log_group,
    )
    carry, lines = Carry(), 0
    chunks = patience.chunks(stream)
    head = next(chunks, b"")
    if head.startswith(BASE64_OF_GZIP) and may_be_base64_of_gzip(head):
        yield _feed_whole(store, chain((head,), chunks), template, limits)
        return
    end = _End()
    content = gathered(inflate(chain((head,), end.of(chunks)), limits), limits.slice_bytes)
    try:
        for each in slices(cut(content, 1, limits.record_bytes)):
            record = replace(template, payload=each.payload, first_ordinal=each.first, opened=True)
            record = carry.given_to(record)
            with store.transaction() as connection:
                if record.payload:
                    append(connection, record)
            carry, lines = carry.after(origin, each.payload), each.lines
            yield Progress(each.done, 0)
    except Refused as refused:
        if end.asked:
            raise KeyboardInterrupt from None
        text = f"{refused.reason}: {refused.detail}"
        with store.transaction() as connection:
            append(connection, replace(template, first_ordinal=lines, refused=text))
    if end.asked:
        raise KeyboardInterrupt


@dataclass
class _End:
    """Whether reading was to end: for whoever reads, that is the end of what comes."""

    asked: bool = False

    def of(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks up to there."""
        try:
            yield from chunks
        except KeyboardInterrupt:
            self.asked = True


def _feed_whole(
    store: Store, chunks: Iterator[bytes], template: Incoming, limits: Limits
) -> Progress:
    """What has to be opened as one record: base64 of gzip, as the head tells."""
    payload = b"".join(_upto(chunks, limits.kept_file_bytes + 1))
    refused = ""
    if len(payload) > limits.kept_file_bytes:
        refused = f"{Reason.TOO_LARGE}: more than {limits.kept_file_bytes} bytes as one record"
        payload = payload[: limits.line_bytes]
    with store.transaction() as connection:
        append(connection, replace(template, payload=payload, refused=refused))
    return Progress(len(payload), 0)


def _upto(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:length]
        length -= min(len(chunk), length)
        if not length:
            return


@dataclass(frozen=True, slots=True)
class Patience:
    """How long lines may wait for more to come with them, and what ends the reading.

    wait_s  seconds from the first of them; 0: no longer than until nothing more is there at once
    stop    file descriptor; when it can be read, reading ends as by an interrupt
    """

    wait_s: float = 0.0
    stop: int | None = None
    clock: Callable[[], float] = time.monotonic

    def chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        """What comes through a pipe, and an empty chunk where what came must not wait any more.

        Raises KeyboardInterrupt when reading was to end.
        """
        since = None
        while True:
            # Told from in here, because bytes that come need not make content: whoever waits for
            # more of that (the trailer of a gzip came last) would wait as long as the pipe pauses.
            if since is not None and not self._more(stream, since):
                since = None
                yield b""
            chunk = self._read(stream)
            if not chunk:
                return
            since = self.clock() if since is None else since
            yield chunk

    def _more(self, stream: BinaryIO, since: float) -> bool:
        """Whether more is there to be had before what came at a time has to go on."""
        left = since + self.wait_s - self.clock()
        if self.wait_s and left <= 0:
            return False  # also where more is always there
        return bool(select.select(self._watched(stream), [], [], max(left, 0.0))[0])

    def _read(self, stream: BinaryIO) -> bytes:
        ready = select.select(self._watched(stream), [], [])[0]
        if self.stop is not None and self.stop in ready:
            raise KeyboardInterrupt
        return os.read(stream.fileno(), CHUNK)

    def _watched(self, stream: BinaryIO) -> list[int]:
        return [stream.fileno(), *(() if self.stop is None else (self.stop,))]


def gathered(chunks: Iterator[bytes], at_least: int) -> Iterator[bytes]:
    """Larger chunks: what comes until an empty one says that it must not wait any more."""
    held: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if chunk and size < at_least:
                continue
            if size:
                yield b"".join(held)
            held, size = [], 0
    except Refused:
        if size:
            yield b"".join(held)
        raise
    if size:
        yield b"".join(held)
