"""One run of a stage's compaction: files that land, late ones too, executions that end anywhere.

The steps are the product's, the statements are those that go to Athena, run by DuckDB; the order is
that of the state machine: curated, swap, view.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from random import Random

from pipeline.errors import TailraceError
from tests.curate.account import Account
from tests.curate.machine import Crash, compact
from tests.curate.rows import Event, rows
from tests.sim.violation import Violation

HOUR = timedelta(hours=1)
# An execution makes about so many calls and statements.
CALLS = 60
# Behind which another execution may take over; between the last look at the lock and a change in
# Glue lies nothing but what asks Glue.
BETWEEN = frozenset({"GetObject", "PutObject", "ListObjectsV2", "GetQueryResults", "statement"})
ASKED = "select record_id, decoder_version, message from app_log"


@dataclass(frozen=True)
class Landed:
    """A file of landing: which hour it is in, and what it holds."""

    hour: str
    events: tuple[Event, ...]


class CompactionSimulation:
    """A stage whose landing grows, and what must be answered of it."""

    def __init__(self, seed: int, verbose: bool = False) -> None:
        self.random, self.verbose = Random(f"compaction {seed}"), verbose
        self.account = Account()
        self.happened: Counter[str] = Counter()
        self.files: list[Landed] = []
        self.seen: set[int] = set()
        self.crashes = self.random.choice((0.2, 0.5, 0.9))
        self._digest = blake2b(digest_size=8)
        self._numbers = 0

    @property
    def trace(self) -> str:
        """Digest of all that happened."""
        return self._digest.hexdigest()

    def say(self, text: str) -> None:
        """Note something that happened."""
        self._digest.update(text.encode() + b"\n")
        if self.verbose:
            print(f"  compaction: {text}", flush=True)  # noqa: T201

    def run(self) -> None:
        """Files and executions that fail, then calm, in which all is folded. Raises Violation."""
        for _ in range(self.random.randint(4, 9)):
            for _ in range(self.random.choice((0, 1, 1, 2))):
                self._land()
            self.account.now += self.random.randint(1, 6) * HOUR
            if self.random.random() < 0.7:
                self._compact(breaks=self.random.random() < self.crashes)
            elif self.random.random() < 0.7:
                self._overtaken()
            self._look()
        for _ in range(2):
            self.account.now += 9 * HOUR
            self._compact(breaks=False)
            self._look()
        self._all_is_folded()
        self.account.now += 30 * HOUR
        self._compact(breaks=False)
        self._nothing_is_left()

    def _land(self) -> None:
        late = self.random.random() < 0.3
        at = self.account.now - (self.random.randint(1, 60) * HOUR if late else 0 * HOUR)
        events = tuple(self._event() for _ in range(self.random.randint(1, 6)))
        name = f"{len(self.files):04d}.parquet"
        self.account.land(at, name, rows(self.account.table, events))
        self.files.append(Landed(f"{at:%Y-%m-%dT%H}", events))
        self.happened["compaction: late files" if late else "compaction: files"] += 1
        self.say(f"{name} in {at:%Y-%m-%dT%H}: {[(e.number, e.decoder) for e in events]}")

    def _event(self) -> Event:
        known = [event for file in self.files for event in file.events]
        if known and self.random.random() < 0.3:
            again = self.random.choice(known)
            decoder = again.decoder + (self.random.random() < 0.3)
            return Event(again.at, again.number, again.arrived, decoder, f"by {decoder}")
        self._numbers += 1
        at = self.account.now - timedelta(seconds=self.random.randint(0, 200_000))
        at = at.replace(microsecond=0)
        return Event(at, self._numbers, self.account.now, 1, "by 1")

    def _compact(self, breaks: bool, name: str = "") -> None:
        left = self.random.randint(1, CALLS) if breaks else 0
        error = self.random.choice((Crash, TailraceError))
        # Who crashes does not leave the lock; who comes next sees that nobody runs.
        where = ""

        def fail(name: str) -> None:
            nonlocal left, where
            left -= 1
            if left == 0:
                where = name
                raise error("as the simulation wants it")

        self.account.before = fail
        try:
            compact(self.account, self.account.curator(), name or f"at {self.account.now}")
        except (Crash, TailraceError):
            pass
        finally:
            self.account.before = lambda name: None
        self.happened["compaction: executions"] += 1
        self.happened["compaction: broken off"] += bool(where)
        self.say(f"compaction at {self.account.now}, broken at {where or 'nothing'}")

    def _overtaken(self) -> None:
        """An execution is stopped and one of its calls is late: others come, then it goes on."""
        left, where, name = self.random.randint(1, CALLS), "", f"at {self.account.now}"

        def stop(call: str) -> None:
            nonlocal left, where
            left -= call in BETWEEN
            if left == 0 and call in BETWEEN:
                where = call
                self.account.before = lambda name: None
                self._compact(breaks=False, name=f"{name}, instead")
                self._land()
                self.account.now += 8 * HOUR
                self._compact(breaks=False, name=f"{name}, behind it")

        self.account.before = stop
        try:
            compact(self.account, self.account.curator(), name)
        finally:
            self.account.before = lambda name: None
        self.happened["compaction: taken over"] += bool(where)
        self.say(f"compaction {name}, taken over at {where or 'nothing'}")

    def _look(self) -> None:
        """What is answered: each identity once, as it came, and none that was seen is gone."""
        found: dict[int, int] = {}
        for number, decoder, message in self.account.ask(ASKED):
            if number in found:
                raise Violation(f"event {number} is answered twice")
            if message != f"by {decoder}":
                raise Violation(f"event {number} is a mixture: {message!r} by {decoder}")
            found[number] = decoder
        landed = {event.number for file in self.files for event in file.events}
        if unknown := found.keys() - landed:
            raise Violation(f"nobody sent {sorted(unknown)}")
        # Which copy stands may change: a curated one stands until the next compaction.
        if gone := self.seen - found.keys():
            raise Violation(f"was answered, and is gone: {sorted(gone)}")
        mark = self.account.curator().objects.state("app_log").watermark
        since = f"{mark:%Y-%m-%dT%H}" if mark else ""
        open_ = {event.number for file in self.files if file.hour >= since for event in file.events}
        if missing := open_ - found.keys():
            raise Violation(f"not answered, though not folded: {sorted(missing)}")
        self.seen = set(found)

    def _all_is_folded(self) -> None:
        newest: dict[int, int] = {}
        for file in self.files:
            for event in file.events:
                newest[event.number] = max(newest.get(event.number, 0), event.decoder)
        found = {number: decoder for number, decoder, _ in self.account.ask(ASKED)}
        if found != newest:
            raise Violation(f"in the end {found}, expected {newest}")
        if left := self.account.ask("select count(*) from app_log_landing")[0][0]:
            raise Violation(f"{left} rows of landing are not folded")

    def _nothing_is_left(self) -> None:
        """Of all versions only those lie there that are shown."""
        shown = {each["StorageDescriptor"]["Location"] for each in self.account.partitions.values()}
        lies = {key.partition("hours=")[0] for key in self.account.objects if "/curated/" in key}
        if {f"s3://lake/{folder}" for folder in lies} != shown:
            raise Violation(f"versions lie there: {sorted(lies)}, shown are {sorted(shown)}")
