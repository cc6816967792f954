"""The port of the page, filled by a deployed stack."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.counters.table import CountersTable
from pipeline.counters.warm import Warm
from pipeline.deployed.asking import Asking
from pipeline.deployed.doctor import glanced
from pipeline.deployed.newest import Newest
from pipeline.deployed.patient import Patient
from pipeline.deployed.ranked import rankings_of
from pipeline.deployed.stage import Deployed, find
from pipeline.queries.engines import Engine, Question
from pipeline.queries.engines.athena import Athena, place_of
from pipeline.queries.refresh import Objects
from pipeline.settings import Settings
from pipeline.web.reader import Price, Reader
from pipeline.web.stack.answered import Answered
from pipeline.web.stack.engine import Desk, Paying, limit_of
from pipeline.web.stack.health import Health, Look
from pipeline.web.stack.ranking import Rankings

if TYPE_CHECKING:
    import boto3

# Athena works on several at once, and bills what is broken off as well.
QUERIES_AT_ONCE, PATIENCE_S = 5, 300.0


@dataclass(kw_only=True)
class StackReader(Reader):
    """What the page asks of a stack."""

    desk: Desk
    state: Health

    def engine(self, most_usd: float) -> Engine:
        """What is there, or Athena for at most so many USD."""
        return Paying(self.desk, most_usd)

    def price(self, question: Question) -> Price:
        """What Athena would bill. Raises TailraceError where AWS does not tell."""
        return self.desk.price(question)

    def health(self) -> tuple[int, dict[str, Any]]:
        """Whether the stack is well. Raises TailraceError where AWS does not tell."""
        return self.state.answer()


def reader_of(
    session: "boto3.Session",
    settings: Settings,
    stage: str,
    clock: Callable[[], float] = time.time,
) -> StackReader:
    """What the page asks of a stage's stack; `clock`: seconds since the epoch.

    Raises UsageError where it cannot be a stage, NotConfigured where there is no stack or nobody
    is known to AWS, TailraceError where CloudFormation does not tell.
    """
    deployed, place = find(session, stage), place_of(settings, stage)
    now, ticks = partial(_now, clock), time.monotonic
    athena = Athena(session, place)
    limit = partial(limit_of, session, place.workgroup)
    answered = Answered(_objects(session, deployed), now, ticks)
    desk = Desk(athena, answered, place.usd_per_tb, limit)
    newest = Newest(session.client("s3", config=aws.patience()), deployed.lake_bucket)

    def look() -> Look:
        # As it is now: it may have been deployed anew.
        seen = find(session, stage)
        patient = Patient(seen, session, Asking(athena), now())
        return Look(seen, tuple(glanced(patient)), newest.at(now()))

    return StackReader(
        clock=clock,
        prices=settings.prices,
        queries=ThreadPoolExecutor(QUERIES_AT_ONCE, "query"),
        patience_s=PATIENCE_S,
        ranking=Rankings(_warm(session, deployed, clock), rankings_of(deployed)).answer,
        desk=desk,
        state=Health(look, desk.spent, now, ticks),
    )


def _objects(session: "boto3.Session", deployed: Deployed) -> Objects | None:
    bucket = deployed.outputs.get("ResultsBucket")
    return Objects(session.client("s3", config=aws.patience()), bucket) if bucket else None


def _warm(session: "boto3.Session", deployed: Deployed, clock: Callable[[], float]) -> Warm | None:
    table = deployed.outputs.get("CountersTable")
    if table is None:
        return None
    client = session.client("dynamodb", config=aws.patience())
    return Warm(CountersTable(client, table), clock)


def _now(clock: Callable[[], float]) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)
