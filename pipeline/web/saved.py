"""GET /v1/queries and GET /v1/queries/{name}: saved queries over HTTP."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pipeline import queries
from pipeline.errors import BackPressure, UsageError
from pipeline.web.answers import HttpError, answer, visible
from pipeline.web.state import ServerState

TIMES = ("since", "from", "to")
MOST_ROWS = 10_000
PATIENCE_S = 30.0
MOST_WAITING = 16
OPTION = re.compile(r"--(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a request."""

    name: str
    params: Mapping[str, str]
    times: Mapping[str, str]
    started: float = field(default_factory=time.monotonic)


def listed(state: ServerState) -> dict[str, Any]:
    """All saved queries, their parameters and columns."""
    return {"queries": [_described(each) for each in queries.load(state.prices).values()]}


async def answered(state: ServerState, name: str, request: Request) -> Response:
    """The answer of one saved query."""
    try:
        found = queries.find(name)
    except UsageError as error:
        fix = "all of them: GET /v1/queries"
        raise HttpError(404, error.what, error.where, fix) from error
    asked = _asked(found.name, request.query_params.multi_items())
    if state.asked >= MOST_WAITING:
        raise BackPressure("too many queries at once", "", "ask again in a moment")
    state.asked += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(state.queries, _run, state, asked)
    finally:
        state.asked -= 1


def _run(state: ServerState, asked: Asked) -> Response:
    """Ask it; runs in a thread."""

    def enough() -> bool:
        return state.ending.is_set() or time.monotonic() - asked.started > PATIENCE_S

    from pipeline.queries.engines.duckdb import DuckDb

    now = datetime.fromtimestamp(state.clock(), UTC)
    try:
        window = queries.parse(now, *(asked.times.get(name) for name in TIMES))
        found = queries.run(
            asked.name,
            params=asked.params,
            window=window,
            engine=DuckDb(state.folder, alone=True),
            now=now,
            enough=enough,
            prices=state.prices,
        )
    except UsageError as error:
        raise _as_http(error) from error
    if len(found.table) > MOST_ROWS:
        what = f"the answer has {len(found.table)} rows, over HTTP at most {MOST_ROWS}"
        raise HttpError(400, what, "", "ask for fewer, or: tailrace query --output parquet")
    return answer(found.as_json())


def _as_http(error: UsageError) -> HttpError:
    """An error with the names of HTTP in the place of the command line's."""
    fix = error.fix.replace("try: -p ", "try: &")
    what, where, fix = (OPTION.sub("", text) for text in (error.what, error.where, fix))
    return HttpError(400, what, where, fix)


def _asked(name: str, given: Sequence[tuple[str, str]]) -> Asked:
    words: dict[str, str] = {}
    for key, value in given:
        if key in words:
            raise HttpError(400, f"{visible(key)} was given twice", "in the query string", "once")
        words[key] = value
    times = {key: words.pop(key) for key in TIMES if key in words}
    return Asked(name, words, times)


def _described(query: queries.SavedQuery) -> dict[str, Any]:
    return {
        "name": query.name,
        "title": query.title,
        "description": query.description,
        "subject": query.subject,
        "panel": query.panel,
        "since": query.since,
        "parameters": [
            {
                "name": each.name,
                "type": each.type,
                "default": each.default,
                "least": each.limits and each.limits[0],
                "most": each.limits and each.limits[1],
                "doc": each.doc,
            }
            for each in query.params
        ],
        "columns": [
            {"name": each.name, "type": each.type, "unit": each.unit, "doc": each.doc}
            for each in query.columns
        ],
    }
