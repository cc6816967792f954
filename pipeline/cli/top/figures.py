"""The key figures of a demo: a name, a value and a line of what it was before, side by side."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from pipeline.cli.cells import size
from pipeline.cli.top import marks
from pipeline.cli.top.answers import Traffic
from pipeline.cli.top.ranking import ACCEPTED, DIM, FAULT, REJECTED

COLUMN = 18
# As many as a trend of a ranking has.
POINTS = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says.

    unaccounted  events that are nowhere
    wait_ms      p95 from arrival to lake of the last minute; None: nothing came
    """

    unaccounted: int
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them."""

    name: str
    value: str
    trend: Sequence[int | None] = ()
    style: str = ACCEPTED


@dataclass
class Pace:
    """Events a second, of a count that grows."""

    rates: deque[int] = field(default_factory=lambda: deque(maxlen=POINTS))
    _last: tuple[float, int] | None = None

    def add(self, at: float, events: int) -> None:
        """Take note of the count, at most once a second."""
        if self._last is None:
            self._last = at, events
        elif at - self._last[0] >= 1:
            self.rates.append(round((events - self._last[1]) / (at - self._last[0])))
            self._last = at, events


def figures_of(
    pace: Pace, traffic: Traffic | None, standing: Standing | None, waits: Sequence[int]
) -> list[Figure]:
    """What is known by now; what is not is a dash."""
    found = [Figure("events/s", f"{pace.rates[-1]:,}" if pace.rates else "\u2013", [*pace.rates])]
    for name, style in (("accepted", ACCEPTED), ("rejected", REJECTED)):
        values = getattr(traffic, name)[-POINTS:] if traffic else ()
        total = sum(each for each in values if each is not None)
        found.append(Figure(f"{name}, 10 min", size(total) if values else "\u2013", values, style))
    wait = "\u2013"
    if standing and standing.wait_ms is not None:
        wait = f"{standing.wait_ms / 1000:.1f} s p95"
    found.append(Figure("arrival to lake", wait, waits))
    lost = f"{standing.unaccounted:,}" if standing else "\u2013"
    style = FAULT if standing and standing.unaccounted else ""
    return [*found, Figure("unaccounted", lost, (), style)]


def lines(figures: Sequence[Figure], width: int) -> Iterator[Text]:
    """Three lines; figures for which there is no room are left out, the last first."""
    shown = figures[: max(width // COLUMN, 1)]
    yield _line([(each.name, DIM) for each in shown])
    yield _line([(each.value, f"bold {each.style}".strip()) for each in shown])
    yield _line([(marks.sparkline(each.trend), each.style) for each in shown])


def _line(texts: Sequence[tuple[str, str]]) -> Text:
    line = Text()
    for text, style in texts:
        line.append(marks.fitted(text, COLUMN), style)
    line.rstrip()
    return line
