"""Answers that are there already: of presets, and of what somebody has paid for before."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

from pipeline import queries
from pipeline.errors import QueryFailed
from pipeline.presets import Preset, presets
from pipeline.queries.engines import Question
from pipeline.queries.engines.stored import Stored
from pipeline.queries.refresh import Objects
from pipeline.queries.window import TYPES

# For so long nobody looks whether an object has changed; all viewers of a process share it.
LOOKED_S = 30.0
# What was paid for stays good for so long; the page shows its age.
PAID_FOR = timedelta(hours=1)
MOST_PAID = 64
# A window that ends so near to now is one that ends now.
NOW = timedelta(seconds=2)
Key = tuple[str, tuple[tuple[str, str], ...], timedelta | tuple[datetime, datetime] | None]


def key_of(question: Question, now: datetime) -> Key:
    """The same for the same question: a window that ends now counts by its length."""
    params = tuple(
        sorted((name, str(it)) for name, it in question.values.items() if name not in TYPES)
    )
    window = question.window
    if window is None:
        return question.query.name, params, None
    if abs(window.to_time - now) <= NOW:
        # Whole seconds: both ends are cut to milliseconds.
        length = timedelta(seconds=round((window.to_time - window.from_time).total_seconds()))
        return question.query.name, params, length
    return question.query.name, params, (window.from_time, window.to_time)


@cache
def _known() -> dict[Key, Preset]:
    """Presets by the question that they answer."""
    now = datetime.fromisoformat("2026-01-01T00:00Z")
    found = {}
    for each in presets():
        window = queries.parse(now, since=each.since)
        question = queries.ask(each.name, params=dict(each.params), window=window, now=now)
        found[key_of(question, now)] = each
    return found


@dataclass
class Answered:
    """What need not be asked again; several threads may ask it.

    objects  of the presets; None: the stack has none
    clock    the time, in UTC; ticks: seconds that only ever grow
    """

    objects: Objects | None
    clock: Callable[[], datetime]
    ticks: Callable[[], float]
    _looked: dict[Preset, tuple[float, Stored | None]] = field(default_factory=dict)
    _paid: OrderedDict[Key, Stored] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, question: Question) -> Stored | None:
        """An answer to the question, the newest there is; None where it has to be asked.

        Raises TailraceError where S3 does not tell.
        """
        key = key_of(question, self.clock())
        preset = _known().get(key)
        with self._lock:
            paid = self._paid.get(key)
        if paid is not None and self._age(paid) > PAID_FOR:
            paid = None
        kept = self._preset(preset) if preset else None
        if paid is not None and kept is not None:
            return min(paid, kept, key=self._age)
        return paid or kept

    def keep(self, question: Question, stored: Stored, asked: datetime) -> None:
        """Keep what was asked of Athena.

        asked  when: by the time of the answer no window ends now any more
        """
        with self._lock:
            self._paid[key_of(question, asked)] = stored
            if len(self._paid) > MOST_PAID:
                self._paid.popitem(last=False)

    def like(self, question: Question) -> Iterator[Stored]:
        """Answers of the same query, whatever its parameters and window."""
        name = question.query.name
        with self._lock:
            yield from [each for key, each in self._paid.items() if key[0] == name]
        for preset in dict.fromkeys(each for each in presets() if each.name == name):
            found = self._preset(preset)
            if found is not None:
                yield found

    def _preset(self, preset: Preset) -> Stored | None:
        with self._lock:
            looked, stored = self._looked.get(preset, (float("-inf"), None))
        if self.objects is None or self.ticks() - looked < LOOKED_S:
            return stored
        try:
            stored = self.objects.get(preset)
        except QueryFailed:
            # Damaged: it is made anew on schedule, and until then asked like any other.
            stored = None
        with self._lock:
            self._looked[preset] = self.ticks(), stored
        return stored

    def _age(self, stored: Stored) -> timedelta:
        made = stored.cost.made
        return self.clock() - made if made else timedelta()
