"""Tables for people: whole where there is room, else shorter, else one value a line."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from pipeline.cli.output import counted, short_times, visible
from pipeline.cli.streams import cut
from pipeline.queries.forms import iso

RULE = "─"
NULL = "\u2013"
# Text is not cut to less, so that addresses of IPv4 and most names stay whole; heads may be.
LEAST_TEXT, LEAST_HEAD = 20, 6

Cell = str | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, its cells from top to bottom, and whether it holds numbers.

    name  what it is called where it stands one value a line; "": as its head
    """

    head: str
    cells: Sequence[Cell]
    number: bool = False
    name: str = ""

    @property
    def times(self) -> list[datetime]:
        """The times that it holds."""
        return [cell for cell in self.cells if isinstance(cell, datetime)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return all(cell is None for cell in self.cells)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A column as text: `least` is the width to which it may be cut."""

    head: str
    cells: list[str]
    number: bool
    least: int

    @property
    def width(self) -> int:
        return max(map(len, (self.head, *self.cells)))


def table(columns: Sequence[Column], width: int | None = None) -> str:
    """A table as one text, see `lines`."""
    return "".join(lines(columns, width))


def lines(columns: Sequence[Column], width: int | None = None) -> Iterator[str]:
    """A rule under the head, two spaces between columns, numbers to the right.

    `width`: columns of the terminal, None for no limit. What is too wide gets short times, then
    texts cut with an ellipsis, then less space; what still is becomes one value a line.
    """
    if width is None or len(columns) == 1:
        yield from _lines([_drawn(column, {}) for column in columns], "  ")
        return
    short = _shortened(columns)
    for times, gap, cutting in (({}, "  ", False), (short, "  ", True), (short, " ", True)):
        drawn = [_drawn(column, times) for column in columns]
        room = width - len(gap) * (len(columns) - 1)
        widths = _fitted(drawn, room) if cutting else [column.width for column in drawn]
        if sum(widths) <= room:
            yield from _lines(_cut(drawn, widths), gap)
            return
    yield from _blocks(columns)


def _shortened(columns: Sequence[Column]) -> dict[datetime, str]:
    moments = [moment for column in columns for moment in column.times]
    return dict(zip(moments, short_times(moments), strict=True))


def _drawn(column: Column, short: dict[datetime, str]) -> _Drawn:
    cells = [_text(cell, short) for cell in column.cells]
    head = visible(column.head)
    longest = max(map(len, cells), default=0)
    if column.number or column.times:
        return _Drawn(head, cells, column.number, max(longest, len(head)))
    least = max(min(longest, LEAST_TEXT), min(len(head), LEAST_HEAD))
    return _Drawn(head, cells, False, least)


def _text(cell: Cell, short: dict[datetime, str]) -> str:
    if cell is None:
        return NULL
    if isinstance(cell, datetime):
        return short.get(cell) or iso(cell)
    return visible(cell)


def _fitted(columns: Sequence[_Drawn], room: int) -> list[int]:
    """Widths that fit into some room, taken from the widest texts; wider where they cannot."""
    widths = [min(column.width, max(column.least, room)) for column in columns]
    while sum(widths) > room:
        spare = [place for place, column in enumerate(columns) if widths[place] > column.least]
        if not spare:
            break
        widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _cut(columns: Sequence[_Drawn], widths: Sequence[int]) -> list[_Drawn]:
    return [
        _Drawn(
            cut(column.head, width), [cut(cell, width) for cell in column.cells], column.number, 0
        )
        for column, width in zip(columns, widths, strict=True)
    ]


def _lines(columns: Sequence[_Drawn], gap: str) -> Iterator[str]:
    widths = [column.width for column in columns]
    rule = RULE * (sum(widths) + len(gap) * (len(widths) - 1))
    if not columns[-1].number:
        widths[-1] = 0  # nothing stands behind it

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if column.number else text.ljust(width)
            for text, column, width in zip(texts, columns, widths, strict=True)
        )
        return gap.join(padded).rstrip() + "\n"

    yield line([column.head for column in columns])
    yield rule + "\n"
    yield from map(line, zip(*(column.cells for column in columns), strict=True))


def _blocks(columns: Sequence[Column]) -> Iterator[str]:
    """Each row as lines of `name: value`; columns without any value are left out."""
    told = [column for column in columns if not column.empty] or list(columns)
    names = [visible(column.name or column.head) for column in told]
    room = max(map(len, names)) + 1
    for row in range(len(told[0].cells)):
        yield "\n" if row else ""
        for column, name in zip(told, names, strict=True):
            yield f"{name + ':':<{room}} {_text(column.cells[row], {}).lstrip()}\n"
    if left_out := len(columns) - len(told):
        yield f"\n({counted(left_out, 'column')} without any value left out)\n"


def listing(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """A table of texts that are wrapped between words, the widest first, into some width."""
    if width is not None:
        columns = [
            _Drawn(name, texts, False, _longest_word((name, *texts)))
            for name, *texts in zip(head, *rows, strict=True)
        ]
        widths = _fitted(columns, width - 2 * (len(columns) - 1))
        rows = [line for row in rows for line in _wrapped(row, widths)]
    return table([Column(name, texts) for name, *texts in zip(head, *rows, strict=True)])


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[tuple[str, ...]]:
    cells = [
        textwrap.wrap(text, width, break_long_words=False)
        for text, width in zip(row, widths, strict=True)
    ]
    return zip_longest(*cells, fillvalue="")


def _longest_word(texts: Sequence[str]) -> int:
    return max(len(word) for text in texts for word in (text.split() or ("",)))
