"""POST /v1/views and GET /v1/pixel.gif: a page says that it was viewed.

Pages of any site may send here, for they are what it is for; nothing is answered that a page of
another site could read.
"""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pipeline import beacon
from pipeline.beacon import LONGEST_AGENT, OPEN, PIXEL, Seen
from pipeline.errors import UsageError
from pipeline.web import bodies
from pipeline.web.answers import HttpError
from pipeline.web.state import ServerState

SCRIPT = Path(__file__).with_name("tailrace.js")
GIF, JAVASCRIPT = "image/gif", "text/javascript"
# RFC 9110, section 12.5.3: a weight of 0 says that it is not wanted.
TAKES_GZIP = re.compile(r"(?i)\b(?:x-)?gzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
SCRIPT_CACHED = "public, max-age=3600"


class Image(Response):
    """The image, for the description."""

    media_type = GIF


class Script(Response):
    """The script, for the description."""

    media_type = JAVASCRIPT


# Made once: it holds nothing of the request.
TAKEN = Response(status_code=204, headers=OPEN)


async def post_views(state: ServerState, request: Request) -> Response:
    """Take views; answered once they are durable."""
    if bodies.encoding_of(request) not in bodies.PLAIN:
        raise HttpError(415, "views are sent plain", "in the header Content-Encoding", "")
    kind = request.headers.get("content-type", beacon.TEXT).partition(";")[0].strip().lower()
    if kind not in (beacon.FORM, beacon.TEXT, beacon.JSON, ""):
        fix = f"send {beacon.JSON}, {beacon.TEXT} or {beacon.FORM}"
        raise HttpError(415, f"unknown type {kind[:100]!r}", "in the header Content-Type", fix)
    with state.budget.hold() as share:
        payload = await bodies.read(request, beacon.MOST_BYTES, share)
        await _take(state, request, _views(payload, kind))
    return TAKEN


def _views(payload: bytes, kind: str) -> list[Any]:
    try:
        views = beacon.views_of(payload, kind)
        if len(views) == 1:
            beacon.check_path(views[0])
    except UsageError as error:
        # As one that HTTP has: the paths that it speaks of are those of URLs.
        raise HttpError(400, error.what, error.where, error.fix) from error
    return views


async def pixel(state: ServerState, request: Request) -> Response:
    """Take the view of a page without a script: its members stand in the address of the image."""
    if len(request.scope["query_string"]) > beacon.MOST_BYTES:
        what = f"a view has at most {beacon.MOST_BYTES:,} bytes"
        raise HttpError(414, what, "in the query string", "send a shorter title")
    referer = request.headers.get("referer", "")
    await _take(state, request, [beacon.of_image(dict(request.query_params), referer)])
    return Response(PIXEL, headers=OPEN, media_type=GIF)


def pixel_alone() -> Response:
    """The image as whoever asks for its head has it: nobody has viewed anything."""
    return Response(PIXEL, headers=OPEN, media_type=GIF)


def script(request: Request) -> Response:
    """What a page loads to say that it was viewed: 1 KB, gzipped."""
    headers = OPEN | {"cache-control": SCRIPT_CACHED, "vary": "accept-encoding"}
    text = SCRIPT.read_bytes()
    if TAKES_GZIP.search(request.headers.get("accept-encoding", "")):
        headers["content-encoding"] = "gzip"
        text = gzip.compress(text, 9, mtime=0)
    return Response(text, headers=headers, media_type=JAVASCRIPT)


async def _take(state: ServerState, request: Request, views: Sequence[Any]) -> None:
    if not views:
        return
    now_ms = int(state.clock() * 1000)
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")[:LONGEST_AGENT]
    lines = beacon.lines_of(views, Seen(now_ms, address, agent), state.salt(now_ms))
    await state.views.take(lines)
