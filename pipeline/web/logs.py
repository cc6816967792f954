"""POST /v1/logs/{source}: one body, one record of the stream."""

import asyncio
import re
from hashlib import blake2b
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import Request
from fastapi.responses import Response

from pipeline.errors import UsageError
from pipeline.sources import find
from pipeline.stream.intake import Posted
from pipeline.stream.log import Incoming
from pipeline.triggers import http_body
from pipeline.web import bodies
from pipeline.web.answers import HttpError, answer, visible
from pipeline.web.state import ServerState

KEY = "idempotency-key"
KEY_PATTERN = r"^[!-~]([ -~]{0,198}[!-~])?$"
# Beyond it looking through a plain body takes longer than to ask a thread.
INLINE_BYTES = 64 << 10
LOG_GROUP = "log_group"
# As long as CloudWatch lets one be.
LOG_GROUP_PATTERN = r"^[^\x00-\x1f\x7f]{1,512}$"


async def post_logs(state: ServerState, source: str, request: Request) -> Response:
    """Take a body; answered once it is durable."""
    name = _source(source)
    encoding = bodies.encoding_of(request)
    key, group = _key(request), _log_group(request)
    cap = min(state.limits.body_bytes, state.limits.record_bytes)
    with state.budget.hold() as share:
        payload = await bodies.read(request, cap, share)
        if bodies.is_form(request):
            bodies.check_form(payload)
        digest = await _checked(state, payload, encoding, cap)
        posted = _posted(name, payload, key, digest, group, int(state.clock() * 1000))
        place = await asyncio.wrap_future(state.intake.submit(posted))
    return answer({"shard": place.shard, "sequence": place.sequence}, 202)


async def _checked(state: ServerState, payload: bytes, encoding: str, cap: int) -> bytes:
    if len(payload) <= INLINE_BYTES and not bodies.needs_opening(payload):
        return bodies.check(payload, encoding, state.limits, cap)
    return await asyncio.to_thread(bodies.check, payload, encoding, state.limits, cap)


def _posted(
    source: str, payload: bytes, key: str, digest: bytes, group: str, now_ms: int
) -> Posted:
    if group:
        # The same lines from elsewhere are other lines: it belongs to what a key stands for.
        digest = blake2b(digest + group.encode(), digest_size=bodies.DIGEST_BYTES).digest()
    # The content belongs to the identity: a key that is used again after its day, for something
    # else, must not make rows that look like copies of the old ones.
    request = f"{source}/{key}/{digest.hex()}" if key else uuid4().hex
    record = http_body(payload, request, now_ms)
    # One shard a source: one worker empties all shards, and the lake gets a quarter of the files.
    incoming = Incoming(source, source, payload, now_ms, record.identity, log_group=group)
    return Posted(incoming, key, digest)


def _source(name: str) -> str:
    try:
        return find(name).name
    except UsageError as error:
        raise HttpError(404, error.what, error.where, error.fix) from error


def _key(request: Request) -> str:
    given = request.headers.getlist(KEY)
    if not given:
        return ""
    if len(given) > 1 or not re.fullmatch(KEY_PATTERN, given[0]):
        raise HttpError(
            400,
            "this is no Idempotency-Key",
            "in the header Idempotency-Key",
            "give one of 1 to 200 printable ASCII characters",
        )
    return given[0]


def _log_group(request: Request) -> str:
    """The log group that the lines are said to come from; "" for none.

    Raises HttpError for another parameter, also a misspelt one: its lines would be read wrongly.
    """
    query = "in the query string"
    try:
        # Not by request.query_params: they put another character in the place of what is no UTF-8.
        given = parse_qsl(
            request.scope["query_string"].decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
        )
    except ValueError as error:
        raise HttpError(400, "this is no UTF-8", query, "write it in UTF-8") from error
    for name, _ in given:
        if name != LOG_GROUP:
            what = f"there is no parameter {visible(name[:100])!r} here"
            raise HttpError(400, what, query, f"what there is: {LOG_GROUP}")
    if not given:
        return ""
    if len(given) > 1:
        raise HttpError(400, f"{LOG_GROUP} was given twice", query, "once")
    group: str = given[0][1]
    if not re.fullmatch(LOG_GROUP_PATTERN, group):
        fix = "give one of 1 to 512 characters, none of them a control character"
        raise HttpError(400, "this is no name of a log group", query, fix)
    return group
