"""Standard input as records of the stream: read as it comes, for a pipe may never end."""

import os
import select
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import BinaryIO

from pipeline.decode import BASE64_OF_GZIP, Refused, inflate, may_be_base64_of_gzip
from pipeline.errors import Reason
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.files import Carry, Origin, Progress, known_input
from pipeline.stream.log import Incoming, append
from pipeline.stream.scan import CHUNK, cut, slices


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
    store: Store, stream: BinaryIO, identity: str, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    """Append what comes through a pipe, as it comes; yields after each record.

    A break inside (damaged gzip) becomes one reject: what arrived before it stands.
    """
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
    chunks = _as_it_comes(stream)
    head = next(chunks, b"")
    if head.startswith(BASE64_OF_GZIP) and may_be_base64_of_gzip(head):
        yield _feed_whole(store, chain((head,), chunks), template, limits)
        return
    content = gathered(inflate(chain((head,), chunks), limits), stream, limits.slice_bytes)
    try:
        for each in slices(cut(content, 1, limits.record_bytes)):
            record = replace(template, payload=each.payload, first_ordinal=each.first, opened=True)
            record = replace(record, header=carry.header, time_ms=carry.time_ms)
            with store.transaction() as connection:
                if record.payload:
                    append(connection, record)
            carry, lines = carry.after(origin, each.payload), each.lines
            yield Progress(each.done, 0)
    except Refused as refused:
        text = f"{refused.reason}: {refused.detail}"
        with store.transaction() as connection:
            append(connection, replace(template, first_ordinal=lines, refused=text))


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


def _as_it_comes(stream: BinaryIO) -> Iterator[bytes]:
    descriptor = stream.fileno()
    return iter(partial(os.read, descriptor, CHUNK), b"")


def gathered(chunks: Iterator[bytes], stream: BinaryIO, at_least: int) -> Iterator[bytes]:
    """Larger chunks, as long as more is there to be had at once."""
    held: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size < at_least and select.select([stream], [], [], 0)[0]:
                continue
            yield b"".join(held)
            held, size = [], 0
    except Refused:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)
