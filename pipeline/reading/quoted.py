"""Lines whose fields are separated by spaces, and may hold spaces themselves in quotes or brackets.

A quote opens a field where a space, or the start of the line, is before it, and closes it where a
space, or the end, is behind it. Any other quote is part of the text: clients choose what stands in
a request and in a user agent, and not every log escapes it.

No reader of CSV has these rules. So the borders are found as positions in the bytes, and spaces
outside of quotes become `SEPARATOR`; `delimited.read` takes the quotes away. 1 us a line.
"""

import re
from dataclasses import dataclass

import numpy as np

from pipeline.decode import Lines
from pipeline.errors import Reason
from pipeline.reading.delimited import SEPARATOR, SPACE, Faults

QUOTE, BACKSLASH, NEWLINE = ord('"'), ord("\\"), ord("\n")
ASSIGNED = re.compile(rb'(?!")[^ ]*?="')
EQUALS, OPENING, CLOSING = ord("="), ord("["), ord("]")


@dataclass(frozen=True, slots=True)
class Quoting:
    """How a log quotes.

    brackets  [..] is one field, too, as in the common log format; the brackets stay
    escapes   a quote behind an odd number of backslashes is text
    assigned  a quote opens behind an equals sign, too: time="0.001, 0.002"
    """

    brackets: bool = False
    escapes: bool = False
    assigned: bool = False


def split(lines: Lines, quoting: Quoting) -> tuple[Lines, Faults]:
    """The same lines as delimited text, and those whose quotes are not closed, which are empty."""
    data = np.frombuffer(lines.data, np.uint8)
    quotes, inside, odd = _paired(lines, data, quoting)
    separators = (data == SPACE) & ~inside
    if quoting.brackets:
        separators &= ~_between(_brackets(lines, data, quotes), len(data))
    # A separator is one less than a space: to count it down is faster than to put it there.
    found = Lines((data - separators.view(np.uint8)).tobytes(), lines.ends)
    return _with_odd(found, lines, odd, quoting) if len(odd) else (found, Faults())


def _between(pairs: np.ndarray, count: int) -> np.ndarray:
    """Boolean mask over `count` bytes: true from the first of each two positions to the second."""
    lengths = np.diff(np.concatenate(([0], pairs, [count])))
    inside: np.ndarray = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return inside


