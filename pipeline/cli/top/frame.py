"""What a terminal shows: a ranking, the traffic, how fresh both are. As lines, drawn elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.text import Text

from pipeline.cli.cells import size
from pipeline.cli.top import marks
from pipeline.cli.top.answers import MINUTE_S, Ranked, Span, Traffic
from pipeline.cli.top.ranking import (
    ACCEPTED,
    DIM,
    FAULT,
    NAMED,
    REJECTED,
    Named,
    quantity,
    table,
)

WIDEST, WIDEST_TITLED, LEAST_TITLED = 96, 132, 120
# Lines beside the rows of the ranking; with less room than for some rows, traffic goes.
FIXED, TRAFFIC, LEAST_ROWS = 9, 4, 4
FRESH_S, LATE_S = 10, 30
NARROW, INDENT, LABEL = 60, 2, 10
WAYS = {
    "page": "views come from pages: POST /v1/views, or its script; to see some: tailrace demo",
    "talker": "talkers come from flow logs: POST /v1/logs/vpc-flow; to see some: tailrace demo",
    "rejected_port": "ports show up when a security group or network ACL turns a flow away",
    "error_path": "paths show up when an access log has a status of 400 or more",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal; `lines` None: as many as there are."""

    columns: int
    lines: int | None = None
    encoding: str = "utf-8"

    @property
    def width(self) -> int:
        """Columns that are drawn on."""
        most = WIDEST_TITLED if self.columns >= LEAST_TITLED else WIDEST
        return max(min(self.columns, most) - 2 * self.indent, 10)

    @property
    def indent(self) -> int:
        """Blanks at both sides."""
        return INDENT if self.columns >= NARROW else 0


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a frame is drawn from.

    status  of it, with its style
    place   what is watched, and what there is to know of it
    most    rows of the ranking
    keys    what can be pressed, with what it does
    """

    by: str
    status: tuple[str, str]
    place: str
    ranked: Ranked | None
    traffic: Traffic | None
    most: int
    keys: Sequence[tuple[str, str]] = ()


def lines(scene: Scene, room: Size, above: Sequence[Text] = ()) -> list[Text]:
    """A frame, no wider and no longer than the room; `above`: what stands over it."""
    left = None if room.lines is None else room.lines - len(above)
    with_traffic = left is None or left >= FIXED + TRAFFIC + LEAST_ROWS
    taken = FIXED + (TRAFFIC if with_traffic else 0)
    rows = scene.most if left is None else min(scene.most, max(left - taken, 1))
    drawn = [*above, *_head(scene, room), Text(), *_ranking(scene, room, rows)]
    if with_traffic:
        drawn += [Text(), *_traffic(scene.traffic, room)]
    if scene.keys:
        drawn += [Text(), keys(scene.keys, room.width)]
    drawn = [_cut(each.copy(), room) for each in drawn]
    return drawn if room.lines is None else drawn[: room.lines]


def _cut(line: Text, room: Size) -> Text:
    line.no_wrap = True
    line.truncate(room.width, overflow="ellipsis")
    line.pad_left(room.indent if line.plain else 0)
    return line


def _head(scene: Scene, room: Size) -> Iterator[Text]:
    text, style = scene.status
    status = Text(marks.shown(text, room.encoding), style)
    span = _window(scene.ranked.window) if scene.ranked else ""
    yield _spread(status, Text(span, DIM), room.width)
    yield Text(marks.shown(scene.place, room.encoding), DIM)


def _ranking(scene: Scene, room: Size, rows: int) -> Iterator[Text]:
    ranked = scene.ranked
    named = NAMED.get(scene.by, Named(scene.by, "key", scene.by))
    title = Text(named.title, "bold")
    if ranked is None:
        yield title
        return
    unit = "" if ranked.unit == "bytes" else f" {ranked.unit}"
    title.append(f"   {quantity(ranked.total, ranked.unit)}{unit}")
    before = ranked.window.first - (ranked.window.end - ranked.window.first)
    against = f"moves against {_clock(before)} \u2013 {_clock(ranked.window.first)}"
    yield _spread(title, Text(against, DIM), room.width)
    yield Text()
    if ranked.items:
        yield from table(ranked, room.width, rows, room.encoding)
    else:
        yield Text("Nothing in this window.")
        yield Text(WAYS.get(scene.by, ""), DIM)


def _traffic(traffic: Traffic | None, room: Size) -> Iterator[Text]:
    title = Text("Traffic", "bold")
    if traffic is None:
        yield title
        yield Text("not asked yet", DIM)
        return
    shown = min(len(traffic.accepted), room.width - LABEL)
    told = f"   {shown} minutes, by the end of a flow; each on its own scale"
    short = f"   {shown} minutes, own scales"
    yield title.append(told if len(told) + len(title) <= room.width else short, DIM)
    if not any(each is not None for each in traffic.accepted):
        yield Text("No flow logs of this time.")
        return
    first = traffic.first + timedelta(minutes=len(traffic.accepted) - shown)
    for name, values, style in (
        ("accepted", traffic.accepted, ACCEPTED),
        ("rejected", traffic.rejected, REJECTED),
    ):
        last = values[-shown:]
        said = _said(last, first, room.width - LABEL - shown - 2)
        line = Text(f"{name:<{LABEL}}", DIM).append(marks.sparkline(last, filling=True), style)
        yield line.append(f"  {said}" if said else "")


def _said(values: Sequence[int | None], first: datetime, room: int) -> str:
    """The newest whole minute that has flows, and the highest, as far as there is room."""
    whole = [(each, at) for at, each in enumerate(values[:-1]) if each is not None]
    if not whole:
        return ""
    (now, at), (most, highest) = whole[-1], max(whole)
    rate, top = f"{_rate(now)} at {_minute(first, at)}", f"highest {_rate(most)}"
    told = (
        f"{rate}, {top} at {_minute(first, highest)}",
        f"{rate}, {top}",
        f"{_rate(now)}, {top}",
        rate,
        _rate(now),
    )
    return next((each for each in told if len(each) <= room), "")


def keys(given: Sequence[tuple[str, str]], width: int) -> Text:
    """What can be pressed; without words where there is no room for them."""
    line = Text("   ").join(Text(key, "bold").append(f" {word}", DIM) for key, word in given)
    short = Text("  ").join(Text(key, "bold") for key, _ in given)
    return line if cell_len(line.plain) <= width else short


def freshness(newest: datetime | None, now: datetime) -> tuple[str, str]:
    """How old the newest that has landed is, in a word and a mark, and the style of it."""
    if newest is None:
        return "○ Nothing has landed yet", DIM
    seconds = (now - newest).total_seconds()
    if seconds < FRESH_S:
        return f"● Fresh, {marks.age(seconds)} old", ACCEPTED
    if seconds < LATE_S:
        return f"◆ Late, {marks.age(seconds)} old", REJECTED
    return f"■ Stale, {marks.age(seconds)} old", FAULT


def _spread(left: Text, right: Text, width: int) -> Text:
    """One at each side; the right one goes where there is no room for both."""
    space = width - cell_len(left.plain) - cell_len(right.plain)
    return left.append(" " * space).append_text(right) if space >= 2 else left


def _window(span: Span) -> str:
    return f"window {_clock(span.first)} \u2013 {_clock(span.end)} UTC"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def _minute(first: datetime, at: int) -> str:
    return _clock(first + timedelta(minutes=at))


def _rate(count: int) -> str:
    return f"{size(count / MINUTE_S)}/s"
