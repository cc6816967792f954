"""The port of the page, filled by a home that is read and never written to.

It runs beside whoever writes there, or after them.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.counters import reading
from pipeline.counters.answer import Asked, etag
from pipeline.counters.declared import all_rankings
from pipeline.queries.engines import Engine
from pipeline.settings import Limits, Prices
from pipeline.store import Store
from pipeline.store.lock import writer_of
from pipeline.web import answers
from pipeline.web.reader import Reader, Told


@dataclass(kw_only=True)
class HomeReader(Reader):
    """What the page asks of a home beside its writer.

    folder  of the home itself, or of the demo's inside it
    """

    folder: Path
    limits: Limits = field(default_factory=Limits)

    @property
    def root(self) -> Path:
        """The home."""
        return self.folder

    def engine(self, most_usd: float) -> Engine:
        """DuckDB over the home, which costs nothing."""
        from pipeline.queries.engines.duckdb import DuckDb

        del most_usd
        return DuckDb(self.folder, alone=True)

    def health(self) -> tuple[int, dict[str, Any]]:
        """How new what can be asked is, and who writes. Raises HomeError where nobody can tell."""
        with closing(Store(self.folder, writer=False)) as store:
            ((newest_ms,),) = store.rows("select max(arrival_ms) from ledger")
        return 200, {
            "status": "ok",
            "problem": "",
            "version": __version__,
            "home": "embedded",
            "time": _time(int(self.clock() * 1000)),
            "flush_seconds": self.limits.flush_seconds,
            "newest_arrival": _time(newest_ms),
            "rankings": list(all_rankings()),
            "presets": None,
            "writer": writer_of(self.folder),
        }

    def counted(self, asked: Asked) -> Told:
        """A ranking as it is now. Raises NotConfigured where nothing was ever counted."""
        told = reading.read(self.folder, asked, int(self.clock() * 1000))
        return Told((0, 0), answers.as_json(told), etag(told))


def reader_of(folder: Path, limits: Limits, prices: Prices, clock: Callable[[], float]) -> Reader:
    """What the page asks of a home; `clock`: seconds since the epoch."""
    made = HomeReader(folder=folder, limits=limits, prices=prices, clock=clock)
    made.ranking = made.counted
    return made


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
