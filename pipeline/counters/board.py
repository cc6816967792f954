"""The counts of one ranking in memory, by minute; and which keys are first in a window of minutes.

An answer is exact, not of a sketch. A window's sums are kept from one answer to the next and moved
along with the time, so that an answer costs one look at the sums, not one at each minute: measured
with 100,000 keys, 1 ms instead of 27. To forget a minute costs as much as that minute has keys.

What anybody may send must neither wrap nor fill the memory: counts stop at MOST_COUNT, and where
there is no room for more keys, new ones count together as OTHER, so that totals stay exact.

Source: performance figures of exact counters against sketches are in DECISIONS.md.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

MINUTE_MS = 60_000
# Whole numbers up to here are exact in JSON, whoever reads it (RFC 8259, section 6). Sums of a
# window, of all kinds, stay below 2^63.
MOST_COUNT = 2**53 - 1
# What keys beyond the most count as; no page is called so.
OTHER = "(other)"
MOST_KEYS = 500_000
# Two windows of an hour, and minutes that late events may still come into.
KEPT_MINUTES = 160
MOST_MINUTES = 60
TREND = 10
# Kinds that a caller may leave out, by their bits: programs, and what belongs to a page.
BOT, ASSET = 1, 2
KINDS = 4
ALL = tuple(range(KINDS))
# Sums of windows, and prefixes, that were asked for last.
SUMS = 8
Name = TypeVar("Name")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of one minute: `keys`, the kind of each and how many.

    minute  since 1970
    """

    minute: int
    keys: Sequence[str]
    kinds: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, slots=True)
class Item:
    """A key among the first ones of a window.

    rank, previous_rank  equal counts share one; None: it was not there
    trend                counts of the last ten minutes, oldest first
    """

    rank: int
    key: str
    count: int
    share: float
    previous_rank: int | None
    trend: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Top:
    """The first keys of a window of minutes, half open, and the sum of all of its keys."""

    first: int
    end: int
    total: int
    items: tuple[Item, ...]


@dataclass(slots=True)
class _Sum:
    """Counts of some minutes by place, half open; a place is that of a key and a kind."""

    first: int
    end: int
    counts: np.ndarray


