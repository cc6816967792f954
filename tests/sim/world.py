"""One run: everything that happens follows from the seed."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from random import Random

from pipeline.batch import Context
from pipeline.deliver.simulated import Crash, Fate, SimulatedDisk
from pipeline.errors import DeliveryError, HomeError
from pipeline.home import Machine, WritingHome, audit_of, readable, writing
from pipeline.lake.compact import compact
from pipeline.settings import Limits
from pipeline.store import Edge
from pipeline.stream import log
from tests.sim.grown import Grown
from tests.sim.makers import Makers
from tests.sim.operators import Operators
from tests.sim.poison import lookups
from tests.sim.senders import File, Post, Retry, Sender
from tests.sim.traffic import OWN_GROUP, Traffic
from tests.sim.truth import Truth
from tests.sim.violation import Violation
from tests.sim.weather import Weather

START_MS = 1_795_615_200_250  # 2026-11-25T14:00:00.250Z
HOUR_MS = 3_600_000
ROUNDS = 400
MOST_OPERATIONS = 20_000  # some hundred are usual


class Simulation:
    """A home, those who send to it, and what they know."""

    def __init__(self, seed: int, folder: Path, verbose: bool = False) -> None:
        self.seed, self.folder, self.verbose = seed, folder, verbose
        self.random = Random(f"traffic {seed}")
        self._fates = Random(f"faults {seed}")
        self.weather = Weather.of(Random(f"weather {seed}"))
        traffic = Traffic(self.random)
        self.makers = Makers(self.random, traffic, self.weather, self.now_ms)
        self.operators = Operators(Random(f"operators {seed}"), self)
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
        self.set_back = self.compacted = False
        self.outages = self._operations = 0

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
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise Violation("it does not come to rest: it writes and writes")
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
                self._survive(self.operators.act)
                self._now_ms += self.random.randrange(20_000)
            self.calm = True
            self._settle()
        finally:
            # Also where it ends early: a fault here would hide why.
            self.calm = True
            self.close()

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
        self.close(crash)
        self.disk.end_process()
        if self.random.random() < self.weather.power:
            self.say("power cut")
            self.happened["power cut"] += 1
            self.disk.cut_power()
        if self.random.random() < 0.1:
            self._look("after a crash")

    def close(self, crash: BaseException | None = None) -> None:
        """End the process that writes, in order or by a crash."""
        self._home = None
        opened, self._open = self._open, ExitStack()
        if crash is None:
            opened.close()
            return
        with suppress(Crash):
            opened.__exit__(type(crash), crash, None)

    def opened(self) -> WritingHome:
        """The home, opened for writing where it is not."""
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
            limits = self.operators.limits(limits)
            context = Context(lookups(), limits, self.operators.formats, [OWN_GROUP])
            self.say(f"open the home: {limits.batch_records} records, {limits.slice_bytes} bytes")
            opening = writing(self.home, context, machine=self.machine)
            commits = self.commits
            try:
                self._home = self._open.enter_context(opening)
            finally:
                # Other shards are the first thing that is written there.
                if self.commits > commits:
                    self.truth.reshard(limits.shards)
        return self._home

    def _act(self) -> None:
        home = self.opened()
        chance = self.random.random()
        if chance < 0.45:
            self.send(home, self.makers.sender())
        elif chance < 0.8:
            self._consume(home)
        elif chance < 0.8 + self.weather.redelivery:
            self._repeat(home)
        elif chance < 0.8 + self.weather.redelivery + self.weather.skew:
            self._skew_ms = self.random.randint(-10, 10) * HOUR_MS
            self.say(f"the clock jumps to {self._skew_ms} ms")
        elif chance < 0.91 and self.weather.compaction:
            self.compact(home)
        elif chance < 0.95:
            self._now_ms += self.random.choice((60_000, HOUR_MS))
            if self.weather.outage and not self.outages and self.random.random() < 0.5:
                # Longer than the stream keeps what is consumed.
                self.outages += 1
                self._now_ms += 30 * HOUR_MS
                self.close()
                self.say("an outage of 30 hours")
        else:
            self._look("while it runs")

    def _consume(self, home: WritingHome) -> None:
        if self.random.random() < 0.2:
            self.say("drain")
            home.worker.drain()
            return
        shard = self.random.choice(home.log.ready())
        self.say(f"step of shard {shard}: {home.worker.step(shard)}")

    def pause(self, home: WritingHome) -> None:
        """Between two slices of a file the worker may run."""
        if self.random.random() < 0.3:
            home.worker.step(self.random.choice(home.log.ready()))

    def _repeat(self, home: WritingHome) -> None:
        """Records that were answered come a second time: their sender did not hear it."""
        posts = [each for each in self.makers.sent if isinstance(each, Post)]
        if posts:
            self.send(home, self.random.choice(posts))

    def send(self, home: WritingHome, sender: Sender) -> None:
        """Let somebody send; whoever is not answered waits to do it again."""
        if sender not in self.makers.waiting:
            self.makers.waiting.append(sender)
        self.say(f"send {_shown(sender)}")
        sender.send(home, self)
        self.makers.answered(sender)

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

    def compact(self, home: WritingHome) -> None:
        """Fold what has landed into curated files."""
        self.say("compact")
        self.compacted = True
        lake = self.home / "lake"
        compact(home.store, self.home, lake, self.now_ms(), disk=self.disk, threads=1)

    def _look(self, when: str) -> None:
        """Whoever reads beside the writer or after a crash sees what was acknowledged."""
        if self.set_back or not (self.home / "log.db").exists():
            return
        with readable(self.home) as beside:
            found = [f for f in audit_of(beside).findings if f.unbalances]
        if found:
            raise Violation(f"{when} the audit does not balance: {found[0]}")

    # The end.

    def _settle(self) -> None:
        """Without faults all that waits must come in. Raises Violation when it does not."""
        self.say("calm")
        for _ in range(ROUNDS):
            home = self.opened()
            if not self.makers.waiting:
                break
            self.send(home, self.makers.waiting[0])
        home = self.opened()
        for retry in [each for each in self.makers.sent if isinstance(each, Retry)][:1]:
            self.send(home, retry)
        if self.weather.compaction and self.random.random() < 0.5:
            # What comes again now meets itself in curated files.
            self.compact(home)
        if self.weather.redelivery and self.random.random() < 0.95 and self.operators.may_set_back:
            # In batches of another size, so that other flushes come of it.
            self.close()
            home = self.opened()
            for shard in home.log.ready():
                self._redeliver(home, shard)
        self._consume_all(home)
        home = self.operators.settle()
        if self.weather.compaction and self.random.random() < 0.6:
            self.compact(home)
        if self.makers.waiting or home.log.backlog():
            raise Violation("it does not come to rest")

    def _consume_all(self, home: WritingHome) -> None:
        for _ in range(ROUNDS):
            if not any([home.worker.step(shard) for shard in home.log.ready()]):
                return


def _shown(sender: Sender) -> str:
    if isinstance(sender, Post):
        return f"post to {sender.key}: " + ", ".join(type(i).__name__ for i in sender.items)
    if isinstance(sender, Grown):
        return f"{sender.base.name} grown to {len(sender.whole)} lines: {sender.name}"
    if isinstance(sender, File):
        return f"file {sender.name}, {len(sender.lines)} lines, {len(sender.content)} bytes"
    return f"retry of {sender.file.name}"


def clear(folder: Path) -> None:
    """Remove what a run left."""
    shutil.rmtree(folder, ignore_errors=True)
