"""Files and standard input as records of the stream.

A file is opened and digested once before its first row: a broken one gives no rows but one reject.
Its identity is the digest of its decompressed content, so the same file twice is one. It enters in
slices cut at line ends; each slice and the progress are one transaction, so a killed run goes on
where it stopped.
"""

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pipeline.decode import PARQUET_MAGIC, Refused, inflate
from pipeline.decode.envelope import MARK
from pipeline.errors import InputError, Reason
from pipeline.settings import Limits
from pipeline.sources import Source
from pipeline.store import Store
from pipeline.stream.log import Incoming, append

CHUNK = 1 << 20
BASE64_OF_GZIP = b"H4sI"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is said about some lines: source, declared formats, log group, time of arrival."""

    source: Source
    formats: tuple[str, ...]
    log_group: str
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds once it is decompressed.

    digest    of the content; of the bytes as they lie there when it was refused
    complete  length and digest up to the last newline
    whole     to be taken as one record, as it lies there
    refused   "reason: detail" when it cannot be read
    """

    size: int
    digest: str
    length: int
    lines: int
    complete: tuple[int, str]
    whole: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is: bytes of content appended, of all."""

    done: int
    total: int


class Content:
    """Running digest and line count of some content."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.length = 0
        self.newlines = 0
        self.complete = (0, self._hash.hexdigest())

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        border = chunk.rfind(b"\n") + 1
        if border:
            self._hash.update(chunk[:border])
            self.complete = (self.length + border, self._hash.hexdigest())
            self.newlines += chunk.count(b"\n")
        self._hash.update(chunk[border:])
        self.length += len(chunk)

    @property
    def lines(self) -> int:
        """Lines so far; an unterminated last one counts."""
        return self.newlines + (self.length > self.complete[0])

    @property
    def digest(self) -> str:
        """Digest so far."""
        return self._hash.hexdigest()


