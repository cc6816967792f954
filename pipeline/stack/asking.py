"""Texts of SQL asked of an engine one after the other, and what they cost together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from pipeline.queries import engines
from pipeline.queries.engines import Engine, Statistics
from pipeline.queries.runner import answered, ask
from pipeline.settings import Settings


@dataclass
class Asking:
    """An engine, and the costs of what it was asked so far; `watch` is told how far each is."""

    engine: Engine
    now: datetime
    watch: engines.Watch = lambda progress: None
    costs: list[Statistics] = field(default_factory=list)

    def __call__(self, sql: str) -> Sequence[Mapping[str, Any]]:
        """The rows of an answer.

        Raises QueryFailed when the engine refuses it or breaks it off.
        """
        answer = answered(ask(sql=sql, now=self.now), self.engine, watch=self.watch)
        self.costs.append(answer.cost)
        rows: list[dict[str, Any]] = answer.table.to_pylist()
        return rows


def athena_of(settings: Settings, stage: str, now: datetime) -> Asking:
    """Athena of a stage. Its answers are fresh, and bounded by days of arrival, not of events."""
    from pipeline.queries.engines import athena

    fresh = msgspec.structs.replace(settings.athena, reuse_minutes=0)
    settings = msgspec.structs.replace(settings, athena=fresh)
    return Asking(athena.of_stage(settings, stage, full_scan=True), now)