@dataclass(slots=True)
class Board:
    """Counts of one ranking; for one thread at a time.

    most  keys that it takes; what it was given before it was asked may be more
    """

    most: int = MOST_KEYS
    _places: dict[str, int] = field(default_factory=dict)
    _keys: list[str] = field(default_factory=list)
    # Of keys that were forgotten: new ones take their places.
    _free: list[int] = field(default_factory=list)
    # By place: in how many minutes it is.
    _held: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    # By minute: places, and counts of them; each place once.
    _minutes: dict[int, dict[int, int]] = field(default_factory=dict)
    _sums: dict[tuple[int, int], _Sum] = field(default_factory=dict)
    # Which keys begin with a prefix.
    _masks: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, counted: Counted) -> None:
        """Add counts to a minute."""
        minute = self._minutes.setdefault(counted.minute, {})
        known, added = self._places, counted.counts
        places: list[int] = []
        new: list[int] = []
        counts = added.tolist()
        for key, kind, count in zip(counted.keys, counted.kinds.tolist(), counts, strict=True):
            at = known.get(key)
            if at is None:
                at = self._place_of(key)
            place = at * KINDS + kind
            before = minute.get(place)
            if before is None:
                before = 0
                new.append(place)
            now = before + count
            if now > MOST_COUNT:
                now, added = MOST_COUNT, added.copy()
                added[len(places)] = MOST_COUNT - before
            minute[place] = now
            places.append(place)
        self._held = _grown(self._held, len(self._keys))
        self._held[new] += 1
        for each in self._sums.values():
            if each.first <= counted.minute < each.end:
                each.counts = _grown(each.counts, len(self._keys))
                np.add.at(each.counts, places, added)

    def _place_of(self, key: str) -> int:
        """A place for a new key: that of one which was forgotten, or one more."""
        if not self._free:
            self._keys.append(key)
            at = len(self._keys) - 1
        else:
            at = self._free.pop()
            self._keys[at] = key
            for prefix, mask in self._masks.items():
                if at < len(mask):
                    mask[at] = key.startswith(prefix)
        self._places[key] = at
        return at

    def limited(self, counts: Sequence[Counted]) -> list[Counted]:
        """The same, but keys that are new and for which there is no room count as OTHER.

        Which these are depends on what came first.
        """
        room = self.most - len(self._places)
        if sum(len(counted.keys) for counted in counts) <= room:
            return list(counts)
        known, taken, found = self._places, {OTHER}, []
        for counted in counts:
            for key in counted.keys:
                if len(taken) <= room and key not in known:
                    taken.add(key)
            found.append(
                _with_others(counted, [key in known or key in taken for key in counted.keys])
            )
        return found

    @property
    def newest(self) -> int | None:
        """The newest minute that has counts; None for none."""
        return max(self._minutes, default=None)

    def newest_until(self, minute: int) -> int | None:
        """The newest minute that has counts, up to one; None for none."""
        return max((each for each in self._minutes if each <= minute), default=None)

    def forget(self, before: int) -> None:
        """Forget the minutes before one, and keys that no other has."""
        old = [minute for minute in self._minutes if minute < before]
        for minute in old:
            of = self._minutes.pop(minute)
            self._free_of(np.fromiter(of, np.int64, len(of)))
        # Nobody could take those minutes from a sum that moves on.
        self._sums = {named: each for named, each in self._sums.items() if each.first >= before}

    def _free_of(self, places: np.ndarray) -> None:
        """Forget the keys of some places of a minute that is gone, where no other has them."""
        self._held[places] -= 1
        keys = np.unique(places // KINDS)
        held = self._held[: len(self._keys) * KINDS].reshape(-1, KINDS)
        for at in keys[~held[keys].any(axis=1)].tolist():
            del self._places[self._keys[at]]
            # Nothing is counted at it in any sum that is left.
            self._keys[at] = ""
            self._free.append(at)

    def top(
        self, end: int, minutes: int, most: int, kinds: Sequence[int] = ALL, prefix: str = ""
    ) -> Top:
        """The first `most` keys of the minutes before `end`, in order; equal ones by their key.

        kinds   that are counted
        prefix  of the keys that are
        """
        now = self._of(end - minutes, end, kinds, prefix)
        before = self._of(end - 2 * minutes, end - minutes, kinds, prefix)
        total = _total(now)
        places = self._first(now, most)
        ranks = zip(_ranks(now, places), _ranks(before, places), strict=True)
        items = (
            Item(rank, self._keys[place], count, count / total, earlier, trend)
            for place, count, (rank, earlier), trend in zip(
                places, now[places].tolist(), ranks, self._trends(places, end, kinds), strict=True
            )
            if rank is not None
        )
        return Top(end - minutes, end, total, tuple(items))

    def _of(self, first: int, end: int, kinds: Sequence[int], prefix: str) -> np.ndarray:
        """Counts of some minutes by key."""
        by_kind = self._summed(first, end).reshape(-1, KINDS)
        counts: np.ndarray = by_kind[:, kinds[0]].copy()
        for kind in kinds[1:]:
            counts += by_kind[:, kind]
        if prefix:
            counts[~self._begins(prefix)] = 0
        np.minimum(counts, MOST_COUNT, out=counts)
        return counts

    def _begins(self, prefix: str) -> np.ndarray:
        """Mask of the keys that begin so; it grows with the keys."""
        known = self._masks.pop(prefix, np.zeros(0, bool))
        more = (key.startswith(prefix) for key in self._keys[len(known) :])
        mask = np.concatenate([known, np.fromiter(more, bool)])
        _keep(self._masks, prefix, mask)
        return mask

    def _summed(self, first: int, end: int) -> np.ndarray:
        """Sums of some minutes; those of the window that stood there before are moved."""
        # A window and the one before it each have their own, whatever minute it is.
        behind = (self.newest or 0) + 1 - end
        named = end - first, round(behind / (end - first))
        kept = self._sums.pop(named, None)
        if kept is None or not 0 <= first - kept.first <= end - first:
            kept = _Sum(first, first, np.zeros(0, np.int64))
        kept.counts = _grown(kept.counts, len(self._keys))
        for minute in range(kept.first, first):
            self._into(kept.counts, minute, -1)
        for minute in range(max(kept.end, first), end):
            self._into(kept.counts, minute, 1)
        _keep(self._sums, named, _Sum(first, end, kept.counts))
        return kept.counts[: len(self._keys) * KINDS]

    def _into(self, counts: np.ndarray, minute: int, sign: int) -> None:
        of = self._minutes.get(minute)
        if of:
            places = np.fromiter(of.keys(), np.int64, len(of))
            counts[places] += sign * np.fromiter(of.values(), np.int64, len(of))

    def _first(self, counts: np.ndarray, most: int) -> list[int]:
        """Places of the largest counts, in order; equal ones by their key."""
        there = _largest(counts, most)
        if len(there) > most:
            least = np.partition(counts[there], -most)[-most]
            above = there[counts[there] > least]
            equal = there[counts[there] == least]
            there = np.concatenate([above, self._by_key(equal, most - len(above))])
        return sorted(there.tolist(), key=lambda at: (-counts[at], self._keys[at]))

    def _by_key(self, places: np.ndarray, most: int) -> list[int]:
        # By code point, as SQL compares; where all counts are equal that is every key, which is
        # looked at and not copied.
        return heapq.nsmallest(most, places.tolist(), key=self._keys.__getitem__)

    def _trends(
        self, places: Sequence[int], end: int, kinds: Sequence[int]
    ) -> Iterator[tuple[int, ...]]:
        minutes: list[Mapping[int, int]] = [
            self._minutes.get(minute, {}) for minute in range(end - TREND, end)
        ]
        for place in places:
            at = [place * KINDS + kind for kind in kinds]
            yield tuple(min(sum(of.get(each, 0) for each in at), MOST_COUNT) for of in minutes)


def _with_others(counted: Counted, kept: Sequence[bool]) -> Counted:
    """The same, with one key instead of all those that are not kept; a kind of it once."""
    mask = np.array(kept)
    left = np.flatnonzero(~mask)
    if not len(left):
        return counted
    sums = np.bincount(counted.kinds[left], counted.counts[left], KINDS)
    kinds = np.flatnonzero(sums)
    return Counted(
        counted.minute,
        [
            *(key for key, keep in zip(counted.keys, kept, strict=True) if keep),
            *[OTHER] * len(kinds),
        ],
        np.concatenate([counted.kinds[mask], kinds]),
        np.concatenate([counted.counts[mask], clipped(sums[kinds])]),
    )


def clipped(sums: np.ndarray) -> np.ndarray:
    """int64 counts of sums of them in double: exact up to the most, which is all that is kept."""
    counts: np.ndarray = np.minimum(sums, MOST_COUNT).astype(np.int64)
    return counts


def _total(counts: np.ndarray) -> int:
    return int(clipped(counts.sum(dtype=np.float64)))


def _largest(counts: np.ndarray, most: int) -> np.ndarray:
    """Places of counts that may be among the largest: most counts are small, and far fewer left."""
    there = np.flatnonzero(counts)
    while len(there) > 4 * most:
        some = counts[there]
        above = there[some > some.mean()]
        if len(above) < most:
            break
        there = above
    return there


def _ranks(counts: np.ndarray, places: Sequence[int]) -> list[int | None]:
    """One more than how many have larger counts; None for a count of nothing."""
    some = counts[np.array(places, np.int64)]
    if not some.any():
        return [None] * len(some)
    larger = np.sort(counts[counts > some[some > 0].min()])
    ranks = len(larger) - np.searchsorted(larger, some, "right") + 1
    return [rank if there else None for rank, there in zip(ranks.tolist(), some > 0, strict=True)]


def _keep(kept: dict[Name, Value], name: Name, value: Value) -> None:
    """Keep what was asked for last, and no more than so much of it."""
    kept[name] = value
    while len(kept) > SUMS:
        del kept[next(iter(kept))]


def _grown(counts: np.ndarray, keys: int) -> np.ndarray:
    if keys * KINDS <= len(counts):
        return counts
    # Half as many again, or each new key would copy them all.
    more = keys * KINDS - len(counts) + keys * KINDS // 2
    return np.concatenate([counts, np.zeros(more, counts.dtype)])
