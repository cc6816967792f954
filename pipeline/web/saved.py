"""GET /v1/queries and GET /v1/queries/{name}: saved queries over HTTP, and what an answer costs.

Where answers cost something nobody is charged unasked: a request says how much it may cost at most,
in a header, which no page of another site can send.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pipeline import queries
from pipeline.errors import BackPressure, UsageError
from pipeline.queries.runner import answered as answered_by
from pipeline.web.answers import HttpError, visible
from pipeline.web.forms import JSON, form_of, told
from pipeline.web.kept import Kept, max_age_of
from pipeline.web.reader import Price, Reader

TIMES = ("since", "from", "to")
OUTPUT, ANONYMOUS = "output", "anonymise"
# Asked again each time; what has not changed is not sent again.
CACHED = "private, no-cache"
MOST_ROWS = 10_000
MOST_WAITING = 16
# USD that the answer may cost at most; without it nothing is spent. The price before is an
# estimate: what costs more by it is not asked, what does so by Athena's own count is broken off.
MOST_USD = "tailrace-most-usd"
OPTION = re.compile(r"--(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a request."""

    name: str
    params: Mapping[str, str]
    times: Mapping[str, str]
    form: str
    anonymous: bool
    most_usd: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> str:
        """The same for the same question."""
        told = (self.name, sorted(self.params.items()), sorted(self.times.items()))
        return repr((*told, self.form, self.anonymous))


def listed(reader: Reader) -> dict[str, Any]:
    """All saved queries, their parameters and columns."""
    return {"queries": [_described(each) for each in queries.load(reader.prices).values()]}


async def answered(reader: Reader, name: str, request: Request) -> Response:
    """The answer of one saved query, in the form that is asked for.

    Another one that is no older than the request's Cache-Control allows is as good.
    """
    asked = _asked(_named(name), request)
    age = max_age_of(request.headers.get("cache-control", ""))
    return _told(await kept_of(reader, asked, age), asked, reader, request)


async def kept_of(reader: Reader, asked: Asked, age_s: float | None) -> Kept:
    """The answer to a question, of so many seconds ago at most; None: of nobody else's.

    Raises HttpError for what cannot be asked or has its price, BackPressure where too many wait,
    TailraceError where it fails.
    """
    oldest = reader.ticks() - (age_s or 0)
    shared = age_s is not None
    return await reader.kept.get(asked.key, oldest, lambda: _made(reader, asked), shared)


def _told(kept: Kept, asked: Asked, reader: Reader, request: Request) -> Response:
    headers = {"etag": kept.etag, "cache-control": CACHED, "vary": "accept"}
    headers["age"] = str(max(0, int(reader.ticks() - kept.made)))
    if kept.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if asked.form != JSON:
        headers["content-disposition"] = f'attachment; filename="{asked.name}.{asked.form}"'
    return Response(kept.told, headers=headers, media_type=kept.kind)


async def _made(reader: Reader, asked: Asked) -> Kept:
    if reader.asked >= MOST_WAITING:
        raise BackPressure("too many queries at once", "", "ask again in a moment")
    reader.asked += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(reader.queries, _run, reader, asked)
    finally:
        reader.asked -= 1


def _run(reader: Reader, asked: Asked) -> Kept:
    """Ask it; runs in a thread."""

    def enough() -> bool:
        return reader.ending.is_set() or time.monotonic() - asked.started > reader.patience_s

    made, now = reader.ticks(), datetime.fromtimestamp(reader.clock(), UTC)
    try:
        found = answered_by(_question(reader, asked, now), reader.engine(asked.most_usd), enough)
    except UsageError as error:
        raise _as_http(error) from error
    if found.cost.made is not None:
        made -= max(0.0, (now - found.cost.made).total_seconds())
    if len(found.table) > MOST_ROWS:
        what = f"the answer has {len(found.table)} rows, over HTTP at most {MOST_ROWS}"
        raise HttpError(400, what, "", "ask for fewer, or: tailrace query --output parquet")
    return told(found, asked.form, asked.anonymous, made)


def priced(reader: Reader, name: str, request: Request) -> Price:
    """What the answer of a saved query costs at present. Raises HttpError."""
    asked = _asked(_named(name), request)
    try:
        now = datetime.fromtimestamp(reader.clock(), UTC)
        return reader.price(_question(reader, asked, now))
    except UsageError as error:
        raise _as_http(error) from error


def _question(reader: Reader, asked: Asked, now: datetime) -> queries.Question:
    window = queries.parse(now, *(asked.times.get(name) for name in TIMES))
    return queries.ask(
        asked.name, params=asked.params, window=window, now=now, prices=reader.prices
    )


def _named(name: str) -> str:
    try:
        return queries.find(name).name
    except UsageError as error:
        fix = "all of them: GET /v1/queries"
        raise HttpError(404, error.what, error.where, fix) from error


def _as_http(error: UsageError) -> HttpError:
    """An error with the names of HTTP in the place of the command line's."""
    fix = error.fix.replace("try: -p ", "try: &")
    what, where, fix = (OPTION.sub("", text) for text in (error.what, error.where, fix))
    return HttpError(400, what, where, fix)


def _asked(name: str, request: Request) -> Asked:
    words: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if key in words:
            raise HttpError(400, f"{visible(key)} was given twice", "in the query string", "once")
        words[key] = value
    times = {key: words.pop(key) for key in TIMES if key in words}
    anonymous = words.pop(ANONYMOUS, "false")
    if anonymous not in ("true", "false"):
        what = f"{ANONYMOUS}: {visible(anonymous[:64])!r}"
        raise HttpError(400, what, "in the query string", "give true or false")
    try:
        form = form_of(words.pop(OUTPUT, None), request.headers.get("accept", ""))
    except UsageError as error:
        raise _as_http(error) from error
    most_usd = _most_usd(request.headers.get(MOST_USD, "0"))
    return Asked(name, words, times, form, anonymous == "true", most_usd)


def _most_usd(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,12})?", text):
        what = f"{MOST_USD}: {visible(text[:64])!r}"
        raise HttpError(400, what, "in a header", "give USD, like 0.0005")
    return float(text)


def _described(query: queries.SavedQuery) -> dict[str, Any]:
    return {
        "name": query.name,
        "title": query.title,
        "description": query.description,
        "subject": query.subject,
        "panel": query.panel,
        "sql": query.sql.strip(),
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
