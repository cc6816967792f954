"""Those who send: each goes on until it is answered, and notes in the truth what was accepted."""

from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Protocol

from pipeline.home import WritingHome, rejected_of, retry
from pipeline.sources import find
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.log import Incoming
from pipeline.stream.scan import scan
from tests.sim.traffic import Broken, Envelope, Plain, with_provenance
from tests.sim.truth import Line, Truth, h64, signed


class World(Protocol):
    """What a sender sees of the simulation."""

    truth: Truth
    random: Random
    commits: int

    def now_ms(self) -> int: ...

    def pause(self, home: WritingHome) -> None: ...


@dataclass
class Post:
    """Some records appended at once, as one POST; sent again until it is answered."""

    key: str
    items: list[Envelope | Plain | Broken]
    packings: list[str]
    formats: tuple[str, ...] = ()
    log_group: str = ""

    def send(self, home: WritingHome, world: World) -> None:
        """Append the records. Raises what the home raises."""
        now_ms = world.now_ms()
        (found,) = home.store.rows(
            "select coalesce(max(seq), 0) from sqlite_sequence where name = 'record'"
        )
        first, commits = found[0] + 1, world.commits
        incoming = [self._incoming(at, now_ms) for at in range(len(self.items))]
        try:
            seqs = home.log.append(incoming)
        finally:
            # Written is accepted, whether the sender hears of it or not.
            if world.commits > commits:
                self._accept(world.truth, first, now_ms)
        if seqs != list(range(first, first + len(incoming))):
            raise AssertionError(f"sequence numbers {seqs}, expected from {first} on")

    def _payload(self, at: int) -> bytes:
        item = self.items[at]
        return item.content if isinstance(item, Broken) else item.payload(self.packings[at])

    def _incoming(self, at: int, now_ms: int) -> Incoming:
        item = self.items[at]
        identity = (item.identity or None) if isinstance(item, Plain) else None
        return Incoming(item.source, self.key, self._payload(at), now_ms, identity)

    def _accept(self, truth: Truth, first: int, now_ms: int) -> None:
        for at, item in enumerate(self.items):
            seq = first + at
            place = ("seq", seq)
            if isinstance(item, Envelope):
                item.accept(truth, place, now_ms)
            elif isinstance(item, Plain):
                item.accept(truth, place, self.key, seq, now_ms)
            else:
                identity = truth.stream_identity(self.key, seq)
                truth.broken(item.source, place, identity, item.reason, now_ms)
            if place in truth.bad:
                truth.bad[place].payload = self._payload(at)
            truth.records[item.source] += 1


class ShortReads(BytesIO):
    """A file that gives a few bytes at a time, so that little content has many slices."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        few = self.most if size is None or size < 0 else min(size, self.most)
        return super().read(few)


@dataclass
class File:
    """A file.

    later     formats in a second run, for lines that nothing else can read
    open_end  its last line has no newline; once another file goes on with it, it is taken back
    """

    name: str
    source: str
    lines: tuple[Line, ...]
    content: bytes
    digest: str
    broken: str = ""
    later: tuple[str, ...] = ()
    arrivals: list[int] = field(default_factory=list)
    accepted: bool = False
    open_end: bool = False
    taken_back: bool = False

    @property
    def identity(self) -> str:
        return f"content/{self.digest}"

    @property
    def all_lines(self) -> tuple[Line, ...]:
        return self.lines

    def send(self, home: WritingHome, world: World) -> None:
        """Feed the file to its end. Raises what the home raises."""
        limits = home.worker.context.limits
        now_ms, commits = world.now_ms(), world.commits
        file = ShortReads(self.content, world.random.choice((60, 200, 1 << 20)))
        origin = Origin(find(self.source), (), "", now_ms)
        try:
            found = scan(file, self.name, limits)
            if found.digest != self.digest:
                raise AssertionError(f"digest {found.digest}, expected {self.digest}")
            for _ in feed(home.store, file, found, origin, limits):
                self._note(world, commits, now_ms)
                world.pause(home)
                commits = world.commits
        finally:
            # What a pause committed is none of the file's; a feed broken off in its first step is.
            if not self.arrivals or (self.broken and len(self.arrivals) < 2):
                self._note(world, commits, now_ms)
        self.accept(world.truth)

    def _note(self, world: World, commits: int, now_ms: int) -> None:
        self.arrivals += [now_ms] * (world.commits - commits)

    def accept(self, truth: Truth) -> None:
        """All of it is in."""
        if self.accepted or (self.source, self.digest) in truth.files:
            return
        self.accepted = True
        truth.files.add((self.source, self.digest))
        truth.records[self.source] += 1
        if self.broken:
            truth.broken(self.source, self.identity, self.identity, self.broken, self.arrivals[1])
            truth.bad[self.identity].payload = self.content
            return
        lines = with_provenance(self.lines, None)
        truth.plain(self.source, self.identity, self.identity, lines, self.arrivals[0])


@dataclass
class Retry:
    """A second run over a known file, with the format that its refused lines have."""

    file: File
    mended: tuple[Line, ...]
    done: bool = False

    def send(self, home: WritingHome, world: World) -> None:
        """Try the refused lines again. Raises what the home raises."""
        home.worker.drain()
        retry(home, self.file.source, self.file.digest, self.file.later)
        if not self.done:
            self.done = True
            self._accept(world.truth)
        left = rejected_of(home, self.file.source, self.file.digest)
        wanted = sum(line.fate == "reject" for line in self.mended)
        if left != wanted:
            raise AssertionError(f"{left} lines are still refused, expected {wanted}")

    def _accept(self, truth: Truth) -> None:
        source, arrival_ms = self.file.source, self.file.arrivals[0]
        before = [line.fate for line in self.file.lines]
        for ordinal, line in enumerate(with_provenance(self.mended, None)):
            record_id = signed(h64(self.file.identity) + ordinal)
            if before[ordinal] == "reject" and line.fate == "row":
                truth.row(source, line.time_ms or 0, record_id, line, arrival_ms)
                truth.counts[source, "reject"] -= 1
                del truth.rejects[source, arrival_ms, record_id]


Sender = Post | File | Retry
