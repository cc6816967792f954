"""Shapes of the answers: for the description at /v1/openapi.json, nothing is checked by them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorText(_Model):
    """What failed, where, and what to do about it."""

    what: str
    where: str
    fix: str


class Error(_Model):
    """An answer to what cannot be done."""

    error: ErrorText


class Taken(_Model):
    """Where a body stands in the stream; it is durable."""

    shard: int = Field(ge=0)
    sequence: int = Field(ge=1)


class Worker(_Model):
    """The worker that empties the stream."""

    state: Literal["running", "holding", "stopped"]
    holding_since: str | None = Field(description="UTC; null while it does not hold")
    problem: str
    last_landed: str | None = Field(description="UTC; null before the first rows")
    rows: int = Field(ge=0, description="lines that became rows since the server started")
    rejected: int = Field(ge=0, description="lines that are kept with a reason")
    dropped: int = Field(ge=0, description="lines that mean nothing")


class Backlog(_Model):
    """What waits in the stream."""

    records: int = Field(ge=0)
    oldest_age_s: float | None = Field(description="null when nothing waits")


class Compaction(_Model):
    """Landing files become curated ones."""

    last_ended: str | None = Field(description="UTC; null before the first run")
    problem: str = Field(description="why the last run was not whole; empty when it was")


class Counting(_Model):
    """What is hot is counted."""

    state: Literal["reading", "running", "holding", "stopped"]
    holding_since: str | None = Field(description="UTC; null while it does not hold")
    problem: str = Field(description="why rankings stand still; empty while they do not")
    others: int = Field(
        ge=0, description="counted as (other) since the server started: there were too many keys"
    )


class Intake(_Model):
    """What writes posted records down."""

    failing_since: str | None = Field(description="UTC; null while log.db takes them")
    problem: str


class Presets(_Model):
    """Answers that are made on schedule."""

    ranges: list[str]
    minutes: int = Field(ge=0, description="how often that of the shortest range is; 0: never")


class Check(_Model):
    """A part of a stack that was looked at."""

    name: str
    ok: bool
    found: str
    fix: str


class Spent(_Model):
    """What was asked of Athena since the page was started."""

    queries: int = Field(ge=0)
    bytes_scanned: int = Field(ge=0)
    usd: float = Field(ge=0, description="estimated, by the rate in the settings")


class StackHealth(_Model):
    """Whether a deployed stack is well."""

    status: Literal["ok", "failing"]
    problem: str = Field(description="why the status is not ok; empty when it is")
    version: str
    home: Literal["aws"]
    stage: str
    region: str
    time: str = Field(description="of the clock of who answers, UTC")
    flush_seconds: float = Field(description="how long Firehose waits for more rows")
    newest_arrival: str | None = Field(
        description="of what has landed, UTC; null: nothing within a day"
    )
    rankings: list[str] = Field(description="that are counted as events come")
    presets: Presets
    checks: list[Check]
    spent: Spent


class HomeHealth(_Model):
    """How new a home is that is only read."""

    status: Literal["ok"]
    problem: str
    version: str
    home: Literal["embedded"]
    time: str = Field(description="of the clock of who answers, UTC")
    flush_seconds: float = Field(description="how long a record waits for others before it lands")
    newest_arrival: str | None = Field(description="of what has landed, UTC; null: nothing has")
    rankings: list[str] = Field(description="that are counted as events come")
    presets: Presets | None = Field(description="null: everything is asked when it is wanted")
    writer: str | None = Field(description="pid of who writes to it now; null: nobody")


class Health(_Model):
    """Whether the server takes records and they land."""

    status: Literal["ok", "holding", "stopped"]
    problem: str = Field(description="why the status is not ok; empty when it is")
    version: str
    pid: int
    home: Literal["embedded"]
    time: str = Field(description="of the server's clock, UTC")
    flush_seconds: float = Field(description="how long a record waits for others before it lands")
    newest_arrival: str | None = Field(description="of what has landed, UTC; null: nothing has")
    rankings: list[str] = Field(description="that are counted as events come")
    presets: Presets | None = Field(description="null: everything is asked when it is wanted")
    intake: Intake
    worker: Worker
    compaction: Compaction
    counting: Counting
    backlog: Backlog


class QueryParameter(_Model):
    """A parameter of a saved query."""

    name: str
    type: str
    default: str | None
    least: int | None
    most: int | None
    doc: str


class QueryColumn(_Model):
    """A column of a saved query."""

    name: str
    type: str
    unit: str
    doc: str


class Query(_Model):
    """A saved query."""

    name: str
    title: str
    description: str
    subject: str
    panel: str
    sql: str = Field(description="the statement, in Athena's dialect")
    since: str = Field(description="the window when none is asked for")
    parameters: list[QueryParameter]
    columns: list[QueryColumn]


class Queries(_Model):
    """All saved queries."""

    queries: list[Query]


class AnswerColumn(_Model):
    """A column of an answer; `type` as Athena says it."""

    name: str
    type: str
    unit: str


class Answer(_Model):
    """Rows in the order of the columns; record ids and whole numbers beyond 2^53 are text."""

    name: str
    columns: list[AnswerColumn]
    rows: list[list[Any]]
    from_: str = Field(alias="from")
    to: str
    as_of: str | None = Field(description="newest event of the tables that it reads")
    seconds: float
    bytes_scanned: int
    engine: str


class RankingWindow(_Model):
    """Whole minutes, from the first to the end of the last; UTC."""

    from_: str = Field(alias="from")
    to: str


class RankedItem(_Model):
    """A key of a ranking."""

    rank: int = Field(ge=1, description="equal counts share one: 1, 2, 2, 4")
    key: str
    title: str | None = Field(description="of pages that told one")
    count: int
    share: float = Field(description="of all that counts in the window")
    previous_rank: int | None = Field(description="in the window before; null: it was not there")
    trend: list[int] = Field(description="the last ten minutes, the oldest first")


class Ranking(_Model):
    """What is hot now."""

    by: str
    unit: str
    window: RankingWindow
    as_of: str = Field(description="UTC")
    total: int = Field(ge=0)
    cut: bool = Field(description="whether items are left out for the length of keys and titles")
    items: list[RankedItem]


class Price(_Model):
    """What an answer costs."""

    usd: float | None = Field(description="an estimate; null: nobody knows")
    bytes: int | None = Field(description="that are read for it; null: nobody knows")
    basis: Literal["free", "kept", "last_run", "limit"] = Field(
        description="free; kept: it was asked before; last_run: by what the same query read last;"
        " limit: only most_usd is known"
    )
    most_usd: float | None = Field(description="where it is broken off; null: nowhere")
