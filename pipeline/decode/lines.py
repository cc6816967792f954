"""Many lines as one run of bytes: the shape in which text travels, no Python object a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

NEWLINE = 10


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines one behind the other, each followed by a newline that is not part of it.

    data  the bytes; a line may hold newlines itself (a CloudWatch message can)
    ends  int64 offsets of the newline behind each line, ascending
    """

    data: bytes
    ends: np.ndarray

    @classmethod
    def of_text(cls, text: bytes) -> "Lines":
        """Lines of plain text; a last line without newline counts, an empty text has none."""
        if text and not text.endswith(b"\n"):
            text += b"\n"
        return cls(text, np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE))

    @classmethod
    def of_messages(cls, messages: Sequence[str]) -> "Lines":
        """One line a message, whatever it holds; surrogates become the bytes they stand for."""
        try:
            data = ("\n".join(messages) + "\n").encode() if messages else b""
        except UnicodeEncodeError:
            return cls.of_bytes([_encode(message) for message in messages])
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE)
        if len(ends) != len(messages):
            return cls.of_bytes([message.encode() for message in messages])
        return cls(data, ends)

    @classmethod
    def of_bytes(cls, lines: Sequence[bytes]) -> "Lines":
        """One line an item, whatever it holds."""
        lengths = np.fromiter((len(line) + 1 for line in lines), np.int64, len(lines))
        return cls(b"".join(line + b"\n" for line in lines), np.cumsum(lengths) - 1)

    @classmethod
    def concat(cls, parts: Sequence["Lines"]) -> "Lines":
        """All lines of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        sizes = np.array([0, *(len(part.data) for part in parts)]).cumsum()
        ends = [part.ends + at for part, at in zip(parts, sizes, strict=False)]
        data = b"".join(part.data for part in parts)
        return cls(data, np.concatenate(ends) if ends else np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> bytes:
        start = int(self.ends[index - 1]) + 1 if index else 0
        return self.data[start : int(self.ends[index])]

    @property
    def starts(self) -> np.ndarray:
        """int64 offset of the first byte of each line."""
        starts = np.empty_like(self.ends)
        starts[:1] = 0
        starts[1:] = self.ends[:-1] + 1
        return starts

    @property
    def lengths(self) -> np.ndarray:
        """int64 length of each line in bytes."""
        lengths: np.ndarray = self.ends - self.starts
        return lengths

    @property
    def first_bytes(self) -> np.ndarray:
        """uint8 first byte of each line; a newline where the line is empty."""
        first: np.ndarray = np.frombuffer(self.data, np.uint8)[self.starts]
        return first

    def select(self, keep: np.ndarray) -> "Lines":
        """The lines where the boolean mask `keep` is true."""
        if keep.all():
            return self
        sizes = self.lengths + 1
        # One boolean mask over the bytes: slicing a Python object for each line costs 4 times this.
        data = np.frombuffer(self.data, np.uint8)[np.repeat(keep, sizes)].tobytes()
        return Lines(data, np.cumsum(sizes[keep]) - 1)

    def strings(self) -> pa.Array:
        """Arrow binary array (large offsets) of the lines."""
        data = np.delete(np.frombuffer(self.data, np.uint8), self.ends)
        offsets = np.concatenate(([0], np.cumsum(self.lengths)))
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_binary(), len(self), buffers)


def with_plain_ends(text: bytes) -> bytes:
    """Text whose lines end with LF where they ended with CRLF."""
    return text.replace(b"\r\n", b"\n") if b"\r" in text else text


def _encode(message: str) -> bytes:
    # JSON escapes can name half a surrogate pair, which is no character; a byte that was not
    # UTF-8 comes back as itself. Either way the line is refused later, its neighbours are not.
    try:
        escaped = message.encode("utf-8", "surrogateescape")
        escaped.decode()
    except UnicodeDecodeError:
        return escaped
    except UnicodeEncodeError:
        pass
    # Bytes that were not UTF-8 never come together to good text: these are halves of pairs.
    return message.encode("utf-8", "surrogatepass")