def scan(path: Path, limits: Limits) -> Scan:
    """Look at a whole file once.

    Raises InputError when it cannot be opened or read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(CHUNK)
            if head.startswith(PARQUET_MAGIC):
                detail = "Parquet flow logs are not read yet; deliver them as text"
                return _refused(path, size, Refused(Reason.PARQUET_UNSUPPORTED, detail))
            if head.startswith(BASE64_OF_GZIP):
                return replace(_digested(path, size), whole=True)
            file.seek(0)
            return _scan_lines(file, path, size, limits)
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror or error}",
            f"at {path}",
            "check the path and its permissions",
        ) from error


def _scan_lines(file: BinaryIO, path: Path, size: int, limits: Limits) -> Scan:
    content = Content()
    head = b""
    try:
        for chunk in inflate(iter(partial(file.read, CHUNK), b""), limits):
            head = head or chunk[:CHUNK]
            content.add(chunk)
    except Refused as refused:
        return _refused(path, size, refused)
    whole = _is_one_envelope(head) and content.length <= limits.record_bytes
    lines = content.lines
    return Scan(size, content.digest, content.length, lines, content.complete, whole)


def _is_one_envelope(head: bytes) -> bool:
    """Whether a JSON object with `messageType` runs over several lines."""
    first, _, rest = head.lstrip().partition(b"\n")
    if not first.startswith(b"{") or MARK not in head or not rest.strip():
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except msgspec.DecodeError:
        return True
    return False


def _digested(path: Path, size: int) -> Scan:
    content = Content()
    with path.open("rb") as file:
        for chunk in iter(partial(file.read, CHUNK), b""):
            content.add(chunk)
    return Scan(size, content.digest, content.length, 1, content.complete)


def _refused(path: Path, size: int, refused: Refused) -> Scan:
    text = f"{refused.reason}: {refused.detail}"
    return replace(_digested(path, size), whole=True, refused=text)


def feed(
    store: Store, path: Path, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    """Append what a scanned file holds and the stream has not; yields after each record.

    Raises InputError when the file is no longer what was scanned.
    """
    known = known_input(store, origin.source.name, found.digest)
    if known is None:
        _note_input(store, path, found, origin)
    elif known["done_bytes"] >= found.length:
        return
    if found.length == 0:
        return
    if found.whole:
        yield from _feed_whole(store, path, found, origin, limits)
    else:
        yield from _feed_slices(store, path, found, origin, limits)


def known_input(store: Store, source: str, digest: str) -> dict[str, Any] | None:
    """What the stream knows of a file with this content; None for nothing."""
    rows = store.rows("select * from input where source = ? and digest = ?", source, digest)
    return dict(rows[0]) if rows else None


def _note_input(store: Store, path: Path, found: Scan, origin: Origin) -> None:
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
                _name(path),
                msgspec.json.encode(origin.formats).decode(),
                origin.arrival_ms,
            ),
        )


def _name(path: Path) -> str:
    """A path as text that can be stored; bytes of it that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _feed_whole(
    store: Store, path: Path, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    payload = path.read_bytes() if found.size <= limits.kept_file_bytes else b""
    refused = found.refused
    if not payload:
        kept = {"path": _name(path.absolute()), "length": found.size, "digest": found.digest}
        payload = msgspec.json.encode(kept)
        refused = refused or f"{Reason.TOO_LARGE}: a file of {found.size} bytes as one record"
    record = _incoming(origin, found, payload)
    record = replace(record, refused=refused)
    _append(store, found, record, found.length, found.lines, Carry())
    yield Progress(found.length, found.length)


def _feed_slices(
    store: Store, path: Path, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    known = known_input(store, origin.source.name, found.digest) or {}
    origin = replace(origin, arrival_ms=known["arrival_ms"])
    carry = Carry(known["header"], known["time_ms"])
    check = Content()
    # What cannot be read any more is another file than the one that was scanned.
    with path.open("rb") as file, suppress(Refused):
        content = inflate(iter(partial(file.read, CHUNK), b""), limits)
        for piece in cut(_upto(content, found.length), limits.slice_bytes, limits.record_bytes):
            start, first = check.length, check.newlines
            check.add(piece)
            if check.length <= known["done_bytes"]:
                continue
            if start < known["done_bytes"]:
                piece, first = piece[known["done_bytes"] - start :], known["done_lines"]
            record = replace(
                _incoming(origin, found, piece),
                first_ordinal=first,
                formats=carry.formats or origin.formats,
                time_ms=carry.time_ms,
                opened=True,
            )
            carry = carry.after(origin.source, piece)
            _append(store, found, record, check.length, check.newlines, carry)
            yield Progress(check.length, found.length)
    if check.digest != found.digest:
        raise InputError(
            "the file changed while it was read",
            f"at {path}",
            "run it again when nobody writes to it; what was accepted before stands",
        )


@dataclass(frozen=True, slots=True)
class Carry:
    """What the lines of a file so far mean for those behind them."""

    header: str = ""
    time_ms: int | None = None

    @property
    def formats(self) -> tuple[str, ...]:
        """The format that a header line has set; empty for none."""
        return (self.header,) if self.header else ()

    def after(self, source: Source, piece: bytes) -> "Carry":
        """The same behind some more lines."""
        header = source.carry(piece, self.header) if source.carry else self.header
        time_ms = source.carry_time(piece, self.time_ms) if source.carry_time else self.time_ms
        return Carry(header, time_ms)


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
    carry, lines, done = Carry(), 0, 0
    template = Incoming(
        origin.source.name, identity, b"", origin.arrival_ms, identity, log_group=origin.log_group
    )
    chunks = inflate(_as_it_comes(stream), limits)
    pieces = cut(_gathered(chunks, stream, limits.slice_bytes), 1, limits.record_bytes)
    while True:
        record = replace(template, first_ordinal=lines, time_ms=carry.time_ms)
        try:
            piece = next(pieces, b"")
        except Refused as refused:
            broken = replace(record, refused=f"{refused.reason}: {refused.detail}")
            with store.transaction() as connection:
                append(connection, broken)
            return
        if not piece:
            return
        formats = carry.formats or origin.formats
        record = replace(record, payload=piece, formats=formats, opened=True)
        with store.transaction() as connection:
            append(connection, record)
        carry = carry.after(origin.source, piece)
        lines += piece.count(b"\n")
        done += len(piece)
        yield Progress(done, 0)


def cut(chunks: Iterator[bytes], at_least: int, at_most: int) -> Iterator[bytes]:
    """Pieces that end with a line, of `at_least` bytes where there are as many.

    A line longer than `at_most` is cut: it will be refused, and memory has an end.
    When the chunks break off (Refused), the whole lines before the break come first.
    """
    held: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size < at_least:
                continue
            border = chunk.rfind(b"\n") + 1
            if not border and size < at_most:
                continue
            border = border or len(chunk)
            held[-1] = chunk[:border]
            yield b"".join(held)
            held, size = [chunk[border:]], len(chunk) - border
    except Refused:
        whole, newline, _ = b"".join(held).rpartition(b"\n")
        if newline:
            yield whole + newline
        raise
    if size:
        yield b"".join(held)


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
    with store.transaction() as connection:
        seq = append(connection, record)
        connection.execute(
            "update input set done_bytes = ?, done_lines = ?, header = ?, time_ms = ?"
            " where source = ? and digest = ?",
            (done, lines, carry.header, carry.time_ms, record.source, found.digest),
        )
        connection.execute(
            "insert into input_record (seq, source, digest) values (?, ?, ?)",
            (seq, record.source, found.digest),
        )


def _upto(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    """No more than was scanned: a log may grow meanwhile."""
    for chunk in chunks:
        yield chunk[:length]
        length -= min(len(chunk), length)
        if not length:
            return


def _as_it_comes(stream: BinaryIO) -> Iterator[bytes]:
    descriptor = stream.fileno()
    return iter(partial(os.read, descriptor, CHUNK), b"")


def _gathered(chunks: Iterator[bytes], stream: BinaryIO, at_least: int) -> Iterator[bytes]:
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
