"""GET /v1/ranking: what is hot now."""

import asyncio
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response

from pipeline.counters.answer import asked, is_known
from pipeline.errors import BackPressure, UsageError
from pipeline.web import answers
from pipeline.web.reader import RANKINGS_AT_ONCE, Reader

# The browser's own: who may see keys of logs is decided for each that asks, and not by a cache
# on the way. The address of page views, which anybody may ask, says "public" by itself.
CACHED = "private, max-age=1"
MOST_PARAMETERS = 16
MOST_WAITING = 32


async def answered(reader: Reader, request: Request) -> Response:
    """The answer, or 304 where it is the one that the caller has.

    Raises UsageError for what cannot be asked, BackPressure where too many wait for their turn.
    """
    if reader.ranked >= RANKINGS_AT_ONCE + MOST_WAITING:
        raise BackPressure("too many ask for rankings at once", "", "ask again in a moment")
    reader.ranked += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(reader.rankings, _ranked, reader, request)
    finally:
        reader.ranked -= 1


def _ranked(reader: Reader, request: Request) -> Response:
    """Answer it; runs in a thread."""
    told = reader.ranking(asked(_given(request)))
    headers = {"etag": told.etag, "cache-control": CACHED}
    if is_known(told.etag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(told.text, headers=headers, media_type=answers.JSON)


def _given(request: Request) -> dict[str, str]:
    """Parameters of the query string. Raises UsageError where one is given twice, or no UTF-8."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError as error:
        raise UsageError(f"the query string cannot be read: {error}", "", "") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise UsageError("a parameter was given twice", "in the query string", "once")
    return given
