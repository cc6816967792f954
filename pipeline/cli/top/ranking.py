"""A ranking as a table of a terminal: what does not fit goes, the bar first, then trend and share.

No wider than it is told; every row is one line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from pipeline.cli.cells import size
from pipeline.cli.top import marks
from pipeline.cli.top.answers import Place, Ranked

RULE = "─"
GAP = "  "
DIM, ACCEPTED, REJECTED, FAULT = "dim", "cyan", "yellow", "red"
LEAST_BAR, LEAST_TREND, LEAST_SHARE, LEAST_MOVE, LEAST_TITLE = 76, 56, 44, 30, 112
LONGEST_BAR, LONGEST_TITLE = 22, 30


@dataclass(frozen=True, slots=True)
class Named:
    """How a ranking is called; `bad`: of what was turned away or failed."""

    title: str
    key: str
    short: str
    bad: bool = False


# In the order of the keys that choose them.
NAMED = {
    "page": Named("Pages", "page", "pages"),
    "talker": Named("Talkers", "source", "talkers"),
    "rejected_port": Named("Rejected ports", "port", "ports", True),
    "error_path": Named("Failing paths", "path", "failing", True),
}


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: Sequence[str]
    width: int
    right: bool = False
    style: str = ""


def table(ranked: Ranked, width: int, most: int, encoding: str) -> Iterator[Text]:
    """Head, rule and at most so many rows."""
    places = ranked.items[:most]
    columns = _columns(ranked, places, width, encoding)
    heads = (marks.fitted(each.head, each.width, each.right) for each in columns)
    yield Text(GAP.join(heads).rstrip(), DIM)
    yield Text(RULE * width, DIM)
    for row in range(len(places)):
        line = Text()
        for number, column in enumerate(columns):
            cell = marks.fitted(column.cells[row], column.width, column.right)
            line.append(GAP if number else "").append(cell, column.style)
        line.rstrip()
        yield line


def quantity(count: int, unit: str) -> str:
    """A count in its unit, without it where it is not bytes."""
    return size(count) if unit == "bytes" else f"{count:,}"


def _columns(
    ranked: Ranked, places: Sequence[Place], width: int, encoding: str
) -> Sequence[_Column]:
    named = NAMED.get(ranked.by, Named(ranked.by, "key", ranked.by))
    colour = REJECTED if named.bad else ACCEPTED
    unit = marks.fitted(ranked.unit, min(cell_len(ranked.unit), 12)).strip()
    before = [_numbers("#", _ranks(places), 3)]
    if width >= LEAST_MOVE:
        moves = [marks.moved(each.rank, each.previous_rank) for each in places]
        before.append(_numbers("move", moves, 4))
    counts = [quantity(each.count, ranked.unit) for each in places]
    after = [_numbers(unit, counts, 5)]
    if width >= LEAST_SHARE:
        after.append(_numbers("share", [marks.percent(each.share) for each in places], 6))
    if width >= LEAST_TREND:
        trends = [marks.sparkline(each.trend[-10:]) for each in places]
        after.append(_Column("trend", trends, 10, style=colour))
    taken = sum(len(GAP) + each.width for each in (*before, *after))
    flexible = _flexible(ranked, places, width - taken, (width, encoding, colour))
    return [*before, *flexible, *after]


def _flexible(
    ranked: Ranked, places: Sequence[Place], room: int, drawn: tuple[int, str, str]
) -> Iterator[_Column]:
    """Key, title and bar in what room the others have left."""
    (width, encoding, colour) = drawn
    named = NAMED.get(ranked.by, Named(ranked.by, "key", ranked.by))
    titles = [marks.shown(each.title or "", encoding) for each in places]
    bar = min(LONGEST_BAR, room * 2 // 5) if width >= LEAST_BAR else 0
    title = LONGEST_TITLE if width >= LEAST_TITLE and any(titles) else 0
    room -= sum(each + len(GAP) for each in (bar, title) if each)
    yield _Column(named.key, [marks.shown(each.key, encoding) for each in places], max(room, 1))
    if title:
        yield _Column("title", titles, title, style=DIM)
    if bar:
        most = places[0].count if places else 0
        bars = [marks.bar(each.count, most, bar, named.bad) for each in places]
        yield _Column("", bars, bar, style=colour)


def _numbers(head: str, cells: Sequence[str], least: int) -> _Column:
    return _Column(head, cells, max(least, *map(cell_len, (head, *cells))), right=True)


def _ranks(places: Sequence[Place]) -> list[str]:
    """Ranks; equal counts share one, which is told."""
    ranks = [each.rank for each in places]
    return [f"{rank}=" if ranks.count(rank) > 1 else f"{rank} " for rank in ranks]
