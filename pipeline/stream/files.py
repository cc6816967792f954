"""Files as records of the stream.

A file is opened and digested once before its first row: a broken one gives no rows but one reject.
Its identity is the digest of its decompressed content, so the same file twice is one. It enters in
slices cut at line ends; each slice and the progress are one transaction, so a killed run goes on
where it stopped.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, BinaryIO

import msgspec

from pipeline.decode import Refused
from pipeline.errors import InputError, Reason
from pipeline.settings import Limits
from pipeline.sources import Source
from pipeline.store import Store
from pipeline.stream.log import Incoming, append
from pipeline.stream.scan import Content, Scan, pieces, scan, slices


@dataclass(frozen=True, slots=True)
class Origin:
    """What is said about some lines: source, declared formats, log group, time of arrival."""

    source: Source
    formats: tuple[str, ...]
    log_group: str
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is: bytes of content appended, of all."""

    done: int
    total: int


def feed(
    store: Store, file: BinaryIO, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    """Append what a scanned file holds and the stream has not; yields after each record.

    Raises InputError when the file is no longer what was scanned.
    """
    known = known_input(store, origin.source.name, found.digest)
    if known is None:
        _note_input(store, found, origin)
    elif known["done_bytes"] >= found.length:
        return
    if found.length == 0:
        return
    if found.whole:
        yield from _feed_whole(store, file, found, origin, limits)
    else:
        yield from _feed_slices(store, file, found, origin, limits)


def known_input(store: Store, source: str, digest: str) -> dict[str, Any] | None:
    """What the stream knows of a file with this content; None for nothing."""
    rows = store.rows("select * from input where source = ? and digest = ?", source, digest)
    return dict(rows[0]) if rows else None


def _note_input(store: Store, found: Scan, origin: Origin) -> None:
    with store.transaction() as connection:
        connection.execute(
            "insert into input (source, digest, length, lines, complete_length, complete_digest,"
            " name, formats, arrival_ms, done_bytes, done_lines)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
            (
                origin.source.name,
                found.digest,
                found.length,
                found.lines,
                *found.complete,
                found.name,
                msgspec.json.encode(origin.formats).decode(),
                origin.arrival_ms,
            ),
        )


def _feed_whole(
    store: Store, file: BinaryIO, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    file.seek(0)
    payload = file.read() if found.size <= limits.kept_file_bytes else b""
    refused = found.refused
    if not payload:
        kept = {"path": found.name, "length": found.size, "digest": found.digest}
        payload = msgspec.json.encode(kept)
        refused = refused or f"{Reason.TOO_LARGE}: a file of {found.size} bytes as one record"
    elif scan(BytesIO(payload), found.name, limits).digest != found.digest:
        raise _changed(found)
    record = replace(_incoming(origin, found, payload), refused=refused)
    _append(store, found, record, found.length, found.lines, Carry())
    yield Progress(found.length, found.length)


def _feed_slices(
    store: Store, file: BinaryIO, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    known = known_input(store, origin.source.name, found.digest) or {}
    origin = replace(origin, arrival_ms=known["arrival_ms"])
    carry = Carry(known["header"], known["time_ms"])
    for each in slices(_as_scanned(file, found, limits)):
        if each.done <= known["done_bytes"]:
            continue
        before = each.done - len(each.payload)
        if before < known["done_bytes"]:
            # A run with other slices broke off in here.
            taken = known["done_bytes"] - before
            each = replace(each, payload=each.payload[taken:], first=known["done_lines"])
        record = replace(
            _incoming(origin, found, each.payload),
            first_ordinal=each.first,
            header=carry.header,
            time_ms=carry.time_ms,
            opened=True,
        )
        carry = carry.after(origin, each.payload)
        _append(store, found, record, each.done, each.lines, carry)
        yield Progress(each.done, found.length)


def _as_scanned(file: BinaryIO, found: Scan, limits: Limits) -> Iterator[bytes]:
    """The pieces of a file, each compared with what was scanned before it is given on."""
    content = Content()
    borders = iter(found.borders)
    # What cannot be read any more behind the last border was not scanned either.
    with suppress(Refused):
        for piece in pieces(file, limits):
            border = next(borders, None)
            if border is None:
                return  # it grew meanwhile: no more than was scanned
            piece = piece[: border[0] - content.length]
            content.add(piece)
            if (content.length, content.digest) != border:
                raise _changed(found)
            yield piece
    if next(borders, None) is not None:
        raise _changed(found)


def _changed(found: Scan) -> InputError:
    return InputError(
        "the file changed while it was read",
        f"at {found.name}",
        "run it again when nobody writes to it; what was accepted before stands",
    )


@dataclass(frozen=True, slots=True)
class Carry:
    """What the lines of a file so far mean for those behind them."""

    header: str = ""
    time_ms: int | None = None

    def after(self, origin: Origin, lines: bytes) -> "Carry":
        """The same behind some more lines."""
        source = origin.source
        header = source.carry(lines, self.header) if source.carry else self.header
        if source.carry_time is None:
            return Carry(header, None)
        return Carry(header, source.carry_time(lines, self.time_ms, origin.arrival_ms))


def _incoming(origin: Origin, found: Scan, payload: bytes) -> Incoming:
    return Incoming(
        origin.source.name,
        found.digest,
        payload,
        origin.arrival_ms,
        identity=f"content/{found.digest}",
        formats=origin.formats,
        log_group=origin.log_group,
    )


def _append(
    store: Store, found: Scan, record: Incoming, done: int, lines: int, carry: Carry
) -> None:
    """Append a record and note the progress at once; the middle of a line is no record."""
    with store.transaction() as connection:
        seq = append(connection, record) if record.payload else None
        connection.execute(
            "update input set done_bytes = ?, done_lines = ?, header = ?, time_ms = ?"
            " where source = ? and digest = ?",
            (done, lines, carry.header, carry.time_ms, record.source, found.digest),
        )
        if seq is not None:
            connection.execute(
                "insert into input_record (seq, source, digest) values (?, ?, ?)",
                (seq, record.source, found.digest),
            )
