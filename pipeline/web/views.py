"""POST /v1/views and GET /v1/pixel.gif: a page says that it was viewed.

Pages of any site may send here, for they are what it is for; nothing is answered that a page of
another site could read.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pipeline import beacon
from pipeline.beacon import KEY_BYTES, LONGEST_AGENT, OPEN, PIXEL, Seen
from pipeline.errors import HomeError
from pipeline.web import bodies
from pipeline.web.answers import HttpError
from pipeline.web.state import ServerState

KEY_FILE = "visitor.key"
SCRIPT = Path(__file__).with_name("tailrace.js")
SCRIPT_CACHED = "public, max-age=3600"
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
        await _take(state, request, beacon.views_of(payload, kind))
    return TAKEN


async def pixel(state: ServerState, request: Request) -> Response:
    """Take the view of a page without a script: its members stand in the address of the image."""
    referer = request.headers.get("referer", "")
    await _take(state, request, [beacon.of_image(dict(request.query_params), referer)])
    return Response(PIXEL, headers=OPEN, media_type="image/gif")


def script() -> Response:
    """What a page loads to say that it was viewed: 1 KB, gzipped."""
    headers = OPEN | {"cache-control": SCRIPT_CACHED}
    return Response(SCRIPT.read_bytes(), headers=headers, media_type="text/javascript")


async def _take(state: ServerState, request: Request, views: Sequence[Any]) -> None:
    if not views:
        return
    now_ms = int(state.clock() * 1000)
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")[:LONGEST_AGENT]
    lines = beacon.lines_of(views, Seen(now_ms, address, agent), state.visitor_key)
    await state.views.take(lines)


def visitor_key(home: Path) -> bytes:
    """The key of the hashes of visitors; made where there is none, for its owner alone to read.

    Raises HomeError where it cannot be read or made.
    """
    path = home / KEY_FILE
    try:
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
        else:
            with os.fdopen(made, "wb") as file:
                key = secrets.token_bytes(KEY_BYTES)
                file.write(key)
    except OSError as error:
        fix = "mend the permissions of the home"
        raise HomeError(
            f"the key of visitors cannot be read: {error}", f"at {path}", fix
        ) from error
    if len(key) != KEY_BYTES:
        fix = "delete it: visitors have other ids then"
        raise HomeError(
            f"the key of visitors has {len(key)} bytes, not {KEY_BYTES}", f"at {path}", fix
        )
    return key
