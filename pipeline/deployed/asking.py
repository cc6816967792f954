"""Questions put to the stack's Athena, and what they cost altogether."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.queries.engines import Engine, Question, Watch
from pipeline.queries.engines.athena import Athena, place_of
from pipeline.queries.front_matter import SavedQuery
from pipeline.queries.runner import answered, ask
from pipeline.queries.window import Window
from pipeline.settings import Settings

if TYPE_CHECKING:
    import boto3


@dataclass(slots=True)
class Cost:
    """What some queries cost."""

    queries: int = 0
    seconds: float = 0.0
    bytes_scanned: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask; `watch` is told how far a query is."""

    engine: Engine
    watch: Watch = lambda progress: None
    cost: Cost = field(default_factory=Cost)

    def rows(self, sql: str, what: str) -> list[dict[str, Any]]:
        """The answer to a text of our own; `what` it is about, for an error.

        Raises NotConfigured where nobody can be asked, QueryFailed where the answer is refused.
        """
        # What has a path was written by us, and may read all days.
        return self._rows(Question(SavedQuery("audit", sql, path=Path(what)), None, {}))

    def saved(
        self, name: str, params: Mapping[str, object], window: Window
    ) -> list[dict[str, Any]]:
        """The answer to a saved query. Raises as `rows` does."""
        return self._rows(ask(name, params=params, window=window, now=window.to_time))

    def _rows(self, question: Question) -> list[dict[str, Any]]:
        answer = answered(question, self.engine, watch=self.watch)
        rows: list[dict[str, Any]] = answer.table.to_pylist()
        self.cost.queries += 1
        self.cost.seconds += answer.seconds
        self.cost.bytes_scanned += answer.cost.bytes_scanned
        self.cost.usd += answer.cost.usd
        return rows


def athena_of(session: "boto3.Session", settings: Settings, stage: str) -> Athena:
    """A stage's Athena, which reuses no answer: what was right an hour ago may not be now."""
    return Athena(session, replace(place_of(settings, stage), reuse_minutes=0))


def at(row: dict[str, Any], name: str) -> datetime | None:
    """A time of an answer; without a zone, in UTC."""
    found: datetime | None = row[name]
    return found


def whole(row: dict[str, Any], name: str) -> int:
    """A count of an answer; 0 for none."""
    return int(row[name] or 0)
