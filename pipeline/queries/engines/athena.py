"""Athena as the engine: a deployed stack's workgroup, through boto3.

Athena API Reference: StartQueryExecution, GetQueryExecution, StopQueryExecution, GetQueryResults.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.errors import NotConfigured, QueryFailed, UsageError
from pipeline.queries.dialect.athena import literal
from pipeline.queries.dialect.bounds import unbounded
from pipeline.queries.engines import Progress, Question, Statistics, athena_rows
from pipeline.queries.engines.athena_errors import fix_of, told
from pipeline.settings import Settings

if TYPE_CHECKING:
    import boto3
    import pandas as pd
    import pyarrow as pa
    from mypy_boto3_athena import AthenaClient

PAUSES_S = (0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
WORKING = ("QUEUED", "RUNNING")
DONE = ("SUCCEEDED", "FAILED", "CANCELLED")
# Quotas of Athena: a statement, and a value that is bound to it.
STATEMENT_BYTES = 262_144
VALUE_CHARACTERS = 1024
LEAST_BILLED = 10_000_000
TERABYTE = 1_000_000_000_000
STAGE = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where Athena is asked.

    reuse_minutes   age up to which the answer of an earlier run is taken; 0: never
    usd_per_tb      what a terabyte scanned costs
    full_scan       whether a text of SQL may read all days of a table
    """

    workgroup: str
    database: str
    reuse_minutes: int = 60
    usd_per_tb: float = 5.0
    full_scan: bool = False


def of_stage(settings: Settings, stage: str = "", full_scan: bool = False) -> "Athena":
    """The engine of a deployed stack.

    stage  "": the one in the settings. Raises NotConfigured without any, or without boto3.
    """
    stage = stage or settings.athena.stage
    if not stage:
        raise NotConfigured(
            "it is not said which stack Athena is to ask", "", "add --stage, or set athena.stage"
        )
    place = place_of(settings, stage, full_scan)
    return Athena(aws.session(settings.target), place)


def place_of(settings: Settings, stage: str, full_scan: bool = False) -> Place:
    """Where a stage's Athena is asked. Raises UsageError where it cannot be a stage."""
    if not STAGE.fullmatch(stage):
        raise UsageError(f"not a stage: {stage!r}", "", "write it like staging or production")
    named = settings.athena
    return Place(
        named.workgroup.replace("{stage}", stage),
        named.database.replace("{stage}", stage.replace("-", "_")),
        named.reuse_minutes,
        settings.prices.athena,
        full_scan,
    )


