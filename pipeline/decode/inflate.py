"""gzip, several members and layers deep, with caps on what it may become.

Source: RFC 1952 (members may follow one another; each ends with CRC and length).
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pipeline.errors import Reason
from pipeline.settings import Limits

engine: Any
try:  # a third of the CPU of zlib; the standard library stands in where it is not installed
    from isal import isal_zlib as engine
except ImportError:  # pragma: no cover - the locked environments have it
    engine = zlib

MAGIC = b"\x1f\x8b"
# Tape and block devices pad with zeros; gzip(1) and Python take them silently, and so do we.
PADDING = b"\0"
LAYERS = 2
GZIP_WINDOW = 31
FLAGS_AT, FLAG_NAME = 3, 0x08
PIECE_OUT = 1 << 20
# Small pieces in, because what is left behind a member is copied: a flood of empty members would
# else cost the square of its size.
PIECE_IN = 8 << 10


class Refused(Exception):
    """A payload that can never be read; caught by `decode`, which makes a reject of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass
class _Meter:
    limits: Limits
    cap: int | None
    bytes_in: int = 0

    def check(self, inflated: int) -> None:
        if self.cap is not None and inflated > self.cap:
            raise Refused(Reason.TOO_LARGE, f"inflates to more than {self.cap} bytes")
        allowed = max(self.limits.ratio_from_bytes, self.bytes_in * self.limits.inflate_ratio)
        if inflated > allowed:
            ratio = self.limits.inflate_ratio
            raise Refused(
                Reason.TOO_LARGE, f"inflates more than 1:{ratio} after {self.bytes_in} bytes"
            )


def inflate(chunks: Iterable[bytes], limits: Limits, cap: int | None = None) -> Iterator[bytes]:
    """The content of a payload that may be gzip, up to two layers deep; plain content as it is.

    `cap`: bytes it may inflate to; None for no cap but the ratio (a file is read in slices).
    An empty chunk (nothing more for now) is given on behind the content of those before it.
    Raises Refused for truncation, a bad CRC, bytes behind the last member, a third layer, a bomb.
    """
    meter = _Meter(limits, cap)
    yield from _layer(_counted(chunks, meter), meter, 0)


def inflate_record(payload: bytes, limits: Limits) -> bytes:
    """The whole content of a payload held in memory, at most `limits.record_bytes`.

    Raises Refused as `inflate` does.
    """
    if not payload.startswith(MAGIC):
        return payload
    # Nearly every record is one member and one layer: that needs one call. All else takes the long
    # way, which costs 0.2 us a line more.
    allowed = max(limits.ratio_from_bytes, len(payload) * limits.inflate_ratio)
    member = engine.decompressobj(GZIP_WINDOW)
    try:
        text: bytes = member.decompress(payload, min(allowed, limits.record_bytes))
    except (zlib.error, engine.error):
        text = MAGIC
    if member.eof and not member.unused_data and not text.startswith(MAGIC):
        return text
    return b"".join(inflate((payload,), limits, limits.record_bytes))


def _counted(chunks: Iterable[bytes], meter: _Meter) -> Iterator[bytes]:
    for chunk in chunks:
        meter.bytes_in += len(chunk)
        yield chunk


def _layer(chunks: Iterator[bytes], meter: _Meter, depth: int) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(MAGIC):
            break
    if not head.startswith(MAGIC):
        if head:
            yield head
        yield from chunks
        return
    if depth == LAYERS:
        raise Refused(Reason.TOO_LARGE, f"more than {LAYERS} layers of gzip")
    yield from _layer(_members(head, chunks, meter), meter, depth + 1)


def _members(head: bytes, chunks: Iterator[bytes], meter: _Meter) -> Iterator[bytes]:
    member: Any = None
    produced, consumed, left = 0, 0, b""
    for chunk in _pieces(head, chunks):
        if not chunk:
            yield chunk
            continue
        left += chunk
        while left:
            if member is None:
                padded = len(left)
                left = left.lstrip(PADDING)
                consumed += padded - len(left)
                if left in (b"", MAGIC[:1]):
                    break
                if not left.startswith(MAGIC):
                    raise Refused(Reason.GZIP_JUNK, f"bytes that are no gzip from {consumed} on")
                if len(left) <= FLAGS_AT:
                    break
                # isal loses its place when a header with more than a name comes in two pieces.
                strange = left[FLAGS_AT] & ~FLAG_NAME
                member = (zlib if strange else engine).decompressobj(GZIP_WINDOW)
            before = len(left)
            out = _step(member, left, consumed)
            left = member.unused_data if member.eof else member.unconsumed_tail
            consumed += before - len(left)
            produced += len(out)
            meter.check(produced)
            if out:
                yield out
            if member.eof:
                member = None
    if member is not None or left:
        rest = _step(member, b"", consumed) if member is not None else b""
        meter.check(produced + len(rest))
        raise Refused(Reason.GZIP_TRUNCATED, f"gzip breaks off at byte {consumed + len(left)}")


def _pieces(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chain((head,), chunks):
        yield from (chunk[at : at + PIECE_IN] for at in range(0, len(chunk) or 1, PIECE_IN))


def _step(member: Any, data: bytes, consumed: int) -> bytes:
    try:
        out: bytes = member.decompress(data, PIECE_OUT)
    except (zlib.error, engine.error) as error:
        raise Refused(
            Reason.GZIP_CORRUPT, f"gzip is damaged near byte {consumed}: {error}"
        ) from error
    return out
