"""POST /v1/views and GET /v1/pixel.gif: a page says that it was viewed.

Pages of any site may send here, for they are what it is for; nothing is answered that a page of
another site could read.
"""

import asyncio
import os
import secrets
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import Request
from fastapi.responses import Response

from pipeline import beacon
from pipeline.beacon import Seen
from pipeline.errors import HomeError
from pipeline.stream.intake import Posted
from pipeline.stream.log import Incoming
from pipeline.triggers import http_body
from pipeline.web import bodies
from pipeline.web.answers import HttpError
from pipeline.web.state import ServerState

SOURCE, KEY_FILE, KEY_BYTES = "page-view", "visitor.key", 32
PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SCRIPT = Path(__file__).with_name("tailrace.js")
SCRIPT_CACHED = "public, max-age=3600"
OPEN = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "no-store",
}
PREFLIGHT = OPEN | {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "86400",
}
LONGEST_AGENT = 512
# Names of members that an image's query string may hold.
MEMBERS = ("path", "event_id", "ts", "title", "referrer", "session", "viewport")


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
    return Response(status_code=204, headers=OPEN)


async def pixel(state: ServerState, request: Request) -> Response:
    """Take the view of a page without a script: its members stand in the address of the image."""
    given = request.query_params
    view = {name: given[name] for name in MEMBERS if name in given}
    referer = request.headers.get("referer", "")
    if "path" not in view and "://" in referer:
        view["path"] = "/" + referer.partition("://")[2].partition("/")[2]
    await _take(state, request, [view])
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
    payload = b"\n".join(lines)
    record = http_body(payload, uuid4().hex, now_ms)
    # By its log group formats are declared: which parameters tell pages apart.
    incoming = Incoming(SOURCE, SOURCE, payload, now_ms, record.identity, log_group=SOURCE)
    await asyncio.wrap_future(state.intake.submit(Posted(incoming)))


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
