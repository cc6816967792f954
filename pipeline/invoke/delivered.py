"""What one copy of a function has delivered of late though it could not count it.

Such a batch comes again until it is counted, and mostly to the same copy: then it is not delivered
once more. Another copy knows nothing of it and delivers it, which landing shows and the view not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.triggers import Record


@dataclass(slots=True)
class Delivered:
    """By shard, from which sequence number to which one all was delivered."""

    _ranges: dict[int, tuple[int, int]] = field(default_factory=dict)

    def has(self, record: Record) -> bool:
        """Whether a record is known to be delivered."""
        if record.shard not in self._ranges:
            return False
        first, last = self._ranges[record.shard]
        return first <= int(record.position) <= last

    def note(self, records: Iterable[Record]) -> None:
        """Remember that all of a batch is delivered, beside what it is a part of."""
        noted: dict[int, tuple[int, int]] = {}
        for each in records:
            place = int(each.position)
            first, last = noted.get(each.shard, (place, place))
            noted[each.shard] = (min(first, place), max(last, place))
        for shard, (first, last) in noted.items():
            before = self._ranges.get(shard, (first, last))
            if before[0] <= last and first <= before[1]:
                first, last = min(first, before[0]), max(last, before[1])
            self._ranges[shard] = (first, last)
