"""What is asked for, cut into batches that one call of the function is meant to take.

The id of a request follows from the request: who asks for the same again goes on with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.documents import Count
from pipeline.schema import HOUR_MS
from pipeline.triggers import MOST_MS

ID_CHARACTERS = 12
# Of gzipped flow logs a minute's work; in objects, so that many small ones do not take longer.
MOST_BYTES, MOST_OBJECTS = 128 << 20, 200

# Plans are judged when they are read, as what is asked for is.
Time = Annotated[int, Meta(ge=0, le=MOST_MS)]


class Request(msgspec.Struct, frozen=True):
    """What is to be brought in: objects of a bucket, or records of a stream.

    bucket   of objects, below `prefix`; "" for the stream
    stream   ARN of a stream of Kinesis; "" for objects
    from_ms  when an object was stored, or a record arrived; epoch milliseconds, half open
    source   only what this source reads; "" for all
    """

    bucket: str = ""
    prefix: str = ""
    stream: str = ""
    from_ms: Time = 0
    to_ms: Time = MOST_MS
    source: str = ""

    @property
    def id(self) -> str:
        """Its name, the same for the same request."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:ID_CHARACTERS]

    def holds(self, at_ms: int) -> bool:
        """Whether a time is one of those that are asked for."""
        return self.from_ms <= at_ms < self.to_ms


class Object(msgspec.Struct, frozen=True, array_like=True):
    """An object of a plan, by what S3's list says of it."""

    key: str
    bytes: Count
    stored_ms: Time


class Slice(msgspec.Struct, frozen=True):
    """Records of a shard by their arrival, half open."""

    shard: str
    from_ms: Time
    to_ms: Time


class Batch(msgspec.Struct, frozen=True):
    """What one state of the machine takes: some objects, or a slice of a shard."""

    number: int
    objects: tuple[Object, ...] = ()
    slice: Slice | None = None


class Part(msgspec.Struct, frozen=True):
    """A piece of a plan, batches by their numbers."""

    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What parts of a plan hold already."""

    objects: frozenset[tuple[str, int]]
    slices: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> "Known":
        """What some parts hold."""
        batches = [batch for part in parts for batch in part.batches]
        return cls(
            frozenset((each.key, each.stored_ms) for one in batches for each in one.objects),
            # By their ends: the first hour begins where the stream's retention does, ever later.
            frozenset((one.slice.shard, one.slice.to_ms) for one in batches if one.slice),
        )


def batches_of(objects: Iterable[Object], first: int) -> Iterator[Batch]:
    """Objects in batches, in their order; the first batch has the number `first`."""
    mine: list[Object] = []
    size, number = 0, first
    for each in objects:
        if mine and (size + each.bytes > MOST_BYTES or len(mine) >= MOST_OBJECTS):
            yield Batch(number, tuple(mine))
            mine, size, number = [], 0, number + 1
        mine.append(each)
        size += each.bytes
    if mine:
        yield Batch(number, tuple(mine))


def slices_of(shards: Iterable[str], from_ms: int, to_ms: int) -> list[Slice]:
    """Hours of arrival of all shards; shard after shard within an hour, as each is read slowly."""
    names = list(shards)
    first, found = from_ms, []
    while first < to_ms:
        end = min((first // HOUR_MS + 1) * HOUR_MS, to_ms)
        found += [Slice(shard, first, end) for shard in names]
        first = end
    return found
