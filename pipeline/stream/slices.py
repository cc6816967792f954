"""Content cut at line ends: into pieces of a size that can be held, these into slices of lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np

from pipeline.decode import Refused, inflate
from pipeline.settings import Limits

CHUNK = 1 << 20
# What is read of a line costs up to half a kilobyte, be it one byte long; lines of 70 bytes and
# more fill a slice of the usual size first.
MOST_LINES = 250_000


def pieces(file: BinaryIO, limits: Limits) -> Iterator[bytes]:
    """The content of a file, decompressed, in pieces that end with a line.

    Raises Refused where it cannot be decompressed.
    """
    file.seek(0)
    content = inflate(iter(partial(file.read, CHUNK), b""), limits)
    return cut(content, limits.slice_bytes, limits.record_bytes)


def cut(chunks: Iterator[bytes], at_least: int, at_most: int) -> Iterator[bytes]:
    """Pieces that end with a line, of `at_least` bytes where there are as many.

    None has more than MOST_LINES lines. A line longer than `at_most` is cut: it will be refused,
    and memory has an end. When the chunks break off (Refused), the whole lines before the break
    come first.
    """
    for piece in _cut_by_size(chunks, at_least, at_most):
        yield from _cut_by_lines(piece)


def _cut_by_lines(piece: bytes) -> Iterator[bytes]:
    if piece.count(b"\n") <= MOST_LINES:
        yield piece
        return
    newlines = np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n"))
    start = 0
    for border in newlines[MOST_LINES - 1 :: MOST_LINES].tolist():
        yield piece[start : border + 1]
        start = border + 1
    if start < len(piece):
        yield piece[start:]


def _cut_by_size(chunks: Iterator[bytes], at_least: int, at_most: int) -> Iterator[bytes]:
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


@dataclass(frozen=True, slots=True)
class Slice:
    """Whole lines of some content.

    payload  the lines; empty where a piece is nothing but the middle of an over-long line
    first    ordinal of the first of them
    done     bytes of content up to their end
    lines    newlines up to their end
    """

    payload: bytes
    first: int
    done: int
    lines: int


def slices(found: Iterator[bytes], done: int = 0, lines: int = 0) -> Iterator[Slice]:
    """Pieces as slices, from some bytes and lines on.

    The rest of a line that was cut for its length belongs to the reject that its head became: it
    begins no line of its own.
    """
    inside = False
    for piece in found:
        rest = piece.find(b"\n") + 1 or len(piece)
        payload = piece[rest:] if inside else piece
        first = lines + 1 if inside else lines
        inside = not piece.endswith(b"\n")
        done += len(piece)
        lines += piece.count(b"\n")
        yield Slice(payload, first, done, lines)
