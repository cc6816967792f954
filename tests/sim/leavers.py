"""Somebody whose lines come in and who wants to be erased: how often, and what is left then."""

from dataclasses import replace
from random import Random

from pipeline.erase import embedded
from pipeline.erase.subject import of_address
from pipeline.home import Machine, WritingHome, erase, erasure_at
from tests.erase.homes import holders
from tests.sim.senders import Post
from tests.sim.traffic import APP, GROUPS, VPC, Envelope, Event, Plain, Traffic
from tests.sim.truth import Line, Truth
from tests.sim.violation import Violation

ADDRESS = "203.0.113.9"
SOMEBODY = of_address(ADDRESS)
ORDINARY = "10.0.0.7"


def theirs(line: Line) -> Line:
    """A line of the ordinary traffic as theirs; garbage stays nobody's."""
    raw = line.raw.replace(ORDINARY.encode(), ADDRESS.encode())
    if line.content and ORDINARY not in line.content:
        text = f"{line.content[0]} from {ADDRESS}"
        return replace(line, raw=text.encode(), content=(text, *line.content[1:]))
    content = tuple(ADDRESS if value == ORDINARY else value for value in line.content)
    return replace(line, raw=raw, content=content)


def post(random: Random, traffic: Traffic, now_ms: int) -> Post:
    """Some records of several people's lines, theirs among them."""
    items: list[Envelope | Plain] = []
    for _ in range(random.randint(1, 3)):
        source = random.choice((VPC, VPC, APP))
        if random.random() < 0.5:
            events = tuple(
                Event(each.event_id, each.sent_ms, _perhaps(random, each.line))
                for each in traffic.events(source, now_ms)
            )
            items.append(Envelope(source, "leaver", events, GROUPS[source]))
        else:
            lines = traffic.plain_lines(source, now_ms)
            items.append(Plain(source, tuple(_perhaps(random, line) for line in lines)))
    packings = [random.choice(("plain", "gzip")) for _ in items]
    return Post(random.choice("abcdefgh"), [*items], packings)


def _perhaps(random: Random, line: Line) -> Line:
    known = line.fate == "drop" or b"spoilt" in line.raw or random.random() < 0.5
    return line if known else theirs(line)


def leave(home: WritingHome, machine: Machine, truth: Truth) -> None:
    """Erase them; what the home raises leaves it to a later run. The truth follows in the end."""
    home.worker.drain()
    scope = replace(erasure_at(home, home.context, machine), threads=1)
    planned = embedded.plan(scope, SOMEBODY)
    erase(home, scope, planned, bytes(16), lambda text: None)
    truth.erase(ADDRESS)
    left = holders(home.folder, ADDRESS)
    if left:
        raise Violation(f"somebody was erased, and is still in {left}")
