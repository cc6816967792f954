"""One run: everything that happens follows from the seed."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from random import Random

from pipeline.batch import Context
from pipeline.deliver.simulated import Crash, Fate, SimulatedDisk
from pipeline.errors import DeliveryError, HomeError
from pipeline.home import Machine, WritingHome, audit_of, readable, writing
from pipeline.lake.compact import compact
from pipeline.settings import Limits
from pipeline.sources import Formats
from pipeline.store import Edge
from pipeline.stream import log
from tests.sim.poison import lookups, poisoned
from tests.sim.senders import File, Post, Retry, Sender
from tests.sim.traffic import (
    APP,
    CUSTOM_FORMAT,
    GROUPS,
    OWN_GROUP,
    VPC,
    Broken,
    Envelope,
    Plain,
    Traffic,
    broken,
    joined,
)
from tests.sim.truth import Line, Truth

START_MS = 1_795_615_200_250  # 2026-11-25T14:00:00.250Z
HOUR_MS = 3_600_000
ROUNDS = 400


class Violation(Exception):
    """A promise is broken."""


@dataclass(frozen=True)
class Weather:
    """How bad a run is: the chance of each fate at an operation, of each action at a step."""

    actions: int
    fates: dict[Fate, float]
    power: float
    skew: float
    redelivery: float
    compaction: bool
    poison: bool
    outage: bool

    @classmethod
    def of(cls, random: Random) -> "Weather":
        """Some kinds of faults, not all: a run in which everything fails gets nowhere."""
        rates = {
            fate: random.choice((0.0, 0.01, 0.04))
            for fate in (Fate.FAILS, Fate.UNANSWERED, Fate.DIES_BEFORE, Fate.DIES_AFTER)
        }
        return cls(
            actions=random.randint(8, 40),
            fates=rates,
            power=random.choice((0.0, 0.5, 1.0)),
            skew=random.choice((0.0, 0.0, 0.1)),
            redelivery=random.choice((0.0, 0.0, 0.06, 0.12)),
            compaction=random.random() < 0.5,
            poison=random.random() < 0.4,
            outage=random.random() < 0.4,
        )


class Simulation:
    """A home, those who send to it, and what they know."""

    def __init__(self, seed: int, folder: Path, verbose: bool = False) -> None:
        self.seed, self.folder, self.verbose = seed, folder, verbose
        self.random = Random(f"traffic {seed}")
        self._fates = Random(f"faults {seed}")
        self.weather = Weather.of(Random(f"weather {seed}"))
        self.traffic = Traffic(self.random)
        self.truth = Truth()
        self.disk = SimulatedDisk(self._decide, Random(f"power {seed}"))
        self.machine = Machine(self._clock, self._sleep, self.disk, self.disk.watch, Random(seed))
        self.calm = False
        self.commits = 0
        self.happened: Counter[str] = Counter()
        self._digest = blake2b(digest_size=8)
        self._now_ms, self._skew_ms = START_MS, 0
        self._open = ExitStack()
        self._home: WritingHome | None = None
        self.waiting: list[Sender] = []
        self.sent: list[Sender] = []
        self.set_back = self.compacted = False
        self.outages = 0
        self._numbers = 0

    @property
    def home(self) -> Path:
        """The folder of the home."""
        return self.folder / "home"

    @property
    def trace(self) -> str:
        """Digest of all that happened: two runs of one seed have the same."""
        return self._digest.hexdigest()

    def say(self, text: str) -> None:
        """Note something that happened."""
        self._digest.update(text.encode() + b"\n")
        if self.verbose:
            print(f"  {text}", flush=True)  # noqa: T201

    def now_ms(self) -> int:
        """The time that the machine believes in."""
        return self._now_ms + self._skew_ms

    def _clock(self) -> float:
        return self.now_ms() / 1000

    def _sleep(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1000)

    def _decide(self, operation: str, path: Path) -> Fate:
        fate = Fate.DONE
        if not self.calm:
            chance = self._fates.random()
            for each, rate in self.weather.fates.items():
                if chance < rate:
                    fate = each
                    break
                chance -= rate
        # From here on it is written, whatever the writer hears.
        self.commits += operation == Edge.COMMITTED
        name = path.name.rsplit(".", 2)[0] if path.name.endswith(".tmp") else path.name
        if path == self.folder:  # the one name that is another in each run
            name = "."
        if fate is not Fate.DONE:
            self.happened[fate.value] += 1
            self.say(f"{operation} {name}: {fate.value}")
        else:
            self._digest.update(f"{operation} {name}\n".encode())
        return fate

    # What happens, step by step.

    def run(self) -> None:
        """Faults first, then calm, in which all must come right. Raises Violation."""
        self.say(f"weather: {self.weather}")
        try:
            for _ in range(self.weather.actions):
                self._survive(self._act)
                self._now_ms += self.random.randrange(20_000)
            self.calm = True
            self._settle()
        finally:
            self._close()

    def _survive(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Crash as crash:
            self.say(f"crash at {crash}")
            self.happened["crash"] += 1
            self._die(crash)
        except (DeliveryError, HomeError) as error:
            self.happened["delivery error"] += 1
            what, _, _ = error.what.partition(" [")  # behind it stand paths
            self.say(f"refused: {what}")

    def _die(self, crash: Crash) -> None:
        self._close(crash)
        self.disk.end_process()
        if self.random.random() < self.weather.power:
            self.say("power cut")
            self.happened["power cut"] += 1
            self.disk.cut_power()
        if self.random.random() < 0.1:
            self._look("after a crash")

    def _close(self, crash: BaseException | None = None) -> None:
        self._home = None
        opened, self._open = self._open, ExitStack()
        if crash is None:
            opened.close()
            return
        with suppress(Crash):
            opened.__exit__(type(crash), crash, None)

    def _opened(self) -> WritingHome:
        if self._home is None:
            limits = Limits(
                batch_records=self.random.randint(1, 6),
                batch_bytes=self.random.choice((200, 2_000, 1 << 20)),
                batch_text_bytes=self.random.choice((300, 3_000, 1 << 20)),
                slice_bytes=self.random.choice((80, 150, 300, 1 << 20)),
                sink_patience_s=self.random.choice((1, 30)),
                attempts=self.random.choice((1, 2, 5)),
                fatal_attempts=ROUNDS,  # crashes here are nobody's fault
                age_hours=self.random.choice((1, 6)),
            )
            context = Context(lookups(), limits, Formats(), [OWN_GROUP])
            self.say(f"open the home: {limits.batch_records} records, {limits.slice_bytes} bytes")
            opening = writing(self.home, context, machine=self.machine)
            self._home = self._open.enter_context(opening)
        return self._home

    def _act(self) -> None:
        home = self._opened()
        chance = self.random.random()
        if chance < 0.45:
            self._send(home, self._sender())
        elif chance < 0.8:
            self._consume(home)
        elif chance < 0.8 + self.weather.redelivery:
            self._repeat(home)
        elif chance < 0.8 + self.weather.redelivery + self.weather.skew:
            self._skew_ms = self.random.randint(-10, 10) * HOUR_MS
            self.say(f"the clock jumps to {self._skew_ms} ms")
        elif chance < 0.91 and self.weather.compaction:
            self._compact(home)
        elif chance < 0.95:
            self._now_ms += self.random.choice((60_000, HOUR_MS))
            if self.weather.outage and not self.outages and self.random.random() < 0.5:
                # Longer than the stream keeps what is consumed.
                self.outages += 1
                self._now_ms += 30 * HOUR_MS
                self._close()
                self.say("an outage of 30 hours")
        else:
            self._look("while it runs")

    def _consume(self, home: WritingHome) -> None:
        if self.random.random() < 0.2:
            self.say("drain")
            home.worker.drain()
            return
        shard = self.random.randrange(log.SHARDS)
        self.say(f"step of shard {shard}: {home.worker.step(shard)}")

    def pause(self, home: WritingHome) -> None:
        """Between two slices of a file the worker may run."""
        if self.random.random() < 0.3:
            home.worker.step(self.random.randrange(log.SHARDS))

    def _repeat(self, home: WritingHome) -> None:
        """Records that were answered come a second time: their sender did not hear it."""
        posts = [each for each in self.sent if isinstance(each, Post)]
        if posts:
            self._send(home, self.random.choice(posts))

    def _redeliver(self, home: WritingHome, shard: int) -> None:
        """The checkpoint goes back, which nothing in the product does: once, and in calm.

        A killed attempt would leave a catalogued file with the rows of another batch.
        """
        at = home.log.checkpoint(shard)
        back = max(at - self.random.randint(1, 12), 0)
        self.say(f"shard {shard} goes back from {at} to {back}")
        self.set_back = True
        with home.store.transaction() as connection:
            log.advance(connection, shard, back)

    def _compact(self, home: WritingHome) -> None:
        self.say("compact")
        self.compacted = True
        lake = self.home / "lake"
        compact(home.store, self.home, lake, self.now_ms(), disk=self.disk)

    def _look(self, when: str) -> None:
        """Whoever reads beside the writer or after a crash sees what was acknowledged."""
        if self.set_back or not (self.home / "log.db").exists():
            return
        with readable(self.home) as beside:
            found = [f for f in audit_of(beside).findings if f.unbalances]
        if found:
            raise Violation(f"{when} the audit does not balance: {found[0]}")

    # Who sends.

    def _sender(self) -> Sender:
        chance = self.random.random()
        if self.waiting and chance < 0.4:
            return self.random.choice(self.waiting)
        if self.sent and chance < 0.55:
            return self._again(self.random.choice(self.sent))
        if chance < 0.8:
            return self._file()
        return self._post()

    def _send(self, home: WritingHome, sender: Sender) -> None:
        if sender not in self.waiting:
            self.waiting.append(sender)
        self.say(f"send {_shown(sender)}")
        sender.send(home, self)
        self.waiting.remove(sender)
        if isinstance(sender, File) and sender.later:
            self.waiting.append(self._retry_of(sender))
        else:
            self.sent.append(sender)

    def _again(self, sender: Sender) -> Sender:
        """Sent once more though it was answered: at once, or mixed with other events."""
        if isinstance(sender, Post) and len(sender.items) == 1:
            (item,) = sender.items
            if isinstance(item, Envelope) and not item.control:
                some = item.events[self.random.randrange(len(item.events)) :]
                more = self._envelope(item.source, item.stream, item.group)
                both = Envelope(item.source, item.stream, some + more.events, item.group)
                return Post(sender.key, [both], [self._packing(both)])
        return sender

    def _post(self) -> Post:
        items: list[Envelope | Plain | Broken] = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            source = self.random.choice((VPC, VPC, APP))
            chance = self.random.random()
            self._numbers += 1
            if chance < 0.12:
                items.append(broken(self.random, source, self._numbers))
            elif chance < 0.15 and self.weather.poison:
                items.append(poisoned(self.random, self.now_ms()))
            elif chance < 0.5:
                lines = tuple(self.traffic.plain_lines(source, self.now_ms()))
                with_key = source == VPC and self.random.random() < 0.5
                identity = f"request/{source}/{self._numbers}" if with_key else ""
                items.append(Plain(source, lines, identity))
            else:
                stream = self.random.choice(self.traffic.streams[source])
                items.append(self._envelope(source, stream, self._group(source)))
        key = self.random.choice("abcdefgh")
        return Post(key, items, [self._packing(item) for item in items])

    def _group(self, source: str) -> str:
        return OWN_GROUP if self.random.random() < 0.08 else GROUPS[source]

    def _envelope(self, source: str, stream: str, group: str) -> Envelope:
        control = self.random.random() < 0.08
        events = tuple(self.traffic.events(source, self.now_ms()))
        return Envelope(source, stream, events[:1] if control else events, group, control)

    def _packing(self, item: object) -> str:
        kinds = ("plain", "gzip") if isinstance(item, Plain) else ("plain", "gzip", "base64")
        return self.random.choice(kinds)

    def _file(self) -> File:
        self._numbers += 1
        name, source = f"file-{self._numbers}.log", self.random.choice((VPC, APP))
        chance = self.random.random()
        if chance < 0.1:
            content = broken(self.random, source, self._numbers)
            if content.content:
                digest = sha256(content.content).hexdigest()
                return File(name, source, (), content.content, digest, content.reason)
        if chance < 0.4 and source == VPC:
            lines, later = self._in_two_formats(), (CUSTOM_FORMAT,)
        else:
            lines, later = self.traffic.plain_lines(source, self.now_ms(), 15), ()
        content_bytes = joined(lines)
        digest = sha256(content_bytes).hexdigest()
        if self.random.random() < 0.3:
            content_bytes = Plain(source, tuple(lines)).payload("gzip")
        return File(name, source, tuple(lines), content_bytes, digest, "", later)

    def _in_two_formats(self) -> list[Line]:
        lines: list[Line] = []
        for _ in range(self.random.randint(2, 12)):
            chance = self.random.random()
            if chance < 0.5:
                custom = self.traffic.flow(self.now_ms(), custom=True)
                lines.append(Line(custom.raw, "reject", "field_count", None, custom.content))
                self.traffic.mended[custom.raw] = custom
            elif chance < 0.8:
                lines.append(self.traffic.flow(self.now_ms()))
            elif chance < 0.9:
                lines.append(Line(b"", "drop", "blank"))
            else:
                self._numbers += 1
                lines.append(Line(b"garbage %d" % self._numbers, "reject", "field_count"))
        return lines

    def _retry_of(self, file: File) -> Retry:
        known = self.traffic.mended
        return Retry(file, tuple(known.get(line.raw, line) for line in file.lines))

    # The end.

    def _settle(self) -> None:
        """Without faults all that waits must come in. Raises Violation when it does not."""
        self.say("calm")
        for _ in range(ROUNDS):
            home = self._opened()
            if not self.waiting:
                break
            self._send(home, self.waiting[0])
        home = self._opened()
        for retry in [each for each in self.sent if isinstance(each, Retry)][:1]:
            self._send(home, retry)
        if self.weather.compaction and self.random.random() < 0.5:
            # What comes again now meets itself in curated files.
            self._compact(home)
        if self.weather.redelivery and self.random.random() < 0.6:
            # In batches of another size, so that other flushes come of it.
            self._close()
            home = self._opened()
            for shard in range(log.SHARDS):
                self._redeliver(home, shard)
        for _ in range(ROUNDS):
            if not any([home.worker.step(shard) for shard in range(log.SHARDS)]):
                break
        if self.weather.compaction and self.random.random() < 0.6:
            self._compact(home)
        if self.waiting or home.log.backlog():
            raise Violation("it does not come to rest")


def _shown(sender: Sender) -> str:
    if isinstance(sender, Post):
        return f"post to {sender.key}: " + ", ".join(type(i).__name__ for i in sender.items)
    if isinstance(sender, File):
        return f"file {sender.name}, {len(sender.lines)} lines, {len(sender.content)} bytes"
    return f"retry of {sender.file.name}"


def clear(folder: Path) -> None:
    """Remove what a run left."""
    shutil.rmtree(folder, ignore_errors=True)
