"""One run of the counters: page views over several shards, and those who count them and die.

The stream and the counters are the product's, in a folder; two may count at once, as where one is
believed dead. What rankings answer must be what was sent, at any time at which all is counted.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from copy import deepcopy
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

from pipeline import beacon
from pipeline.batch import Context
from pipeline.consume.counting import CountingWorker
from pipeline.counters.answer import answer, asked
from pipeline.counters.file import CountersFile
from pipeline.counters.tally import Tally
from pipeline.deliver.simulated import Crash, Fate
from pipeline.errors import DeliveryError
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.store import Edge, Store, identity_of
from pipeline.stream.log import Incoming, Log
from pipeline.stream.shards import reshard
from tests.sim.poison import lookups, poisoned
from tests.sim.traffic import VPC, Traffic, joined
from tests.sim.viewers import (
    ASSET,
    BOT,
    HOUR_MS,
    KEYS,
    MINUTE_MS,
    PEOPLE,
    ROBOT,
    Counted,
    View,
    Viewers,
)
from tests.sim.violation import Violation

START_MS = 1_795_615_200_250
SOURCE = "page-view"
WINDOWS, PREFIXES = (1, 2, 10, 60), ("", "", "/news", "/shop/", "/News", "/none")
# Longer than what the counters go back nobody may be behind.
MOST_BEHIND_MS = 150 * MINUTE_MS
ATTEMPTS = 500


class CountingSimulation:
    """A home's stream and counters, those who view pages, and what was viewed."""

    def __init__(self, seed: int, folder: Path, verbose: bool = False) -> None:
        self.random, self.verbose = Random(f"counting {seed}"), verbose
        self._fates = Random(f"counting faults {seed}")
        self.folder = folder
        self.viewers, self.truth = Viewers(self.random), Counted()
        self.traffic = Traffic(self.random)
        self.happened: Counter[str] = Counter()
        self.rates = {
            fate: self.random.choice((0.0, 0.02, 0.08)) for fate in (Fate.FAILS, Fate.DIES_BEFORE)
        }
        self.counts_twice = self.random.random() < 0.4
        self.with_poison = self.random.random() < 0.4
        self.now_ms, self._commits, self._number = START_MS, 0, 0
        self._oldest_ms: int | None = None
        # Views of people with times of their own: it is the same which of two is counted first.
        self._elsewhere: list[View] = []
        self._digest = blake2b(digest_size=8)
        self._open = ExitStack()
        self._log: Log | None = None
        self._workers: dict[int, CountingWorker] = {}

    @property
    def trace(self) -> str:
        """Digest of all that happened."""
        return self._digest.hexdigest()

    def say(self, text: str) -> None:
        """Note something that happened."""
        self._digest.update(text.encode() + b"\n")
        if self.verbose:
            print(f"  counting: {text}", flush=True)  # noqa: T201

    def run(self) -> None:
        """Views, and those who count them; all is looked at again and again. Raises Violation."""
        with closing(self):
            for _ in range(self.random.randint(20, 90)):
                self._survive(self._act)
                self.now_ms += self.random.choice((0, 700, 5_000, 20_000, 70_000))
            self._look()
            self.say("all begin anew")
            self.close()
            self._look()

    def _act(self) -> None:
        if self._oldest_ms is not None and self.now_ms - self._oldest_ms > MOST_BEHIND_MS / 2:
            self._count_all(self._any())
        chance = self.random.random()
        if chance < 0.5:
            self._send()
        elif chance < 0.8:
            self._step()
        elif chance < 0.88:
            self._look()
        elif chance < 0.93:
            self.say("tidy")
            self._worker(self._any()).tally.tidy()
        elif chance < 0.96:
            self._pass()
        elif chance < 0.97:
            self._seldom()
        elif chance < 0.985:
            self._reshard()
        else:
            self._lose()

    def _step(self) -> None:
        workers = [self._worker(number) for number in range(1 + self.counts_twice)]
        shard = self.random.choice(workers[0].due())
        for worker in workers:
            # Where two count, neither knows of the other.
            worker.tally.place(shard)
        for worker in workers:
            self.say(f"step of shard {shard}: {worker.step(shard)}")

    def _pass(self) -> None:
        """A long time passes; nobody can be so far behind that the counters do not go back."""
        longest = MOST_BEHIND_MS / 2 if self._oldest_ms is not None else 3 * HOUR_MS
        self.now_ms += self.random.randrange(int(longest))
        self.happened["counting: a long time"] += 1
        self.say(f"it is {self.now_ms}")

    def _seldom(self) -> None:
        """For hours somebody sends now and then, and somebody asks as seldom."""
        for _ in range(4):
            self._send()
            self._look((60,))
            self.now_ms += self.random.randrange(40 * MINUTE_MS, HOUR_MS)
            self.say(f"it is {self.now_ms}, tidy")
            self._worker(self._any()).tally.tidy()
            self._look((60,))

    def _reshard(self) -> None:
        """A start with another number of shards: what comes again comes in another one."""
        self.close()
        with closing(Store(self.folder, writer=True)) as store:
            Log(store)
            shards = self.random.randint(1, 6)
            reshard(store, shards)
        self.happened["counting: other shards"] += 1
        self.say(f"{shards} shards")

    # Faults.

    def _lose(self) -> None:
        """Somebody deletes the counters or the log, or puts a copy of the log back."""
        lost = self.random.choice(("ranking.db", "log.db", "what came since a copy of log.db"))
        self.say(f"lost: {lost}")
        self.happened["counting: a file is lost"] += 1
        self.close()
        if lost == "ranking.db":
            self._delete(lost)
        elif lost == "log.db":
            self._delete(lost)
            self.truth, self._oldest_ms = Counted(), None
            self.viewers.sent.clear()
        else:
            self._put_back()

    def _put_back(self) -> None:
        with closing(Store(self.folder, writer=True)):
            # Closed by the last who has it open, it is one file.
            pass
        copy, truth = (self.folder / "log.db").read_bytes(), deepcopy(self.truth)
        sent, oldest_ms = list(self.viewers.sent), self._oldest_ms
        self._survive(self._send)
        self._count_all(0)
        self.close()
        self._delete("log.db")
        (self.folder / "log.db").write_bytes(copy)
        self.truth, self.viewers.sent, self._oldest_ms = truth, sent, oldest_ms
        # A server counts before it takes anything.
        self._count_all(0)

    def _delete(self, name: str) -> None:
        for end in ("", "-wal", "-shm"):
            (self.folder / f"{name}{end}").unlink(missing_ok=True)

    def _survive(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Crash as crash:
            self.say(f"crash at {crash}")
            self.happened["counting: crash"] += 1
            self.close()
        except DeliveryError as error:
            self.say(f"refused: {error.what.partition(':')[0]}")
            self.happened["counting: delivery error"] += 1

    def _watch(self, where: str) -> Callable[[Edge], None]:
        def watch(edge: Edge) -> None:
            self._commits += where == "log" and edge is Edge.COMMITTED
            chance = self._fates.random()
            if chance < self.rates[Fate.DIES_BEFORE]:
                raise Crash(f"{edge} of {where}")
            if chance > 1 - self.rates[Fate.FAILS]:
                raise sqlite3.OperationalError("disk I/O error")

        return watch

    def close(self) -> None:
        """End all processes."""
        self._open.close()
        self._workers, self._log = {}, None

    def _stream(self) -> Log:
        if self._log is None:
            store = Store(self.folder, writer=True, watch=self._watch("log"))
            self._open.callback(store.close)
            self._log = Log(store)
        return self._log

    def _worker(self, number: int) -> CountingWorker:
        """One of those who count."""
        if number not in self._workers:
            store = Store(self.folder, writer=True)
            self._open.callback(store.close)
            counters = CountersFile(self.folder, self._watch("counters"))
            self._open.callback(counters.close)
            log = Log(store)
            if counters.follow(identity_of(store), log.newest()):
                self.happened["counting: begins anew"] += 1
            records = self.random.choice((1, 3, 10, 50))
            context = Context(lookups(), Limits(batch_records=records), Formats(), ())
            self.say(f"counter {number} takes {records} records at once")
            tally = Tally(counters, self._clock)
            self._workers[number] = CountingWorker(log, tally, context, clock=self._clock)
        return self._workers[number]

    def _any(self) -> int:
        return int(self.counts_twice and self.random.random() < 0.5)

    def _clock(self) -> float:
        return self.now_ms / 1000

    # What is sent.

    def _send(self) -> None:
        """Some POSTs at once, other records between them; again until they are answered."""
        posts = [self._post() for _ in range(self.random.choice((1, 2, 4)))]
        while True:
            commits = self._commits
            try:
                self._stream().append([self._incoming(*post) for post in posts])
            except (Crash, DeliveryError) as error:
                self.say(f"send again: {type(error).__name__}")
                if isinstance(error, Crash):
                    self.close()
            else:
                return
            finally:
                if self._commits > commits:
                    self._accept(posts)

    def _post(self) -> tuple[str, str, list[View] | bytes]:
        """Shard key, user agent, and views or what else is sent."""
        key = self.random.choice(KEYS)
        chance = self.random.random()
        if chance < 0.08 and self.with_poison:
            return key, "", poisoned(self.random, self.now_ms).content
        if chance < 0.2:
            return key, "", joined(self.traffic.plain_lines(VPC, self.now_ms))
        agent = ROBOT if self.random.random() < 0.15 else PEOPLE
        views = self.viewers.views(self.now_ms, key)
        if agent == PEOPLE:
            if self._elsewhere and self.random.random() < 0.15:
                views.append(self.random.choice(self._elsewhere[-20:]))
                self.happened["counting: again under any key"] += 1
            self._elsewhere += [view for view in views if view.time_ms and view.event_id]
        return key, agent, views

    def _incoming(self, key: str, agent: str, sent: list[View] | bytes) -> Incoming:
        self._number += 1
        identity = f"request/{self._number}"
        if isinstance(sent, bytes):
            return Incoming(VPC, key, sent, self.now_ms, identity)
        seen = beacon.Seen(self.now_ms, "192.0.2.7", agent)
        lines = beacon.lines_of([view.told for view in sent], seen, bytes(32))
        return Incoming(SOURCE, key, b"\n".join(lines), self.now_ms, identity)

    def _accept(self, posts: list[tuple[str, str, list[View] | bytes]]) -> None:
        self._oldest_ms = self.now_ms if self._oldest_ms is None else self._oldest_ms
        for key, agent, sent in posts:
            if not isinstance(sent, bytes):
                self.truth.accept(sent, agent, self.now_ms)
                self.happened["counting: views"] += len(sent)
                self.say(f"{len(sent)} views to {key}: {[view.page for view in sent]}")

    # What must hold.

    def _count_all(self, number: int) -> CountingWorker:
        """One who has counted until nothing waited."""
        for _ in range(ATTEMPTS):
            try:
                worker = self._worker(number)
                worker.drain()
            except (Crash, DeliveryError) as error:
                if isinstance(error, Crash):
                    self.close()
                continue
            self._oldest_ms = None
            return worker
        raise Violation("counting does not come to an end")

    def _look(self, windows: Sequence[int] = WINDOWS) -> None:
        """What is answered of windows of minutes is what was sent. Raises Violation."""
        if self.counts_twice:
            # Boards are those of one who counts alone; the other's counts it has from the file.
            self.close()
        tally = self._count_all(0).tally
        for _ in range(3):
            minutes, prefix = self.random.choice(windows), self.random.choice(PREFIXES)
            most, but = self.random.choice((2, 5, 50)), self.random.randrange(4)
            flags = {"bots": but & BOT, "assets": but & ASSET}
            given = {"window": f"{minutes}m", "k": str(most), "prefix": prefix}
            given |= {name: "false" if out else "true" for name, out in flags.items()}
            told = answer(asked(given), tally.boards["page"], tally.titles, self.now_ms)
            end = self.now_ms // MINUTE_MS + 1
            wanted = self.truth.items(end, minutes, most, but, prefix)
            self._compare(given, {name: told[name] for name in wanted}, wanted)

    def _compare(self, given: object, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        self.happened["counting: answers"] += 1
        if found == wanted:
            return
        pairs = zip_longest(found["items"], wanted["items"])
        odd = next((pair for pair in pairs if pair[0] != pair[1]), ("as sent", ""))
        totals = f"{found['total']} of {wanted['total']} views"
        raise Violation(f"counting: {given}: {totals}; {odd[0]}, expected {odd[1]}")
