"""Text of logs, numbers and small drawings in exactly so many columns of a terminal."""

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from pipeline.cli.output import BARS
from pipeline.cli.streams import WRITTEN_OUT

EIGHTHS = " ▏▎▍▌▋▊▉"
FULL, HATCHED, FILLING, ELLIPSIS = "█", "░", "░", "…"
# What is longer is cut before it is looked at: a key may be a megabyte.
LONGEST = 400
RIGHT_TO_LEFT = ("R", "AL")
LEFT_AGAIN = "\u200e"
MINUTE_S, HOUR_S = 60, 3600


def shown(text: str, encoding: str = "utf-8") -> str:
    """Text of a log: what moves a cursor or turns a line, and what cannot be said, written out.

    What is written from right to left ends with a mark, so that the numbers behind it stay there.
    """
    plain = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text[:LONGEST]
    )
    if not _has(plain, encoding):
        # The stream itself would do it when it is too late for the width of a line.
        return plain.encode(encoding, WRITTEN_OUT).decode(encoding)
    turned = any(unicodedata.bidirectional(each) in RIGHT_TO_LEFT for each in plain)
    return plain + LEFT_AGAIN if turned and _has(LEFT_AGAIN, encoding) else plain


def _has(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def fitted(text: str, columns: int, right: bool = False) -> str:
    """Text in so many columns: cut with an ellipsis, or filled up."""
    width = cell_len(text)
    if width > columns:
        turned = LEFT_AGAIN if text.endswith(LEFT_AGAIN) else ""
        return set_cell_size(text, max(columns - 1, 0)) + ELLIPSIS[:columns] + turned
    space = " " * (columns - width)
    return space + text if right else text + space


def bar(count: int, most: int, columns: int, hatched: bool) -> str:
    """A bar as long as its part of the most; hatched for what was turned away or failed."""
    eighths = round(8 * columns * count / most) if most else 0
    if hatched:
        return HATCHED * max(round(eighths / 8), 1 if count else 0)
    whole, part = divmod(eighths, 8)
    return FULL * whole + (EIGHTHS[part] if part else "")


def sparkline(values: Sequence[int | None], filling: bool = False) -> str:
    """Values on a scale of their own; a blank is no data, the last one may be filling still."""
    whole = values[:-1] if filling else values
    most = max((each for each in whole if each is not None), default=0) or 1
    drawn = (" " if each is None else BARS[each * (len(BARS) - 1) // most] for each in whole)
    return "".join(drawn) + (FILLING if filling else "")


def percent(share: float) -> str:
    """A share: one decimal from 10%, two below, three below 0.1%."""
    if share >= 1 or share == 0:
        return f"{share:.0%}"
    places = 1 if share >= 0.1 else 2 if share >= 0.001 else 3
    return f"{share:.{places}%}"


def age(seconds: float) -> str:
    """A length of time: 4 s, 4 min 12 s, 2 h 05 min."""
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02d} s"
    return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} min"


def moved(rank: int, before: int | None) -> str:
    """How far a rank has risen or fallen."""
    if before is None:
        return "new"
    if before == rank:
        return "\u2013"
    return f"▲ {before - rank}" if before > rank else f"▼ {rank - before}"
