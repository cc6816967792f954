"""Counters of a stack: a DynamoDB table, where a batch is one transaction.

A shard has two logs: what its batches add, and the identities that they held; both go as far as
its place says. A third is made of the first, by `merge`: what each closed minute of arrival adds.
Two streams of a stack are counted, and both number their shards from 0: a log of page views has the
number alone as its name, one of logs `logs:` before it. Whoever reads or merges takes all of them.
Nothing is taken out of one log for another, so there is no moment at which a reader could find a
count twice or not at all: it takes the minutes that are merged, and the batches behind them.

    place#count  <log>              number, key, at, minute     how far each shard is counted
    place#merged <log>              the same; key: of the last batch that is merged
    count#<log>  <minute>#<number>  data                        counts of a batch, and titles
    seen#<log>   <minute>#<number>  data                        identities of a batch
    merged#<log> <minute>#<number>  data                        counts of a minute
    part#<name>  <number>           data                        what is too long for an item

Minutes are of arrival, by the clock of whoever counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from pipeline.counters.board import KEPT_MINUTES, Counted
from pipeline.counters.items import Item, Items, Place, after, start_of
from pipeline.counters.packed import Content, combined, content_of, packed, unpacked
from pipeline.counters.ports import Delta

COUNT, MERGED, SEEN = "count", "merged", "seen"
# What the names of a stream's logs begin with.
OF_VIEWS, OF_LOGS = "", "logs:"
# A view may say that it is of some minutes ahead: it arrives before the minute that it counts in.
AHEAD = 15
# What whoever reads just now has listed already must still be there.
SPARE = 20
# Minutes after which an item expires; TTL deletes it some time then, within days.
LIVES = KEPT_MINUTES + AHEAD + SPARE
# Minutes for which a title that was written is not written again; they are half of a batch else.
# With those of the longest window they are fewer than the minutes that are kept.
TITLED = 60
# Minutes: a call of a function that counts has had its time by then, but for the rarest.
MERGED_AFTER = 3


@dataclass(frozen=True, slots=True)
class News:
    """What was added to a shard.

    log     name of the shard's log
    minute  of arrival
    key     of the last batch in it; ask for what is behind it next
    """

    log: str
    minute: int
    key: str
    content: Content


@dataclass
class CountersTable:
    """The counters of a stack. Whoever writes a shard need not be alone: one of them does.

    client  of DynamoDB
    stream  whose shards are counted, OF_VIEWS or OF_LOGS; what is read is of both
    """

    client: Any
    table: str
    stream: str = OF_VIEWS
    _places: dict[int, Place] = field(default_factory=dict)
    # Titles that this process has written of late, and when.
    _titled: dict[str, tuple[str, int]] = field(default_factory=dict)
    _tidied: int = 0
    _before: int = 0

    def __post_init__(self) -> None:
        self.items = Items(self.client, self.table)

    def place(self, shard: int) -> str:
        """Up to where a shard is counted; "" for nothing."""
        self._places[shard] = found = self.items.place(COUNT, self._log(shard))
        return found.at

    def seen(self, shard: int, since: int) -> Iterator[np.ndarray]:
        """int64 identities that were seen in a minute of arrival or later."""
        first = start_of(max(since, self._before))
        for each in self.items.between(f"{SEEN}#{self._log(shard)}", first):
            yield np.frombuffer(self.items.data_of(each), "<i8")

    def add(self, delta: Delta) -> bool:
        """Add all of it at once, or nothing where the shard is counted up to elsewhere: false."""
        # Where this fails nobody knows how far the shard is counted: it is read anew next time.
        log, behind = self._log(delta.shard), self._places.pop(delta.shard, None)
        behind = behind or self.items.place(COUNT, log)
        if behind.at != delta.behind:
            return False
        place = behind.next(delta.minute, delta.place)
        titles = self._new_titles(delta.titles, place.minute)
        content = packed(content_of(delta.counts, titles))
        entries = [self._entry(COUNT, log, place, content)]
        if len(delta.seen):
            ids = delta.seen.astype("<i8").tobytes()
            entries.append(self._entry(SEEN, log, place, ids))
        if not self.items.append(COUNT, log, behind, place, *entries):
            return False
        self._places[delta.shard] = place
        self._titled |= {key: (title, place.minute) for key, title in titles.items()}
        return True

    def _new_titles(self, titles: Mapping[str, str], minute: int) -> dict[str, str]:
        if minute > self._tidied:
            since, self._tidied = minute - TITLED, minute
            self._titled = {key: of for key, of in self._titled.items() if of[1] > since}
        return {
            key: title for key, title in titles.items() if self._titled.get(key, ("",))[0] != title
        }

    def counts(self, ranking: str, since: int) -> Iterator[Counted]:
        """Counts of a ranking from a minute on, minute by minute."""
        since = max(since, self._before)
        news = self.news(max(0, since - AHEAD), {})
        for counted in combined(each.content for each in news).of(ranking):
            if counted.minute >= since:
                yield counted

    def titles(self) -> Mapping[str, str]:
        """Titles of pages, the newest of each."""
        newest = max((each.minute for each in self.items.places(COUNT).values()), default=0)
        news = self.news(max(self._before, newest - KEPT_MINUTES), {})
        found: dict[str, str] = {}
        for each in sorted(news, key=lambda each: each.minute):
            found |= each.content.titles
        return found

    def forget(self, before: int) -> None:
        """Tell nothing more of minutes before one; the table forgets them by itself."""
        self._before = max(self._before, before)

    def news(self, since: int, known: Mapping[str, str]) -> Iterator[News]:
        """What was added from a minute of arrival on, each log's in its order.

        known  by log: key of the last that is known; what is behind it is told
        """
        for log, place in self.items.places(COUNT).items():
            last = known.get(log, "")
            if place.key <= max(last, start_of(since)):
                continue
            if last < start_of(since):
                last = start_of(since)
                for each in self.items.between(f"{MERGED}#{log}", last):
                    yield (merged := self._news(log, each))
                    last = merged.key
            yield from self._behind(log, last, place.key)

    def merge(self, before: int) -> int:
        """Add up the batches of each minute of arrival before one; the number of minutes.

        So that a minute is added up once, all clocks should be past it: MERGED_AFTER. A batch that
        comes later still, of a clock that is behind or a transaction that takes long, stands behind
        what is merged: readers find it there, and it is merged by itself.

        Where it ends early the next call goes on; of two calls at once one does a minute.
        """
        places = self.items.places(COUNT)
        return sum(self._merge(log, before, place.key) for log, place in places.items())

    def _merge(self, log: str, before: int, newest: str) -> int:
        place, done = self.items.place(MERGED, log), 0
        # What nobody reads any more need not be there any more.
        first = max(place.key, start_of(max(0, before - KEPT_MINUTES - AHEAD)))
        batches = self._behind(log, first, min(newest, start_of(before)))
        for _, some in groupby(batches, lambda each: each.minute):
            minute = list(some)
            last = minute[-1]
            behind, place = place, Place(place.number + 1, last.key, last.key, last.minute)
            data = packed(combined(each.content for each in minute))
            entry = self._entry(MERGED, log, place, data)
            if not self.items.append(MERGED, log, behind, place, entry):
                break
            done += 1
        return done

    def _behind(self, log: str, key: str, last: str) -> Iterator[News]:
        """Batches behind one, up to the place that was read before, without a gap.

        A query may see of a transaction what is written already: a batch may be there a moment
        before the one that it stands behind. That is read next time.
        """
        number = _number(key)
        for each in self.items.between(f"{COUNT}#{log}", after(key), last):
            news = self._news(log, each)
            if number and _number(news.key) != number + 1:
                return
            number = _number(news.key)
            yield news

    def _news(self, log: str, entry: Item) -> News:
        key = entry["sk"]["S"]
        content = unpacked(self.items.data_of(entry), self.items.where)
        return News(log, int(key.partition("#")[0]), key, content)

    def _log(self, shard: int) -> str:
        return f"{self.stream}{shard}"

    def _entry(self, kind: str, log: str, place: Place, data: bytes) -> Item:
        expires = (place.minute + LIVES) * 60
        return self.items.entry(f"{kind}#{log}", place.key, data, expires)


def _number(key: str) -> int:
    """Number of a batch; 0 for the beginning of a minute."""
    return int(key.partition("#")[2] or 0)
