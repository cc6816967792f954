"""What is said on stderr beneath an answer: its cost, whose data it is, why it is empty."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.cells import size
from pipeline.cli.output import counted
from pipeline.queries.forms import iso
from pipeline.queries.tables import name_of

if TYPE_CHECKING:
    from pipeline.queries import Answer, Window
    from pipeline.queries.engines import Question

REJECTS = {"reject", "reject_landing"}


def footer(answer: "Answer", most: object = None) -> str:
    """The window of an answer, whether it was cut, and what it cost.

    most  rows that were asked for; None: all of them
    """
    cost = answer.cost
    if cost.id:
        place = f"{answer.engine}, {'an earlier answer reused' if cost.reused else 'asked anew'}"
        price = f"{cost.usd:.6f} USD"
    else:
        place, price = f"{answer.engine}, local", "0 USD"
    rows = counted(len(answer.table), "row")
    if most == len(answer.table):
        rows += f" (at most {most}: -p top={most})"
    read = f"{size(cost.bytes_scanned)} {'scanned' if cost.id else 'read'}"
    said = " · ".join([rows, f"{answer.seconds:.2f} s", read, price, place]) + "\n"
    return said if answer.window is None else f"{_span(answer.window)}\n{said}"


def _span(window: "Window") -> str:
    first, last = window.from_time, window.to_time
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}Z"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}Z"


def demo_note(home: Path | None) -> str:
    """Said when the demo's home is read."""
    return f"note: the home is empty; this is the demo's data, in {home}\n"


def why_empty(answer: "Answer", question: "Question", now: datetime, default: str = "") -> str:
    """Said when there is no row: what was asked, and where the data is.

    now      of which no event is told that is later: a client says when a view was
    default  length of the window when none was asked for; "" when one was
    """
    views, needs = question.views, question.query.needs
    what = "no line was refused" if REJECTS & set(views) else "no rows"
    window, newest = answer.window, answer.newest and min(answer.newest, now)
    asked = what
    if window is not None:
        first, last = (_second(end) for end in (window.from_time, window.to_time))
        asked += f" between {first} and {last}"
        asked += f" (the default: the last {default})" if default else ""
    if not answer.cost.dated:
        return f"{asked}\n  try a longer window, such as --since 24h\n" if window else f"{asked}\n"
    if newest is None:
        tables = " and ".join(sorted(map(name_of, views))) or "the lake"
        return what + (f": nothing has come into {tables} yet\n" if what == "no rows" else "\n")
    if window is None:
        return f"{asked}\n  the newest event is of {_second(newest)}\n"
    # A window until now ends with the millisecond.
    if window.from_time <= newest < window.to_time + timedelta(milliseconds=1):
        wanted = f"; it needs {needs}" if needs else ""
        there = f"  there are events, but none that this query asks for{wanted}\n"
        return f"{asked}\n{there}{_filters(question)}"
    return f"{asked}\n  the newest event is of {_second(newest)}\n  try: {_day_of(newest)}\n"


def _filters(question: "Question") -> str:
    """What is left out unless somebody asks for it: a condition that is true by default."""
    on = [
        each
        for each in question.query.params
        if each.type == "boolean" and each.default == "true" and question.values[each.name]
    ]
    return "".join(f"  try: -p {each.name}=false; the default is to {each.doc}\n" for each in on)


def _second(moment: datetime) -> str:
    return iso(moment.replace(microsecond=0))


def _day_of(moment: datetime) -> str:
    day = moment.date()
    # A window that ends in the future would make what is late look dead.
    until = "" if day >= datetime.now(UTC).date() else f" --to {day + timedelta(days=1)}"
    return f"--from {day}{until}"