def _paired(
    lines: Lines, data: np.ndarray, quoting: Quoting
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of the quotes that open and close fields, in turns, and a mask of what they hold.

    Last the lines where they do not come in turns, whose quotes are left out.
    """
    every = np.flatnonzero(data == QUOTE)
    # What is before the first byte is the last one, a newline.
    before = data[every - 1]
    opens, closes = _is_border(before), _is_border(data[every + 1])
    if quoting.assigned:
        opens |= before == EQUALS
    if quoting.escapes:
        closes &= ~_escaped(data, every)
    real = opens | closes
    at, opens, closes = every[real], opens[real], closes[real]
    inside = _between(at, len(data))
    if opens[0::2].all() and closes[1::2].all() and not inside[lines.ends].any():
        return at, inside, np.empty(0, np.int64)
    line = np.searchsorted(lines.ends, at)
    first = np.searchsorted(line, line)
    closing = (np.arange(len(at)) - first) % 2 == 1
    wrong = np.where(closing, ~closes, ~opens)
    bad = np.bincount(line, minlength=len(lines)) % 2 == 1
    bad[line[wrong]] = True
    at = at[~bad[line]]
    return at, _between(at, len(data)), np.flatnonzero(bad)


def _is_border(around: np.ndarray) -> np.ndarray:
    border: np.ndarray = (around == SPACE) | (around == NEWLINE)
    return border


def _escaped(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Whether an odd number of backslashes is before each position."""
    escaped: np.ndarray = data[at - 1] == BACKSLASH
    if escaped.any():
        place = np.arange(len(data))
        last = np.maximum.accumulate(np.where(data == BACKSLASH, -1, place))
        escaped = (at - 1 - last[at - 1]) % 2 == 1
    return escaped


def _brackets(lines: Lines, data: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Positions of the brackets around fields outside of quotes, in turns."""
    opening, closing = np.flatnonzero(data == OPENING), np.flatnonzero(data == CLOSING)
    opening = _outside(opening[_is_border(data[opening - 1])], quotes)
    closing = _outside(closing[_is_border(data[closing + 1])], quotes)
    # The first that closes behind each that opens, if none opens and no line ends between them.
    ahead = np.searchsorted(closing, opening)
    opening, ahead = opening[ahead < len(closing)], ahead[ahead < len(closing)]
    ends = closing[ahead]
    limit = np.minimum(
        np.append(opening[1:], len(data)), lines.ends[np.searchsorted(lines.ends, opening)]
    )
    pairs: np.ndarray = np.column_stack([opening, ends])[ends < limit].ravel()
    return pairs


def _outside(at: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    outside: np.ndarray = at[np.searchsorted(pairs, at) % 2 == 0]
    return outside


def _with_odd(
    found: Lines, lines: Lines, odd: np.ndarray, quoting: Quoting
) -> tuple[Lines, Faults]:
    """Lines whose quotes do not come in turns, read one by one."""
    faults = Faults()
    each = [found[at] for at in range(len(found))]
    for at in odd.tolist():
        fields = fields_of(lines[at], quoting)
        if fields is None:
            faults.add(at, -1, Reason.QUOTE, "a quote is not closed")
        elif any(_strays(field, quoting) for field in fields):
            faults.add(at, -1, Reason.QUOTE, "a quote closes what none has opened")
            fields = None
        each[at] = SEPARATOR.join(fields or [])
    return Lines.of_bytes(each), faults


def count_quoted(text: Lines) -> np.ndarray:
    """int64 number of fields in quotes behind the first one, of each line that `split` gave."""
    data = np.frombuffer(text.data, np.uint8)
    quotes = np.flatnonzero(data == QUOTE)
    opening = quotes[data[quotes - 1] == SEPARATOR[0]]
    return np.bincount(np.searchsorted(text.ends, opening), minlength=len(text))


def _strays(field: bytes, quoting: Quoting) -> bool:
    """Whether a quote is at the end of a field that has none at its beginning.

    Then a quote before it, which a client wrote, was taken for the end of an earlier field.
    """
    if not field.endswith(b'"') or _opening(field, 0, quoting) >= 0:
        return False
    return not quoting.escapes or _backslashes(field, len(field) - 1, -1) % 2 == 0


def fields_of(line: bytes, quoting: Quoting) -> list[bytes] | None:
    """The fields of a line, in their quotes; None when a quote is not closed."""
    fields: list[bytes] = []
    plain: list[bool] = []
    at = 0
    while at <= len(line):
        opening = _opening(line, at, quoting)
        quoted = opening >= 0
        end = _closing(line, opening, quoting) if quoted else line.find(b" ", at)
        if quoted and end < 0:
            return None
        end = len(line) if end < 0 else end
        fields.append(line[at : end + quoted])
        plain.append(opening != at)
        at = end + quoted + 1
    return _bracketed(fields, plain) if quoting.brackets else fields


def _opening(line: bytes, at: int, quoting: Quoting) -> int:
    """Where the quote of the field that begins somewhere is; -1 when it has none."""
    found = ASSIGNED.match(line, at) if quoting.assigned else None
    if found:
        return found.end() - 1
    return at if line.startswith(b'"', at) else -1


def _closing(line: bytes, opening: int, quoting: Quoting) -> int:
    """Where the field that opens somewhere is closed; -1 when it is not."""
    at = opening
    while (at := line.find(b'"', at + 1)) >= 0:
        if line[at + 1 : at + 2] not in (b"", b" "):
            continue
        if not quoting.escapes or _backslashes(line, at, opening) % 2 == 0:
            return at
    return -1


def _backslashes(line: bytes, at: int, opening: int) -> int:
    """How many are one behind the other before a place, at most back to where a field opens."""
    first = at
    while first - 1 > opening and line[first - 1] == BACKSLASH:
        first -= 1
    return at - first


def _bracketed(fields: list[bytes], plain: list[bool]) -> list[bytes]:
    """Fields from one that begins with a bracket to the one that ends with it are one."""
    done: list[bytes] = []
    opened: int | None = None
    for each, is_plain in zip(fields, plain, strict=True):
        if is_plain and each.startswith(b"["):
            opened = len(done)
        done.append(each)
        if is_plain and each.endswith(b"]") and opened is not None:
            done[opened:] = [b" ".join(done[opened:])]
            opened = None
    return done
