"""Answers that are kept for a moment, for callers who take one that is so old.

Nobody gets an old answer unasked: a caller says `Cache-Control: max-age=25`, as RFC 9111 has it
(section 5.2.1.1), and all who look at the same page share what the first of them made.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b

MOST = 256
MOST_BYTES = 32 << 20
DIGEST_BYTES = 12
_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*([0-9]{1,9})\s*(?:,|$)", re.I)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it goes out.

    told  its bytes; `identity`: what of it makes it another one
    made  by the clock of the shelf
    """

    told: bytes
    kind: str
    identity: bytes
    made: float

    @property
    def etag(self) -> str:
        """Its tag."""
        return f'"{blake2b(self.identity, digest_size=DIGEST_BYTES).hexdigest()}"'


@dataclass
class Shelf:
    """Answers by what was asked, the oldest go first; for one event loop."""

    _held: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _coming: dict[str, "asyncio.Task[Kept]"] = field(default_factory=dict)
    _bytes: int = 0

    async def get(
        self, asked: str, oldest: float, make: Callable[[], Awaitable[Kept]], shared: bool
    ) -> Kept:
        """An answer that was made at `oldest` or later, else a new one.

        shared  whether to wait for one that is being made for somebody else
        """
        held = self._held.get(asked)
        if shared and held is not None and held.made >= oldest:
            return held
        task = self._coming.get(asked) if shared else None
        if task is None:
            task = asyncio.ensure_future(make())
            self._coming[asked] = task
            task.add_done_callback(lambda done: self._came(asked, done))
        # Who goes must not take the answer from the others.
        return await asyncio.shield(task)

    def _came(self, asked: str, done: "asyncio.Task[Kept]") -> None:
        if self._coming.get(asked) is done:
            del self._coming[asked]
        if done.cancelled() or done.exception() is not None:
            return
        self._drop(asked)
        kept = done.result()
        self._held[asked] = kept
        self._bytes += len(kept.told)
        while self._held and (len(self._held) > MOST or self._bytes > MOST_BYTES):
            self._drop(next(iter(self._held)))

    def _drop(self, asked: str) -> None:
        gone = self._held.pop(asked, None)
        self._bytes -= len(gone.told) if gone else 0


def max_age_of(cache_control: str) -> float | None:
    """Seconds that an answer may be old by this header; None where it does not say."""
    found = _AGE.search(cache_control)
    return float(found[1]) if found and "no-cache" not in cache_control.lower() else None
