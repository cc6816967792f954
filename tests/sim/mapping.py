"""A Kinesis stream and the event source mapping before a function, with its rules.

At least once; a partial answer's lowest number is the checkpoint; a batch that fails is halved, and
halving is no attempt; a batch that failed too often, or grew too old, goes to the failure
destination whole. A shard that was split is read to its end before its children are.

Source: AWS Lambda Developer Guide, "How Lambda processes records from stream and queue-based event
sources", "Configuring partial batch response with Kinesis".
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

ATTEMPTS = 5
AGE_MS = 6 * 3_600_000
STREAM = "arn:aws:kinesis:eu-west-1:123456789010:stream/tailrace-staging-logs"
# As long as the numbers of Kinesis are; soon they are longer by a digit.
FIRST = 10**56 - 40


@dataclass(frozen=True)
class Put:
    """A record as it stands in a shard."""

    sequence: int
    payload: bytes
    arrival_ms: int

    def as_event(self, shard: str) -> dict[str, Any]:
        """What Lambda hands over of it."""
        return {
            "kinesis": {
                "sequenceNumber": str(self.sequence),
                "data": base64.b64encode(self.payload).decode(),
                "approximateArrivalTimestamp": self.arrival_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventID": f"{shard}:{self.sequence}",
            "eventSourceARN": STREAM,
        }


@dataclass
class Shard:
    """One shard and how far the mapping is in it.

    done      records that are behind the checkpoint
    attempts  at the batch that begins there
    width     records of the next batch at most, while one that failed is halved; 0: any
    """

    name: str
    parent: "Shard | None" = None
    records: list[Put] = field(default_factory=list)
    done: int = 0
    attempts: int = 0
    width: int = 0

    @property
    def waits(self) -> bool:
        """Whether it has records that may be read now."""
        ready = self.parent is None or self.parent.done == len(self.parent.records)
        return ready and self.done < len(self.records)


# Calls the function with an event; None: it failed as a whole.
Call = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass
class Mapping:
    """The stream, and what was given up: shard name and record."""

    random: Random
    shards: list[Shard] = field(default_factory=list)
    given_up: list[tuple[str, Put]] = field(default_factory=list)
    _sequence: int = FIRST

    def __post_init__(self) -> None:
        for _ in range(self.random.choice((1, 2, 3))):
            self._open(None)

    def _open(self, parent: Shard | None) -> None:
        self.shards.append(Shard(f"shardId-{len(self.shards):012d}", parent))

    def put(self, key: int, payload: bytes, arrival_ms: int) -> tuple[str, int]:
        """Put a record into an open shard; shard name and sequence number."""
        parents = [shard.parent for shard in self.shards]
        shards = [shard for shard in self.shards if shard not in parents]
        shard = shards[key % len(shards)]
        # Numbers rise, and grow longer at times.
        self._sequence += self.random.choice((1, 7, 10**55))
        shard.records.append(Put(self._sequence, payload, arrival_ms))
        return shard.name, self._sequence

    def split(self) -> None:
        """Split an open shard: what it holds stays, its children take what comes."""
        parents = [shard.parent for shard in self.shards]
        shard = self.random.choice([each for each in self.shards if each not in parents])
        self._open(shard)
        self._open(shard)

    def waiting(self) -> list[Shard]:
        """Shards with records that may be read."""
        return [shard for shard in self.shards if shard.waits]

    def step(self, shard: Shard, call: Call, now_ms: int) -> None:
        """Call the function with the next batch of a shard, and do as it answers."""
        size = shard.width or self.random.choice((1, 2, 3, 5, 10))
        batch = shard.records[shard.done : shard.done + size]
        old = now_ms - batch[0].arrival_ms > AGE_MS
        if shard.attempts > ATTEMPTS or (old and shard.attempts):
            self._give_up(shard, batch)
            return
        answer = call({"Records": [record.as_event(shard.name) for record in batch]})
        failed = None if answer is None else _lowest(answer, batch)
        if answer is not None and failed is None:
            shard.done += len(batch)
            shard.attempts = shard.width = 0
            return
        if failed:
            # What comes before it is done; from there on it is a batch of its own.
            shard.done += failed
            shard.attempts, shard.width = 1, len(batch) - failed
        elif len(batch) > 1:
            shard.width = len(batch) // 2
        else:
            shard.width = 1
            shard.attempts += 1

    def _give_up(self, shard: Shard, batch: Sequence[Put]) -> None:
        self.given_up += [(shard.name, record) for record in batch]
        shard.done += len(batch)
        shard.attempts = shard.width = 0


def _lowest(answer: dict[str, Any], batch: Sequence[Put]) -> int | None:
    """Place in the batch of the lowest number that is reported; None: the whole is done.

    What is reported wrongly fails the whole batch.
    """
    failures = answer["batchItemFailures"]
    if not failures:
        return None
    places = {str(record.sequence): place for place, record in enumerate(batch)}
    return min(places.get(each["itemIdentifier"], 0) for each in failures)
