"""Counting: rows of a shard, in its order, into the counters and the boards that answer.

Each event counts once. A batch that comes again is told by the place of its last record, an event
that comes again in another record by its identity; both are kept with the counts in one step, so
that nothing that ends a process in between can lose or double a count.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.counters.board import KEPT_MINUTES, MINUTE_MS, MOST_KEYS, OTHER, Board, Counted
from pipeline.counters.counting import ARRIVAL, counts_of, may_count, titles_of
from pipeline.counters.declared import Ranking, all_rankings
from pipeline.counters.ports import Counters, Delta
from pipeline.counters.seen import REMEMBERED, Rows, Seen, fresh
from pipeline.errors import DeliveryError
from pipeline.schema import Table

# Under which what was seen is kept where one knows what was seen in all shards.
ALL_SHARDS = -1


@dataclass
class Tally:
    """The counters of a home or a function, and what they answer from.

    clock    seconds since the epoch
    answers  whether anybody asks it for a ranking; it keeps no boards otherwise
    most     keys of a ranking that boards take; what is beyond them counts as OTHER
    changes  how often what an answer is made from has changed
    others   by ranking: what it has counted so

    Raises DeliveryError where they cannot be read, HomeError where they never will be.
    """

    counters: Counters
    clock: Callable[[], float]
    boards: dict[str, Board] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    _places: dict[int, str] = field(default_factory=dict)
    _seen: dict[int, Seen] = field(default_factory=dict)
    # By page: the minute of its title.
    _titled: dict[str, int] = field(default_factory=dict)
    # Held while boards change, and by whoever answers from them in another thread.
    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: bool = True
    most: int = MOST_KEYS
    changes: int = 0
    others: dict[str, int] = field(default_factory=dict)
    _stale: bool = False

    def __post_init__(self) -> None:
        self._read()

    def _read(self) -> None:
        """Read what was counted of late; all that is known is of now then."""
        # Before the boards: what somebody else adds in between is on them, and moves the place, so
        # that all is read once more. The other way round it would be on no board.
        self._places = {shard: self.counters.place(shard) for shard in self._places}
        self._seen = {}
        if self.answers:
            self._read_boards()
        self._stale = False

    def _read_boards(self) -> None:
        since = self._minute() - KEPT_MINUTES
        boards = {name: Board(self.most) for name in all_rankings()}
        for name, board in boards.items():
            for counted in self.counters.counts(name, since):
                board.add(counted)
        titles = dict(self.counters.titles())
        self._titled = dict.fromkeys(titles, self._minute())
        with self.lock:
            self.boards.update(boards)
            self.titles.clear()
            self.titles.update(titles)
            self.changes += 1

    def place(self, shard: int) -> str:
        """Up to where a shard is counted; "" for nothing. Raises DeliveryError."""
        if self._stale:
            self._read()
        if shard not in self._places:
            # Before what was seen: what somebody else adds from here on moves the place, so that
            # nothing is added without having seen it.
            self._places[shard] = self.counters.place(shard)
        return self._places[shard]

    def _seen_before(self, shard: int, minute: int) -> Seen:
        """Identities that something which arrives in a shard in a minute may bring again."""
        since, named = minute - REMEMBERED, ALL_SHARDS if self.counters.whole else shard
        seen = self._seen.get(named)
        # A shard may lie further behind than those for which was remembered.
        if seen is None or since < seen.since:
            seen = Seen(since)
            for each, ids in self.counters.seen(shard, since):
                seen.add(each, ids)
            self._seen[named] = seen
        seen.need(shard, since)
        return seen

    def add(self, shard: int, place: str, rows: Sequence[Rows]) -> bool:
        """Count the rows of the records behind the shard's place, up to another place.

        False: somebody else has counted since; ask for the place again. Raises DeliveryError where
        they cannot be kept: then none is counted.
        """
        behind, (first, last) = self.place(shard), self._arrived(rows)
        seen = self._seen_before(shard, first)
        new, ids = fresh(seen, rows, _may_count)
        counts = self._counted(new)
        titles = _titles(new)
        delta = Delta(shard, behind, place, counts, ids, last, titles)
        try:
            added = self.counters.add(delta)
        except DeliveryError:
            # Its answer may have been lost.
            self._stale = True
            raise
        if not added:
            self._stale = True
            return False
        self._places[shard] = place
        seen.add(last, ids)
        if self.answers and (counts or titles):
            self._show(counts, titles, last)
        return True

    def _show(
        self, counts: Mapping[str, Sequence[Counted]], titles: Mapping[str, str], minute: int
    ) -> None:
        self._titled.update(dict.fromkeys(titles, minute))
        with self.lock:
            for name, some in counts.items():
                for counted in some:
                    self.boards[name].add(counted)
            self.titles.update(titles)
            self.changes += 1
        for name, some in counts.items():
            more = sum(_others(counted) for counted in some)
            if more:
                self.others[name] = self.others.get(name, 0) + more

    def tidy(self) -> None:
        """Forget what no window reaches any more. Raises DeliveryError."""
        before = self._minute() - KEPT_MINUTES
        # What is counted now may have come with what was seen then.
        self.counters.forget(before - REMEMBERED)
        for seen in self._seen.values():
            seen.relax()
        if not self.answers:
            return
        old = [key for key, minute in self._titled.items() if minute < before - REMEMBERED]
        for board in self.boards.values():
            # One at a time: who asks meanwhile waits for one.
            with self.lock:
                board.forget(before)
                self.changes += 1
        with self.lock:
            for key in old:
                del self.titles[key], self._titled[key]

    def _arrived(self, rows: Sequence[Rows]) -> tuple[int, int]:
        """First and last minute of arrival of some rows; now for none."""
        spans = [pc.min_max(some[ARRIVAL].cast(pa.int64())) for _, some in rows if len(some)]
        if not spans:
            return self._minute(), self._minute()
        first, last = (
            pick(each[name].as_py() for each in spans)
            for pick, name in ((min, "min"), (max, "max"))
        )
        return first // MINUTE_MS, last // MINUTE_MS

    def _counted(self, rows: Sequence[Rows]) -> dict[str, list[Counted]]:
        found: dict[str, list[Counted]] = {}
        for ranking in all_rankings().values():
            counts = list(_of(ranking, rows))
            if counts:
                board = self.boards.get(ranking.name)
                found[ranking.name] = board.limited(counts) if board else counts
        return found

    def _minute(self) -> int:
        return int(self.clock() * 1000) // MINUTE_MS


def _others(counted: Counted) -> int:
    pairs = zip(counted.keys, counted.counts.tolist(), strict=True)
    return sum(count for key, count in pairs if key == OTHER)


def _may_count(table: Table, rows: pa.Table) -> np.ndarray:
    """Mask of the rows that any ranking counts."""
    mask = np.zeros(len(rows), bool)
    for ranking in all_rankings().values():
        part = ranking.parts.get(table.name)
        if part is not None:
            mask |= may_count(ranking, part, rows)
    return mask


def _of(ranking: Ranking, rows: Sequence[Rows]) -> Iterator[Counted]:
    for table, some in rows:
        part = ranking.parts.get(table.name)
        if part is not None and len(some):
            yield from counts_of(ranking, part, some)


def _titles(rows: Sequence[Rows]) -> Mapping[str, str]:
    """The newest title of each key that has one."""
    found: dict[str, str] = {}
    for ranking in all_rankings().values():
        for table, some in rows:
            part = ranking.parts.get(table.name)
            if part is not None and part.title:
                found |= titles_of(part, some)
    return found
