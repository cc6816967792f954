"""A look at a whole file before its first row: what it holds, its digest, whether it is broken."""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import BinaryIO

import msgspec

from pipeline.decode import (
    BASE64_OF_GZIP,
    PARQUET_MAGIC,
    Refused,
    may_be_base64_of_gzip,
)
from pipeline.decode.envelope import MARK
from pipeline.errors import Reason
from pipeline.settings import Limits
from pipeline.stream.slices import CHUNK, pieces

# What files are told apart by before their ends are compared.
HEAD_BYTES = 1 << 10


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds once it is decompressed.

    digest    of the content; of the bytes as they lie there when it was refused
    complete  length and digest up to the last newline
    borders   length and digest of the content up to the end of each slice
    whole     to be taken as one record, as it lies there
    refused   "reason: detail" when it cannot be read
    first     its first bytes, HEAD_BYTES and one more at most
    prefixes  digest of the content up to some lengths that were asked for
    """

    name: str
    size: int
    digest: str
    length: int
    lines: int
    complete: tuple[int, str]
    borders: tuple[tuple[int, str], ...] = ()
    whole: bool = False
    refused: str = ""
    first: bytes = b""
    prefixes: Mapping[int, str] = field(default_factory=dict)


# By the first bytes of a content (HEAD_BYTES and one more at most): lengths at which its digest is
# wanted, ascending.
Wanted = Callable[[bytes], Sequence[int]]


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


def _nothing(head: bytes) -> Sequence[int]:
    return ()


def scan(file: BinaryIO, name: str, limits: Limits, wanted: Wanted = _nothing) -> Scan:
    """Look at a whole file once; it is left where it ended."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(CHUNK)
    if head.startswith(PARQUET_MAGIC) and _ends_with(file, PARQUET_MAGIC):
        detail = "Parquet flow logs are not read yet; deliver them as text"
        return _refused(file, name, size, Refused(Reason.PARQUET_UNSUPPORTED, detail))
    if head.startswith(BASE64_OF_GZIP) and _is_base64(file):
        return replace(_digested(file, name, size), whole=True)
    return _scan_lines(file, name, size, limits, wanted)


def _ends_with(file: BinaryIO, mark: bytes) -> bool:
    file.seek(-len(mark), os.SEEK_END)
    return file.read() == mark


def _is_base64(file: BinaryIO) -> bool:
    file.seek(0)
    return all(map(may_be_base64_of_gzip, iter(partial(file.read, CHUNK), b"")))


def _scan_lines(file: BinaryIO, name: str, size: int, limits: Limits, wanted: Wanted) -> Scan:
    content = Content()
    head = b""
    borders = []
    prefixes: dict[int, str] = {}
    try:
        first, found = _peeked(pieces(file, limits), HEAD_BYTES + 1)
        lengths = wanted(first)
        for piece in found:
            head += piece[: CHUNK - len(head)]
            prefixes |= _add(content, piece, lengths)
            borders.append((content.length, content.digest))
    except Refused as refused:
        return _refused(file, name, size, refused)
    whole = _is_one_envelope(head) and content.length <= limits.record_bytes
    return Scan(
        name,
        size,
        content.digest,
        content.length,
        content.lines,
        content.complete,
        tuple(borders),
        whole,
        first=first,
        prefixes=prefixes,
    )


def as_one_record(file: BinaryIO, found: Scan, limits: Limits) -> tuple[bytes, str]:
    """The payload of a file that is one record, and why it is refused ("reason: detail", or "").

    Of one that is too large to be kept the payload only says what it is.
    """
    if found.size <= limits.kept_file_bytes:
        file.seek(0)
        return file.read(), found.refused
    kept = {"path": found.name, "length": found.size, "digest": found.digest}
    large = f"{Reason.TOO_LARGE}: a file of {found.size} bytes as one record"
    return msgspec.json.encode(kept), found.refused or large


def head_of(first: bytes) -> str:
    """Digest of the first HEAD_BYTES of a content that begins so; "" when there are no more."""
    return sha256(first[:HEAD_BYTES]).hexdigest() if len(first) > HEAD_BYTES else ""


def _peeked(found: Iterator[bytes], length: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of some pieces, and all of the pieces."""
    held: list[bytes] = []
    while sum(map(len, held)) < length:
        piece = next(found, None)
        if piece is None:
            break
        held.append(piece)
    return b"".join(held)[:length], chain(held, found)


def _add(content: Content, piece: bytes, lengths: Sequence[int]) -> dict[int, str]:
    """Take a piece; digests at those of the lengths that lie in it."""
    start, digests = content.length, {}
    inside = lengths[bisect_right(lengths, start) : bisect_right(lengths, start + len(piece))]
    taken = 0
    for length in inside:
        content.add(piece[taken : length - start])
        digests[length] = content.digest
        taken = length - start
    content.add(piece[taken:])
    return digests


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


def _digested(file: BinaryIO, name: str, size: int) -> Scan:
    content = Content()
    file.seek(0)
    for chunk in iter(partial(file.read, CHUNK), b""):
        content.add(chunk)
    return Scan(name, size, content.digest, content.length, 1, content.complete)


def _refused(file: BinaryIO, name: str, size: int, refused: Refused) -> Scan:
    text = f"{refused.reason}: {refused.detail}"
    return replace(_digested(file, name, size), whole=True, refused=text)
