"""Files as records of the stream.

A file is opened and digested once before its first row: a broken one gives no rows but one reject.
Its identity is the digest of its decompressed content, so the same file twice is one. It enters in
slices cut at line ends; each slice and the progress are one transaction, so a killed run goes on
where it stopped.

A file that goes on with one that came in before (growth.py) begins behind its whole lines. A last
line without an end is a record of its own, so that it can be replaced: the first new record names
it, and whoever lands that one takes the old line back.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, BinaryIO

import msgspec

from pipeline.decode import Refused
from pipeline.errors import InputError
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.stream.carry import Carry, Origin, carried
from pipeline.stream.growth import Base, base_of, went_on
from pipeline.stream.log import Incoming, append
from pipeline.stream.scan import Content, Scan, as_one_record, head_of, scan
from pipeline.stream.slices import Slice, pieces, slices

# Nothing goes on with a file that is one record.
NO_HEAD = "-"


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
    name = origin.source.name
    known = known_input(store, name, found.digest)
    if known is None:
        base = None if found.whole else base_of(store, name, found)
        if base is not None:
            # What a run that broke off has left of it comes in as a part of it.
            part = _Part(base.digest, base.complete, base.shard_key)
            yield from _feed_slices(store, file, found, origin, limits, part)
        _note_input(store, found, origin, base)
    elif is_in(store, name, known):
        return
    if found.length == 0:
        return
    if found.whole:
        yield from _feed_whole(store, file, found, origin, limits)
        return
    known = known_input(store, name, found.digest) or {}
    key = known["shard_key"] or found.digest
    part = _Part(found.digest, found.length, key)
    yield from _feed_slices(store, file, found, origin, limits, part)


def is_in(store: Store, source: str, known: dict[str, Any]) -> bool:
    """Whether all of a known file has come in, be it as the beginning of another one."""
    return bool(known["done_bytes"] >= known["length"]) or went_on(store, source, known["digest"])


@dataclass(frozen=True, slots=True)
class _Part:
    """Which lines of a content come in as lines of which file: those up to `end`."""

    digest: str
    end: int
    shard_key: str


def known_input(store: Store, source: str, digest: str) -> dict[str, Any] | None:
    """What the stream knows of a file with this content; None for nothing."""
    rows = store.rows("select * from input where source = ? and digest = ?", source, digest)
    return dict(rows[0]) if rows else None


def _note_input(store: Store, found: Scan, origin: Origin, base: Base | None) -> None:
    before = known_input(store, origin.source.name, base.digest) if base is not None else None
    replaces = _replaced(before) if before and base is not None and base.covers else None
    header, time_ms, plain = carried(before) if before else ("", None, False)
    with store.transaction() as connection:
        connection.execute(
            "insert into input (source, digest, length, lines, complete_length, complete_digest,"
            " name, formats, arrival_ms, head, done_bytes, done_lines, header, time_ms, plain,"
            " continues, covers, start_bytes, shard_key, replaces)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                origin.source.name,
                found.digest,
                found.length,
                found.lines,
                *((0, "") if found.whole else found.complete),
                found.name,
                msgspec.json.encode(origin.formats).decode(),
                origin.arrival_ms,
                NO_HEAD if found.whole else head_of(found.first),
                base.complete if base else 0,
                before["done_lines"] if before else 0,
                header,
                time_ms,
                plain,
                base.digest if base else "",
                base is not None and base.covers,
                base.complete if base else 0,
                # What replaces a record has to come behind it.
                base.shard_key if base and replaces is not None else "",
                replaces,
            ),
        )


def _replaced(before: dict[str, Any]) -> int | None:
    """Which record the first new one of a file replaces that begins with all of another one.

    Where nothing of that one came in before its run broke off: the record that it was to replace.
    """
    begun = before["done_bytes"] > before["start_bytes"]
    found: int | None = before["tail_seq"] if begun else before["replaces"]
    return found


def _feed_whole(
    store: Store, file: BinaryIO, found: Scan, origin: Origin, limits: Limits
) -> Iterator[Progress]:
    payload, refused = as_one_record(file, found, limits)
    read = found.size <= limits.kept_file_bytes
    if read and scan(BytesIO(payload), found.name, limits).digest != found.digest:
        raise _changed(found)
    part = _Part(found.digest, found.length, found.digest)
    record = replace(_incoming(origin, part, payload), refused=refused)
    whole = Slice(payload, 0, found.length, found.lines)
    _append(store, part.digest, record, whole, Carry(), tail=False)
    yield Progress(found.length, found.length)


def _feed_slices(
    store: Store, file: BinaryIO, found: Scan, origin: Origin, limits: Limits, part: _Part
) -> Iterator[Progress]:
    known = known_input(store, origin.source.name, part.digest) or {}
    if known["done_bytes"] >= part.end:
        return
    origin = replace(origin, arrival_ms=known["arrival_ms"])
    carry, complete = Carry(*carried(known)), known["complete_length"]
    cut = slices(_as_scanned(file, found, limits))
    for each in _cut_at(_cut_at(cut, complete), known["start_bytes"]):
        if each.done <= known["done_bytes"]:
            continue
        if each.done > part.end:
            return
        before = each.done - len(each.payload)
        if before < known["done_bytes"]:
            # A run with other slices broke off in here.
            taken = known["done_bytes"] - before
            each = replace(each, payload=each.payload[taken:], first=known["done_lines"])
            before += taken
        record = carry.given_to(_incoming(origin, part, each.payload))
        record = replace(record, first_ordinal=each.first, opened=True)
        if before == known["start_bytes"]:
            record = replace(record, replaces=known["replaces"])
        # Of a line without an end nobody knows yet what it means for those behind it.
        tail = before >= complete
        carry = carry if tail else carry.after(origin, each.payload)
        _append(store, part.digest, record, each, carry, tail)
        yield Progress(each.done, found.length)


def _cut_at(found: Iterator[Slice], border: int) -> Iterator[Slice]:
    """The same slices, none of them over a border, where a line begins."""
    for each in found:
        before = each.done - len(each.payload)
        if before < border < each.done:
            lines, rest = each.payload[: border - before], each.payload[border - before :]
            yield Slice(lines, each.first, border, each.lines - rest.count(b"\n"))
            yield Slice(rest, each.first + lines.count(b"\n"), each.done, each.lines)
        else:
            yield each


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


def _incoming(origin: Origin, part: _Part, payload: bytes) -> Incoming:
    return Incoming(
        origin.source.name,
        part.shard_key,
        payload,
        origin.arrival_ms,
        identity=f"content/{part.digest}",
        formats=origin.formats,
        log_group=origin.log_group,
    )


def _append(
    store: Store, digest: str, record: Incoming, each: Slice, carry: Carry, tail: bool
) -> None:
    """Append a record and note the progress at once; the middle of a line is no record."""
    with store.transaction() as connection:
        seq = append(connection, record).sequence if record.payload else None
        connection.execute(
            "update input set done_bytes = ?, done_lines = ?, header = ?, time_ms = ?, plain = ?,"
            " tail_seq = coalesce(tail_seq, ?) where source = ? and digest = ?",
            (
                *(each.done, each.lines, carry.header, carry.time_ms, carry.plain),
                *(seq if tail else None, record.source, digest),
            ),
        )
        if seq is not None:
            connection.execute(
                "insert into input_record (seq, source, digest) values (?, ?, ?)",
                (seq, record.source, digest),
            )
