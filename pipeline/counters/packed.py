"""Counts packed into bytes, as an item of a table holds them, and added up."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from pipeline.counters.board import MOST_COUNT, Counted
from pipeline.errors import DeliveryError

# Most of what is won, for a third of the time: a batch is packed once a second and shard.
LEVEL = 1

# Minute, keys, kinds, counts.
_Minute = tuple[int, list[str], list[int], list[int]]


class Content(msgspec.Struct, array_like=True, frozen=True):
    """What some records add: counts by ranking, and the newest title of each page."""

    counts: dict[str, list[_Minute]]
    titles: dict[str, str]

    def of(self, ranking: str) -> Iterator[Counted]:
        """Counts of a ranking."""
        for minute, keys, kinds, counts in self.counts.get(ranking, ()):
            yield Counted(minute, keys, np.array(kinds, np.int64), np.array(counts, np.int64))


# Made here and not at the first use: msgspec 0.22 dies where two threads have theirs at once.
_contents = msgspec.msgpack.Decoder(Content)


def content_of(counts: Mapping[str, Sequence[Counted]], titles: Mapping[str, str]) -> Content:
    """Content of counts by ranking."""
    minutes = {
        ranking: [(of.minute, list(of.keys), of.kinds.tolist(), of.counts.tolist()) for of in some]
        for ranking, some in counts.items()
    }
    return Content(minutes, dict(titles))


def combined(contents: Iterable[Content]) -> Content:
    """Contents added up, in their order: a minute of a ranking once, and a key of it once."""
    sums: dict[str, dict[int, dict[tuple[str, int], int]]] = defaultdict(lambda: defaultdict(dict))
    titles: dict[str, str] = {}
    for content in contents:
        titles |= content.titles
        for ranking, minutes in content.counts.items():
            for minute, keys, kinds, counts in minutes:
                found = sums[ranking][minute]
                for each, count in zip(zip(keys, kinds, strict=True), counts, strict=True):
                    found[each] = min(found.get(each, 0) + count, MOST_COUNT)
    counted: dict[str, list[_Minute]] = {
        ranking: [(minute, *_columns(of)) for minute, of in sorted(found.items())]
        for ranking, found in sums.items()
    }
    return Content(counted, titles)


def _columns(sums: Mapping[tuple[str, int], int]) -> tuple[list[str], list[int], list[int]]:
    return [key for key, _ in sums], [kind for _, kind in sums], list(sums.values())


def packed(content: Content) -> bytes:
    """Content as bytes."""
    return zlib.compress(msgspec.msgpack.encode(content), LEVEL)


def unpacked(data: bytes, where: str) -> Content:
    """Content of bytes. Raises DeliveryError for bytes that hold none."""
    try:
        return _contents.decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError) as error:
        fix = "delete the table: what is counted begins anew with what the stream holds"
        raise DeliveryError(f"counts cannot be read: {error}", where, fix) from error
