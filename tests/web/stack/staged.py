"""A stage behind the page: one account of AWS in memory, whose Athena is DuckDB over its lake."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import httpx
import pyarrow as pa
from sqlglot import TokenType

from pipeline.presets import presets
from pipeline.queries.dialect.syntax import tokens_of
from pipeline.queries.engines.athena import Athena, place_of
from pipeline.queries.refresh import Objects, Refresh
from pipeline.settings import Settings
from pipeline.web.app import reading_app_of
from pipeline.web.models import StackHealth
from pipeline.web.stack.reader import StackReader, reader_of
from tests.carriers import ARRIVAL_MS
from tests.counters.account import TABLE, Account
from tests.deployed.cloud import Cloud
from tests.deployed.lake import Lake
from tests.deployed.staging import Staging, lines
from tests.queries.athena_service import Service

RESULTS = "tailrace-staging-results"
# Half an hour after what there is has come.
NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
SCANNED = 25_000_000
KINDS = {
    "string": "varchar",
    "int32": "integer",
    "int64": "bigint",
    "decimal128(38, 0)": "bigint",
    "double": "double",
    "bool": "boolean",
    "timestamp[us]": "timestamp",
    "timestamp[ms]": "timestamp",
    "date32[day]": "date",
}
Json = Mapping[str, Any]


@dataclass
class Stage(Cloud):
    """A stack; several queries may be on their way at once.

    started  texts of all that Athena was asked
    refuses  a text: what has it in its SQL Athena fails; "": nothing
    states   what it says of a query, one after the other, the last one for ever
    scanned  bytes that a query reads
    looked   done when somebody looks at a query
    """

    started: list[str] = field(default_factory=list)
    refuses: str = ""
    states: tuple[str, ...] = ("SUCCEEDED",)
    scanned: int = SCANNED
    looked: Callable[[], None] = lambda: None
    account: Account = field(default_factory=Account)
    runs: dict[str, Service] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def _StartQueryExecution(self, asked: Json) -> Json:
        text = _spelled(asked["QueryString"], asked.get("ExecutionParameters", []))
        with self.lock:
            self.started.append(text)
            number = f"{len(self.started):036}"
            failed = bool(self.refuses) and self.refuses in text
            assert isinstance(self.lake, Lake)
            table = pa.table({"x": [1]}) if failed else self.lake.answer(text)
            self.runs[number] = self._service(table, failed)
        return {"QueryExecutionId": number}

    def _GetQueryExecution(self, asked: Json) -> Json:
        self.looked()
        return self.runs[asked["QueryExecutionId"]].GetQueryExecution(asked)

    def _StopQueryExecution(self, asked: Json) -> Json:
        return self.runs[asked["QueryExecutionId"]].StopQueryExecution(asked)

    def _GetQueryResults(self, asked: Json) -> Json:
        return self.runs[asked["QueryExecutionId"]].GetQueryResults(asked)

    def _Query(self, asked: Json) -> Json:
        found: Json = self.account.answer("Query", dict(asked))[1]
        return found

    def _service(self, table: pa.Table, failed: bool) -> Service:
        columns = tuple((each.name, KINDS.get(str(each.type), "varchar")) for each in table.schema)
        rows = [tuple(_text(value) for value in row.values()) for row in table.to_pylist()]
        states = (*self.states[:-1], "FAILED") if failed else self.states
        reason = "Query exhausted resources at this scale factor" if failed else ""
        return Service(states, columns, rows, self.scanned, reason=reason)


def _spelled(text: str, values: list[str]) -> str:
    """The statement with its values where it says `?`."""
    found, done, left = "", 0, iter(values)
    for token in tokens_of(text):
        if token.token_type == TokenType.PLACEHOLDER:
            found += text[done : token.start] + next(left)
            done = token.end + 1
    return found + text[done:]


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


@dataclass
class Browser:
    """Asks the app itself, in one event loop as a server has it."""

    runner: asyncio.Runner
    transport: httpx.ASGITransport
    reader: StackReader

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.runner.run(self._get(path, named))

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport, base_url="http://page") as client:
            return await client.get(path, headers=headers)


@dataclass
class Shown:
    """The page of a stage; its clock is set by hand."""

    stage: Stage
    now: datetime = NOW
    ticks: float = 0.0

    def reader(self) -> StackReader:
        """What stands behind the routes."""
        made = reader_of(self.stage.session(), Settings(), "staging", lambda: self.now.timestamp())
        made.desk.answered.ticks = made.state.ticks = lambda: self.ticks
        return made

    @contextmanager
    def opened(self) -> Iterator["Browser"]:
        """A browser at the page."""
        reader = self.reader()
        with asyncio.Runner() as runner:
            app = reading_app_of(reader, None, StackHealth)
            yield Browser(runner, httpx.ASGITransport(app), reader)
        reader.queries.shutdown()
        reader.rankings.shutdown()

    def later(self, **length: float) -> None:
        """Let time go by."""
        self.now += timedelta(**length)
        self.ticks += timedelta(**length).total_seconds()

    def take(self, objects: Mapping[str, bytes]) -> None:
        """Answers of presets are there."""
        for key, content in objects.items():
            self.stage.put(RESULTS, key, content, self.now)

    def refreshing(self, minutes: int) -> Refresh:
        """What asks on schedule."""
        session = self.stage.session()
        objects = Objects(session.client("s3"), RESULTS)
        return Refresh(Athena(session, place_of(Settings(), "staging")), objects, minutes)

    def refresh(self, minutes: int = 15) -> int:
        """What the schedule does."""
        before = set(self.stage.objects)
        try:
            return self.refreshing(minutes).run(self.now)
        finally:
            for bucket, key in set(self.stage.objects) - before:
                self.stage.put(bucket, key, self.stage.objects[bucket, key][0], self.now)


def shown(folder: Path) -> Shown:
    """A stage to which three flows have come, with a table of counters."""
    staging = Staging(folder / "lake", Stage())
    staging.bring(lines(1, 2, 3), arrival_ms=ARRIVAL_MS)
    stage = staging.cloud
    assert isinstance(stage, Stage)
    stage.lake = Lake(staging.folder)
    stage.outputs |= {"ResultsBucket": RESULTS, "CountersTable": TABLE}
    stage.parameters |= {"PresetMinutes": "15", "ViewsPerSecond": "5", "RankingsPerSecond": "20"}
    return Shown(stage)


@cache
def asked_once() -> Mapping[str, bytes]:
    """The objects of all presets, by their keys, as the schedule makes them at `NOW`."""
    with TemporaryDirectory() as folder:
        made = shown(Path(folder))
        assert made.refresh() == len(presets())
        return {key: made.stage.objects[RESULTS, key][0] for key in made.stage.keys(RESULTS)}
