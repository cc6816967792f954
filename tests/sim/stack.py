"""One run of the deployed stack: a stream, the mapping, the function, Firehose and S3 that fail."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

import msgspec
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from pipeline import aws
from pipeline.batch import Context
from pipeline.deliver.simulated import Crash
from pipeline.errors import Unforeseen
from pipeline.invoke import AwsHome, Routes, Stack, left_of, take
from pipeline.settings import Delivery, Limits, Settings
from tests.deliver import firehose_service, s3_service
from tests.deliver.firehose_service import FirehoseService
from tests.deliver.s3_service import S3Service
from tests.sim.mapping import Mapping
from tests.sim.poison import SimulatedDefect, lookups, poisoned
from tests.sim.traffic import (
    APP,
    GROUPS,
    OWN_GROUP,
    VPC,
    Broken,
    Envelope,
    Plain,
    Traffic,
    broken,
    with_provenance,
)
from tests.sim.truth import Truth
from tests.sim.violation import Violation

START_MS = 1_795_615_200_250
STREAMS, BUCKET = "tailrace-staging-", "kept"
DELIVERY = Delivery("firehose", STREAMS, "s3://lake/lake", f"s3://{BUCKET}/quarantine")
# Plain lines name no log group: whose they are is declared for all that is not named.
SOURCES = {GROUPS[VPC]: VPC, GROUPS[APP]: APP}
ROUNDS = 2_000
LAMBDA_MS = 60_000
TIME_OUT_MS = round(aws.READ_S * 1000)
POISON = "failed"


@dataclass(frozen=True)
class Sent:
    """A record of the stream, and what it is made of."""

    item: Envelope | Plain | Broken
    shard: str
    sequence: int
    payload: bytes
    arrival_ms: int

    @property
    def place(self) -> str:
        """Its identity."""
        return f"kinesis/tailrace-staging-logs/{self.shard}/{self.sequence}"

    def accept(self, truth: Truth) -> None:
        """Note what must become of it."""
        item, place = self.item, self.place
        if isinstance(item, Envelope):
            item.accept(truth, place, self.arrival_ms)
        elif isinstance(item, Plain):
            lines = with_provenance(item.lines)
            truth.plain(item.source, place, place, lines, self.arrival_ms)
        elif item.reason != POISON:
            truth.broken(item.source, place, place, item.reason, self.arrival_ms)
        if place in truth.bad:
            # As Lambda hands it over.
            truth.bad[place].payload = base64.b64encode(self.payload)


class StackSimulation:
    """The stack, those who send to it, and what they know."""

    def __init__(self, seed: int, verbose: bool = False) -> None:
        self.verbose = verbose
        self.random = Random(f"stack {seed}")
        self._fates = Random(f"stack faults {seed}")
        self.sent: list[Sent] = []
        self.happened: Counter[str] = Counter()
        self.calm = False
        self._digest = blake2b(digest_size=8)
        self._now_ms, self._invoked_ms = START_MS, 0
        self.mapping = Mapping(Random(f"mapping {seed}"))
        self.firehose = FirehoseService(self._firehose())
        self.s3 = S3Service(self._s3())
        self.delivery = msgspec.structs.replace(
            DELIVERY, mode=self.random.choice(("firehose", "firehose", "s3"))
        )
        self.poison = self.random.random() < 0.4
        self.trouble = self.random.choice((0.0, 0.05, 0.2, 0.5))
        self.crashes = self.random.choice((0.0, 0.0, 0.03))
        self.outages = self.random.choice((0.0, 0.1, 0.2))
        self._down = ""
        self._traffic, self._sent = Traffic(self.random), 0
        self._stack: Stack | None = None
        # To make one takes longer than an invocation does.
        self._clients = self.firehose.client(), self.s3.client()

    @property
    def trace(self) -> str:
        """Digest of all that happened."""
        return self._digest.hexdigest()

    @property
    def landed(self) -> int:
        """Rows that have come to Firehose, repeats and all."""
        return sum(record.count(b"\n") for _, record in self.firehose.accepted)

    def say(self, text: str) -> None:
        """Note something that happened."""
        self._digest.update(text.encode() + b"\n")
        if self.verbose:
            print(f"  stack: {text}", flush=True)  # noqa: T201

    # What the services do with each call.

    def _trouble(self, service: str) -> bool:
        if self.calm:
            return False
        if self._fates.random() < self.crashes:
            raise Crash("the function dies at a call")
        return service == self._down or self._fates.random() < self.trouble

    def _firehose(self) -> Iterator[firehose_service.Fate]:
        while True:
            yield self._firehose_fate

    def _firehose_fate(self, count: int) -> firehose_service.Reply:
        if not self._trouble("firehose"):
            return firehose_service.taken(count)
        most = max(count - 1, 1)
        some = self._fates.sample(range(count), self._fates.randint(1, most))
        fates = {
            "some records failed": firehose_service.failing(some),
            "throttled": firehose_service.error("ThrottlingException"),
            "unavailable": firehose_service.error("ServiceUnavailableException", 503),
            "answer lost": firehose_service.lost,
            "not reached": firehose_service.unreached,
            "unreadable answer": firehose_service.says(b"<html>"),
            "answer without ids": firehose_service.says(b'{"RequestResponses": []}'),
        }
        # Only some of many is the hardest to get right.
        often = ["some records failed"] * (count > 1) * 6
        name = self._fates.choice(sorted(fates) + often)
        self.happened[f"firehose: {name}"] += 1
        self.say(f"firehose {count}: {name}")
        return fates[name](count)

    def _s3(self) -> Iterator[s3_service.Fate]:
        while True:
            if not self._trouble("s3"):
                yield s3_service.KEPT
                continue
            fates = {
                "slow down": s3_service.error(503, "SlowDown"),
                "internal error": s3_service.error(500, "InternalError"),
                "answer lost": s3_service.Fate(
                    raises=ConnectionClosedError(endpoint_url="https://s3"), keeps=True
                ),
                "time-out": s3_service.Fate(raises=ReadTimeoutError(endpoint_url="https://s3")),
            }
            name = self._fates.choice(sorted(fates))
            if name == "time-out":
                self._now_ms += TIME_OUT_MS
            self.happened[f"s3: {name}"] += 1
            self.say(f"s3: {name}")
            yield fates[name]

    # What happens, step by step.

    def run(self) -> None:
        """Faults first, then calm, in which all must come in. Raises Violation."""
        for _ in range(self.random.randint(4, 18)):
            if self.random.random() < self.outages:
                self._down = self.random.choice(("firehose", "s3", ""))
                self.say(f"down: {self._down}")
            self._act()
            self._now_ms += self.random.randrange(30_000)
        self.calm = True
        for _ in range(ROUNDS):
            waiting = self.mapping.waiting()
            if not waiting:
                return
            self.mapping.step(waiting[0], self._call, self._now_ms)
        raise Violation("the stack does not come to rest")

    def _act(self) -> None:
        chance = self.random.random()
        waiting = self.mapping.waiting()
        if chance < 0.5 or not waiting:
            for _ in range(self.random.choice((1, 1, 3, 6))):
                self._send()
        elif chance < 0.95:
            self.mapping.step(self.random.choice(waiting), self._call, self._now_ms)
        elif chance < 0.98:
            self.mapping.split()
        else:
            # Longer than a record is tried.
            self._now_ms += 7 * 3_600_000

    def _call(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Call the function; None: it failed as a whole."""
        if self._stack is None or self.random.random() < 0.1:
            self._stack = self._cold_start()
        end_ms = self._now_ms + LAMBDA_MS
        left = left_of(lambda: end_ms - self._now_ms)
        try:
            taken = take(event, self._stack, left, self._now_ms)
        except Crash:
            self.happened["function dies"] += 1
            self._stack = None
            return None
        except Unforeseen as error:
            if error.what != f"a fault of ours: {SimulatedDefect.__name__}":
                raise
            self.happened["function fails"] += 1
            return None
        if self._now_ms > end_ms:
            raise Violation(f"the function outlasts its time by {self._now_ms - end_ms} ms")
        answer = taken.answer()
        self.say(f"{len(event['Records'])} records: {answer}")
        self.happened["invocations"] += 1
        self.happened["partial answers"] += bool(taken.again)
        return answer

    def _cold_start(self) -> Stack:
        limits = Limits(batch_text_bytes=self.random.choice((300, 3_000, 1 << 20)))
        home = AwsHome(
            self.delivery,
            *self._clients,
            self._sleep,
            Random(self.random.random()),
            record_bytes=self.random.choice((1_000, 1_300, 2_500, 1_024_000)),
        )
        routes = Routes.of(Settings(sources=SOURCES))
        return Stack(Context(lookups(), limits, own_log_groups=[OWN_GROUP]), routes, home)

    def _sleep(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1000)

    def _send(self) -> None:
        """Put a record; at times once more, because the answer was lost."""
        item = self._item()
        payload = item.content if isinstance(item, Broken) else item.payload("gzip")
        for _ in range(self.random.choice((1, 1, 1, 1, 2))):
            shard, sequence = self.mapping.put(self.random.randrange(97), payload, self._now_ms)
            self.sent.append(Sent(item, shard, sequence, payload, self._now_ms))

    def _item(self) -> Envelope | Plain | Broken:
        self._sent += 1
        chance = self.random.random()
        if chance < 0.12:
            return broken(self.random, APP, self._sent)
        if chance < 0.15 and self.poison:
            return self._poisoned()
        if chance < 0.3:
            return Plain(APP, tuple(self._traffic.plain_lines(APP, self._now_ms)))
        source = self.random.choice((VPC, VPC, APP))
        group = OWN_GROUP if self.random.random() < 0.08 else GROUPS[source]
        source = APP if group == OWN_GROUP else source
        control = self.random.random() < 0.08
        stream = self.random.choice(self._traffic.streams[source])
        events = tuple(self._traffic.events(source, self._now_ms))
        return Envelope(source, stream, events[:1] if control else events, group, control)

    def _poisoned(self) -> Broken:
        """An envelope with a line that the code dies of."""
        lines = poisoned(self.random, self._now_ms).content.decode().splitlines()
        whole = {
            "messageType": "DATA_MESSAGE",
            "owner": "1",
            "logGroup": GROUPS[VPC],
            "logStream": "x",
            "logEvents": [
                {"id": f"{number:056d}", "timestamp": self._now_ms, "message": line}
                for number, line in enumerate(lines)
            ],
        }
        return Broken(VPC, json.dumps(whole).encode(), "failed")
