"""What operators do beside the traffic: other shards, replays, formats, files that grow, a rebuild.

They draw from a chance of their own, so that a run in which they do nothing stays what it was.
"""

import gzip
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Protocol

import msgspec

from pipeline.home import Machine, WritingHome, replay_log, replay_objects
from pipeline.lake.rebuild import rebuild
from pipeline.ledger.replay import Wanted
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from tests.sim import leavers
from tests.sim.grown import Grown
from tests.sim.makers import Makers
from tests.sim.senders import File, Post, Sender
from tests.sim.traffic import (
    APP,
    CUSTOM_FORMAT,
    CUSTOM_GROUP,
    VPC,
    Envelope,
    Event,
    joined,
)
from tests.sim.truth import Line, Truth

ALL_TIMES = range(1 << 62)
HOUR_MS = 3_600_000


class Scene(Protocol):
    """What operators see of the simulation."""

    makers: Makers
    machine: Machine
    truth: Truth
    seed: int

    @property
    def home(self) -> Path: ...

    def say(self, text: str) -> None: ...

    def now_ms(self) -> int: ...

    def opened(self) -> WritingHome: ...

    def close(self) -> None: ...

    def send(self, home: WritingHome, sender: Sender) -> None: ...


class Operators:
    """What they do in a run, and what follows for its end.

    may_set_back  nothing was done that a checkpoint which goes back would turn into something else
    copies        consumed records were processed again: rows lie in the lake more than once
    """

    def __init__(self, random: Random, scene: Scene) -> None:
        self.random, self.scene = random, scene
        chances = {
            self._grow: 0.25,
            self._custom: 0.2,
            self._replay: 0.2,
            self._reshard: 0.25,
            self._rebuild: 0.12,
        }
        self._busy = [act for act, chance in chances.items() if random.random() < chance]
        self._declared = self.copies = False
        # Of its own chance: a run in which nobody leaves stays what it was.
        self._leaver, self._leaves = Random(f"leaver {scene.seed}"), False
        if self._leaver.random() < 0.25:
            self._busy.append(self._leave)
        self._theirs: list[Post] = []
        self._shards = 4
        self._files = 0
        self._ends: dict[bytes, Line] = {}

    @property
    def may_set_back(self) -> bool:
        after = {self._custom, self._grow, self._rebuild, self._leave}
        return not (self.copies or after & set(self._busy))

    @property
    def formats(self) -> Formats:
        """Formats that are declared now."""
        return Formats({CUSTOM_GROUP: (CUSTOM_FORMAT,)} if self._declared else {})

    def limits(self, limits: Limits) -> Limits:
        """The same, with the number of shards that the operators want."""
        return msgspec.structs.replace(limits, shards=self._shards)

    def act(self) -> None:
        """Perhaps do something."""
        if self._busy and self.random.random() < 0.3:
            self.random.choice(self._busy)(self.scene.opened())

    def settle(self) -> WritingHome:
        """In calm, when all is consumed: what was refused for want of a format comes in."""
        if self._custom in self._busy:
            self.scene.close()
            self._declared = True
        home = self.scene.opened()
        if {self._custom, self._replay} & set(self._busy):
            every = Wanted(quarantine=True, failed=True)
            self.scene.say(
                f"replay {len(list(replay_objects(home, every, dry_run=False)))} objects"
            )
        if self._replay in self._busy:
            self._replay_log(home, ALL_TIMES)
        if self._rebuild in self._busy:
            self._rebuild(home)
        if self._leaves or (self._theirs and self.random.random() < 0.5):
            self._erase(home)
            if self._replay in self._busy:
                self._replay_log(home, ALL_TIMES)
        return home

    # Somebody comes, leaves, and may come again.

    def _leave(self, home: WritingHome) -> None:
        if self._leaver.random() < 0.6:
            sent = leavers.post(self._leaver, self.scene.makers.traffic, self.scene.now_ms())
            self._theirs.append(sent)
            self.scene.send(home, sent)
        elif not any(map(self._is_theirs, self.scene.makers.waiting)):
            self._erase(home)

    def _erase(self, home: WritingHome) -> None:
        self.scene.say("erase somebody")
        # Until it has ended well nobody knows how far it came.
        self._leaves = True
        leavers.leave(home, self.scene.machine, self.scene.truth)
        self._leaves = False
        # Sent again, an event stays away or is a new one: that depends on when the log is pruned.
        makers = self.scene.makers
        makers.sent[:] = [each for each in makers.sent if not self._is_theirs(each)]

    def _is_theirs(self, sender: Sender) -> bool:
        """Whether a post has records of theirs, be they mixed with others."""
        theirs = [item for post in self._theirs for item in post.items]
        return isinstance(sender, Post) and any(item in theirs for item in sender.items)

    def _reshard(self, home: WritingHome) -> None:
        self.scene.close()
        self._shards = self.random.choice((1, 2, 3, 4, 5, 7))
        self.scene.say(f"{self._shards} shards")

    def _rebuild(self, home: WritingHome) -> None:
        self.scene.say("rebuild the catalogue")
        folder = self.scene.home
        found = rebuild(home.store, folder, folder / "lake", self.scene.now_ms(), self.scene.disk)
        if found.left:
            raise AssertionError(f"not whole: {found.left}")

    def _replay(self, home: WritingHome) -> None:
        if self.random.random() < 0.5:
            back_ms = self.random.choice((HOUR_MS // 4, 2 * HOUR_MS, 40 * HOUR_MS))
            until_ms = self.scene.now_ms() - self.random.choice((0, HOUR_MS // 4))
            self._replay_log(home, range(until_ms - back_ms, until_ms + 1))
            return
        chosen = self.random.random()
        wanted = Wanted(quarantine=chosen < 0.8, failed=chosen > 0.4)
        dry_run, most = self.random.random() < 0.2, self.random.choice((1, 3, 100))
        self.scene.say(f"replay {most} objects{', dry' * dry_run}")
        for number, _ in enumerate(replay_objects(home, wanted, dry_run), 1):
            if number == most:  # it is broken off
                return

    def _replay_log(self, home: WritingHome, arrived: range) -> None:
        self.copies = True
        source = self.random.choice((None, None, VPC, APP))
        repeats = replay_log(home, arrived, source)
        records = sum(each.again.total() + each.left.total() for each in repeats)
        self.scene.say(f"replay {records} records of the log")

    # A format that is declared only when its lines were refused already.

    def _custom(self, home: WritingHome) -> None:
        if not self._declared and self.random.random() < 0.2:
            self.scene.say("declare the format")
            self.scene.close()
            self._declared = True
            return
        makers, now_ms = self.scene.makers, self.scene.now_ms()
        flows = makers.traffic.events(VPC, now_ms)
        events = tuple(
            Event(each.event_id, each.sent_ms, makers.traffic.flow(now_ms, custom=True))
            for each in flows
        )
        item = Envelope(VPC, "custom", events, CUSTOM_GROUP)
        self.scene.send(home, Post(self.random.choice("abcdefgh"), [item], ["gzip"]))

    # Files that grow.

    def _grow(self, home: WritingHome) -> None:
        makers = self.scene.makers
        known = [*makers.sent, *(each for each in makers.waiting if _is_begun(each))]
        growing = [each for each in known if isinstance(each, File) and _can_grow(each)]
        if growing and self.random.random() < 0.7:
            self.scene.send(home, self._grown(self.random.choice(growing)))
            return
        source = self.random.choice((VPC, APP))
        lines = self._lines(source)
        lines[-1] = self._without_end(source, lines[-1])
        content = joined(lines)[:-1]
        digest = sha256(content).hexdigest()
        packed = self._packed(content)
        self.scene.send(
            home, File(self._named(), source, tuple(lines), packed, digest, open_end=True)
        )

    def _grown(self, base: File) -> Grown:
        whole = list(base.all_lines)
        first = len(whole) - base.open_end
        if base.open_end:
            whole[-1] = self._ended(base.source, whole[-1])
        whole += self._lines(base.source)
        open_end = self.random.random() < 0.4
        if open_end:
            whole[-1] = self._without_end(base.source, whole[-1])
        content = joined(whole)[: -1 if open_end else None]
        digest = sha256(content).hexdigest()
        lines = tuple(whole[first:])
        return Grown(
            *(self._named(), base.source, lines, self._packed(content), digest),
            open_end=open_end,
            base=base,
            whole=tuple(whole),
        )

    def _named(self) -> str:
        self._files += 1
        return f"growing-{self._files}.log"

    def _packed(self, content: bytes) -> bytes:
        return gzip.compress(content, 1, mtime=0) if self.random.random() < 0.2 else content

    def _lines(self, source: str) -> list[Line]:
        """Lines between two that are like no others, so that no two files are the same."""
        traffic, now_ms = self.scene.makers.traffic, self.scene.now_ms()
        first, last = (
            traffic.flow(now_ms) if source == VPC else traffic.app(now_ms, plain=True)
            for _ in range(2)
        )
        return [first, *traffic.plain_lines(source, now_ms), last]

    def _without_end(self, source: str, line: Line) -> Line:
        """The line as it lies there while it is written: without its newline, or cut off."""
        cut = line
        if self.random.random() < 0.5 and source == VPC:
            cut = Line(line.raw.removesuffix(b" ACCEPT OK"), "reject", "field_count")
        elif self.random.random() < 0.5 and source == APP:
            cut = _with_text(line, line.raw[:-3])
        self._ends[cut.raw] = line
        return cut

    def _ended(self, source: str, cut: Line) -> Line:
        """The same line when it has its end; not always the one that was expected."""
        if self.random.random() < 0.7:
            return self._ends[cut.raw]
        longer = self._ends[cut.raw].raw + b" more"
        return Line(longer, "reject", "field_count") if source == VPC else _with_text(cut, longer)


def _can_grow(file: File) -> bool:
    return not file.broken and not file.later


def _is_begun(sender: Sender) -> bool:
    # Of a last line without an end nobody could say whether it came in.
    return isinstance(sender, File) and bool(sender.arrivals) and not sender.open_end


def _with_text(line: Line, raw: bytes) -> Line:
    _, level = line.content
    return replace(line, raw=raw, content=(raw.decode(), level))
