"""Days that are swapped while queries run: each answer is by the old version or by the new one.

A query reads curated twice: what is shown, and what of landing is left out because it is there. An
answer of one version beside the other would lack what was folded last; that it would show here is
asked first.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from time import monotonic
from typing import Any

from pipeline.lake import glue
from pipeline.lake.tables import all_tables
from pipeline.lake.views import names
from tests.trino.metastore import LAKE, Metastore
from tests.trino.server import Trino

TABLE = "vpc_flow"
SUMS = "count(*), sum(bytes), sum(record_id % 1000003), max(event_time)"
# Answers in the midst of which a day was swapped, and how long they may take to come.
WANTED, WITHIN_S = 50, 300.0
ASKING = 3
EVERY_S = 0.05


@dataclass
class Swaps:
    """A day of flows between two versions.

    watermark  of the views; landing from it on is in the newer version, and not in the older
    """

    trino: Trino
    store: Metastore
    watermark: datetime
    day: str
    older: str
    newer: str
    done: int = 0
    answers: int = 0
    met: int = 0
    wrong: list[str] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def mixed(self) -> list[list[Any]]:
        """What would be answered by the older version, with landing left out by the newer."""
        table = all_tables()[TABLE]
        shown = f"{TABLE}{glue.CURATED_FILES}"
        parts = glue.views(table, self.watermark)[TABLE].split(shown)
        assert len(parts) == 3, parts
        text = parts[0] + self._only(self.older) + parts[1] + self._only(self.newer) + parts[2]
        return self.trino.execute(f"SELECT {SUMS} FROM ({text}) WHERE dt = '{self.day}'").rows  # noqa: S608 - own words

    def ask(self) -> list[list[Any]]:
        """What the view says of the day."""
        return self.trino.execute(f"SELECT {SUMS} FROM {TABLE} WHERE dt = '{self.day}'").rows  # noqa: S608 - own words

    def run(self, right: list[list[Any]]) -> None:
        """Ask and swap until enough answers have met a swap, or the time is up; newer at last."""
        until = monotonic() + WITHIN_S
        with ThreadPoolExecutor(ASKING) as pool, self._ending():
            asking = [pool.submit(self._ask_on, right) for _ in range(ASKING)]
            while self.met < WANTED and monotonic() < until and not self.wrong:
                if any(each.done() for each in asking):
                    break
                for version in (self.older, self.newer):
                    self._show(version)
                    self._over.wait(EVERY_S)
        for each in asking:
            each.result()

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._over.set()

    def _ask_on(self, right: list[list[Any]]) -> None:
        while not self._over.is_set():
            before = self.done
            found = self.ask()
            self.answers += 1
            self.met += self.done > before
            if found != right:
                self.wrong.append(f"{found}, not {right}")

    def _show(self, version: str) -> None:
        folder = glue.location_of(all_tables()[TABLE], LAKE, self.day, version)
        self.store.set_partitions({TABLE: {self.day: folder.removeprefix(f"{LAKE}/").rstrip("/")}})
        self.done += 1

    def _only(self, version: str) -> str:
        where = f"dt = '{self.day}' AND {glue.VERSION} = '{version}'"
        columns = names(all_tables()[TABLE])
        return f"(SELECT {columns}, dt FROM {TABLE}{glue.VERSIONS} WHERE {where})"  # noqa: S608 - own words