class Athena:
    """A workgroup of Athena; `pause` is given the seconds between two looks at a query."""

    name = "athena"

    def __init__(
        self, session: "boto3.Session", place: Place, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._session, self.place, self._pause = session, place, pause

    @contextmanager
    def start(self, question: Question) -> Iterator["Execution"]:
        """Start the question there; one that is left before it is done is stopped.

        Raises QueryFailed when Athena does not take it, NotConfigured when it cannot be asked.
        """
        text, names = question.for_athena
        if not (question.query.path or self.place.full_scan):
            _check_days(text)
        if len(text.encode()) > STATEMENT_BYTES:
            raise QueryFailed("Athena takes no statement of more than 256 KiB", question.where, "")
        request: dict[str, Any] = {
            "QueryString": text,
            "QueryExecutionContext": {"Database": self.place.database},
            "WorkGroup": self.place.workgroup,
            "ClientRequestToken": str(uuid.uuid4()),
        }
        if names:
            request["ExecutionParameters"] = [_bound(question, name) for name in names]
        if self.place.reuse_minutes:
            age = {"Enabled": True, "MaxAgeInMinutes": self.place.reuse_minutes}
            request["ResultReuseConfiguration"] = {"ResultReuseByAgeConfiguration": age}
        with told(question.where):
            client = self._session.client("athena", config=aws.patience())
            query_id = client.start_query_execution(**request)["QueryExecutionId"]
        running = Execution(
            self._session, client, self.place, question, query_id, self._pause, PAUSES_S[0]
        )
        try:
            yield running
        except BaseException as error:
            try:
                running.leave()
            except QueryFailed as left:
                error.add_note(str(left))
            raise
        running.leave()


def _check_days(sql: str) -> None:
    tables = unbounded(sql)
    if tables:
        raise UsageError(
            f"the SQL reads all days of {', '.join(tables)}",
            "Athena bills what it scans",
            "add WHERE dt >= '2026-11-25' (or BETWEEN); to pay for all of it: --full-scan",
        )


def _bound(question: Question, name: str) -> str:
    text = literal(question.values[name])
    if len(text) > VALUE_CHARACTERS:
        raise UsageError(
            f"the value of {name} is longer than Athena takes", "", f"{VALUE_CHARACTERS} characters"
        )
    return text


@dataclass(slots=True)
class Execution:
    """A query execution; `seen` is what GetQueryExecution said of it last."""

    session: "boto3.Session"
    client: "AthenaClient"
    place: Place
    question: Question
    id: str
    pause: Callable[[float], None]
    pause_s: float
    seen: Any = None
    stopping: bool = False

    def poll(self) -> Progress:
        """Look at it, after a pause that grows; the first look comes at once.

        Raises QueryFailed when it has failed or somebody has cancelled it.
        """
        if self.seen is not None:
            self.pause(self.pause_s)
            self.pause_s = next((each for each in PAUSES_S if each > self.pause_s), PAUSES_S[-1])
        progress = self._look()
        if progress.done and progress.state != "SUCCEEDED":
            raise self._failed(progress.state)
        return progress

    def cancel(self) -> None:
        """Stop it, and come back when Athena says that it is done, or after some looks.

        Raises QueryFailed when Athena does not stop it.
        """
        self.stopping = True
        try:
            with told(self.where):
                self.client.stop_query_execution(QueryExecutionId=self.id)
        except QueryFailed as error:
            fix = f"it may go on, and be billed: aws athena stop-query-execution {self._named}"
            raise QueryFailed(error.what, error.where, fix) from error
        for pause_s in PAUSES_S:
            if self._look().done:
                return
            self.pause(pause_s)

    def leave(self) -> None:
        """Stop it when it is not done: nobody waits for it any more, but it would be billed."""
        done = self.seen is not None and self.seen["Status"]["State"] in DONE
        if not done and not self.stopping:
            self.cancel()

    def pages(self) -> "Iterator[pa.Table]":
        """The rows by the thousand (GetQueryResults gives no more at once)."""
        with told(self.where):
            yield from athena_rows.tables(self.client, self.id)

    def frame(self) -> "pd.DataFrame":
        """The rows as a pandas frame, from the file that Athena wrote to S3."""
        import awswrangler
        from awswrangler import exceptions

        try:
            with told(self.where):
                return awswrangler.athena.get_query_results(self.id, boto3_session=self.session)
        except exceptions.NoFilesFound as error:
            fix = "the result has expired: ask again"
            raise QueryFailed("the result is not in S3 any more", self.where, fix) from error
        except (exceptions.UnsupportedType, exceptions.UndetectedType) as error:
            fix = "CAST that column to varchar"
            raise QueryFailed(f"no frame can hold this: {error}", self.where, fix) from error

    def statistics(self) -> Statistics:
        """What it cost: bytes scanned at the rate of the place, at least 10 MB of them.

        One that failed is not billed, one that was broken off is. Source: "Amazon Athena Pricing".
        """
        seen = self.seen or {}
        said, state = seen.get("Statistics", {}), seen.get("Status", {}).get("State")
        reused = said.get("ResultReuseInformation", {}).get("ReusedPreviousResult", False)
        scanned = said.get("DataScannedInBytes", 0)
        billed = 0 if reused or state == "FAILED" else max(scanned, LEAST_BILLED)
        usd = billed / TERABYTE * self.place.usd_per_tb
        return Statistics(scanned, usd, reused, self.id, dated=False)

    @property
    def where(self) -> str:
        """Where it stands, for an error."""
        return f"{self.question.where}, query {self.id} in {self.place.workgroup}"

    @property
    def _named(self) -> str:
        return f"--query-execution-id {self.id}"

    def _look(self) -> Progress:
        with told(self.where):
            found = self.client.get_query_execution(QueryExecutionId=self.id)["QueryExecution"]
            state = found["Status"]["State"]
        self.seen = found
        if state not in (*WORKING, *DONE):
            raise QueryFailed(f"Athena says a state that is none: {state}", self.where, "ask again")
        scanned = self.seen.get("Statistics", {}).get("DataScannedInBytes", 0)
        return Progress(state, state in DONE, scanned)

    def _failed(self, state: str) -> QueryFailed:
        reason = self.seen["Status"].get("StateChangeReason") or f"the query is {state.lower()}"
        return QueryFailed(reason.splitlines()[0], self.where, fix_of(reason, state))
