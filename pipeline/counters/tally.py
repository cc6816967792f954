"""Counting: rows of a shard, in its order, into the counters and the boards that answer.

Each event counts once. A batch that comes again is told by the place of its last record, an event
that comes again in another record by its identity; both are kept with the counts in one step, so
that nothing that ends a process in between can lose or double a count.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.counters.board import KEPT_MINUTES, MINUTE_MS, Board, Counted
from pipeline.counters.counting import ARRIVAL, counts_of
from pipeline.counters.declared import Ranking, all_rankings
from pipeline.counters.ports import Counters, Delta
from pipeline.errors import DeliveryError
from pipeline.schema import Table

# An event that is sent again after so many minutes is another one: it would be too late, had it
# a time. They are of arrival, not of counting: that may have stood still between the two.
REMEMBERED = 45
RECORD_ID = "record_id"

Rows = tuple[Table, pa.Table]


@dataclass(slots=True)
class _Seen:
    """Identities by minute of arrival, each array sorted."""

    by_minute: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))

    def add(self, minute: int, ids: np.ndarray) -> None:
        """Remember more; arrays double in size, so that few have to be looked through."""
        if not len(ids):
            return
        some = self.by_minute[minute]
        ids = np.sort(ids)
        while some and len(some[-1]) <= len(ids):
            ids = np.sort(np.concatenate([some.pop(), ids]))
        some.append(ids)

    def new(self, ids: np.ndarray) -> np.ndarray:
        """Mask of those that were not seen, the first of equal ones."""
        mask = np.zeros(len(ids), bool)
        mask[np.unique(ids, return_index=True)[1]] = True
        for some in self.by_minute.values():
            for known in some:
                at = np.searchsorted(known, ids)
                mask &= known[np.minimum(at, len(known) - 1)] != ids
        return mask

    def forget(self, before: int) -> None:
        """Forget the minutes before one."""
        for minute in [each for each in self.by_minute if each < before]:
            del self.by_minute[minute]


@dataclass
class Tally:
    """The counters of a home or a function, and what they answer from.

    clock    seconds since the epoch
    answers  whether anybody asks it for a ranking; it keeps no boards otherwise
    changes  how often what an answer is made from has changed

    Raises DeliveryError where they cannot be read.
    """

    counters: Counters
    clock: Callable[[], float]
    boards: dict[str, Board] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    _places: dict[int, str] = field(default_factory=dict)
    _seen: dict[int, _Seen] = field(default_factory=dict)
    # Held while boards change, and by whoever answers from them in another thread.
    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: bool = True
    changes: int = 0
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
        boards = {name: Board() for name in all_rankings()}
        for name, board in boards.items():
            for counted in self.counters.counts(name, since):
                board.add(counted)
        titles = self.counters.titles()
        with self.lock:
            self.boards.update(boards)
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

    def _seen_before(self, shard: int, minute: int) -> _Seen:
        """Identities of a shard that something which arrives in a minute may bring again."""
        if shard not in self._seen:
            seen = _Seen()
            for ids in self.counters.seen(shard, minute - REMEMBERED):
                seen.add(minute, ids)
            self._seen[shard] = seen
        self._seen[shard].forget(minute - REMEMBERED)
        return self._seen[shard]

    def add(self, shard: int, place: str, rows: Sequence[Rows]) -> bool:
        """Count the rows of the records behind the shard's place, up to another place.

        False: somebody else has counted some of them; ask for the place again. Raises DeliveryError
        where they cannot be kept: then none is counted.
        """
        behind, (first, last) = self.place(shard), self._arrived(rows)
        seen = self._seen_before(shard, first)
        fresh, ids = _fresh(seen, rows)
        counts = self._counted(fresh)
        titles = _titles(fresh)
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
        if not self.answers:
            return True
        if not counts and not titles:
            return True
        with self.lock:
            for name, some in counts.items():
                for counted in some:
                    self.boards[name].add(counted)
            self.titles.update(titles)
            self.changes += 1
        return True

    def tidy(self) -> None:
        """Forget what no window reaches any more. Raises DeliveryError."""
        before = self._minute() - KEPT_MINUTES
        # What is counted now may have come with what was seen then.
        self.counters.forget(before - REMEMBERED)
        if not self.answers:
            return
        titles = dict(self.counters.titles())
        with self.lock:
            self.titles.clear()
            self.titles.update(titles)
            for board in self.boards.values():
                board.forget(before)
            self.changes += 1

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
                found[ranking.name] = counts
        return found

    def _minute(self) -> int:
        return int(self.clock() * 1000) // MINUTE_MS


def _fresh(seen: _Seen, rows: Sequence[Rows]) -> tuple[list[Rows], np.ndarray]:
    """The rows of events that were not counted, and their identities."""
    found: list[Rows] = []
    ids = np.empty(0, np.int64)
    for table, some in rows:
        mine = some[RECORD_ID].combine_chunks().to_numpy()
        new = seen.new(mine) & ~np.isin(mine, ids)
        found.append((table, some if new.all() else some.filter(pa.array(new))))
        ids = np.concatenate([ids, mine[new]])
    return found, ids


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
                pairs = some.select([part.key, part.title]).to_pydict()
                found |= {
                    key: title
                    for key, title in zip(pairs[part.key], pairs[part.title], strict=True)
                    if key is not None and title
                }
    return found
