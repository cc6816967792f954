"""JSON answers: errors as {"error": {"what", "where", "fix"}}, and the headers that all carry."""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline.errors import (
    BackPressure,
    Conflict,
    DeliveryError,
    HomeError,
    NotConfigured,
    QueryFailed,
    TailraceError,
    UsageError,
)
from pipeline.web.places import shown
from pipeline.web.requests import tell_failure

JSON = "application/json"
OnError = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
RETRY_AFTER = "retry-after"
RETRY_AFTER_S = 5
STATUS: tuple[tuple[type[TailraceError], int], ...] = (
    (UsageError, 400),
    (Conflict, 409),
    (BackPressure, 429),
    (DeliveryError, 503),
    (HomeError, 503),
    (NotConfigured, 503),
    (QueryFailed, 503),
)
# An error is no copy of what was asked.
MOST_TOLD = 2_000
# What is not well with a home or a query; that nothing is taken or lands is told by turns.
TOLD = (HomeError, QueryFailed)


class HttpError(TailraceError):
    """An answer that only HTTP has: a status and an error."""

    def __init__(self, status: int, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.status = status


def visible(text: str) -> str:
    """Text with control and direction characters written out: a log that quotes it stays a log."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def as_json(content: Any) -> bytes:
    """Some content as JSON: a browser that takes it for a page after all finds no tag in it."""
    return msgspec.json.encode(content).replace(b"<", b"\\u003c")


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Some content as JSON."""
    return Response(as_json(content), status, dict(headers or {}), JSON)


def error_answer(error: TailraceError, home: Path | None = None) -> Response:
    """An error with the status that its type stands for; with a home, paths are shown from it on.

    The error stays as it is: others may hold it, and tell the place where it is of use.
    """
    status = _status(error)
    headers = {}
    if status in (429, 503):
        headers[RETRY_AFTER] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    return answer({"error": said_of(error, home)}, status, headers)


def said_of(error: TailraceError, home: Path | None = None) -> dict[str, str]:
    """What, where and the fix of an error; with a home, paths are shown from it on."""
    said = {name: _short(visible(getattr(error, name))) for name in ("what", "where", "fix")}
    # What is made for HTTP holds paths of URLs.
    if home is None or isinstance(error, HttpError):
        return said
    return {name: shown(text, home) for name, text in said.items()}


def _short(text: str) -> str:
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}… ({len(text)} characters)"


def _status(error: TailraceError) -> int:
    if isinstance(error, HttpError):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def on_error_of(home: Path) -> OnError:
    """What answers any error of ours, without paths of the machine that the home lies on."""

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, TailraceError)  # noqa: S101 - what it is registered for
        if isinstance(error, TOLD):
            tell_failure(request.scope, error.what, error.where)
        return error_answer(error, home)

    return on_error


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router says: no such path, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    where = f"{request.method} {request.scope['path']}"
    found = error_answer(
        HttpError(
            error.status_code,
            str(error.detail).lower(),
            where,
            "what there is: GET /v1/openapi.json",
        )
    )
    found.headers.update(error.headers or {})
    return found


async def on_validation_error(request: Request, error: Exception) -> Response:
    """What FastAPI finds wrong by itself."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    what = "; ".join(str(each.get("msg", "")) for each in error.errors())
    return error_answer(HttpError(400, what, request.scope["path"], "see GET /v1/openapi.json"))


async def on_defect(request: Request, error: Exception) -> Response:
    """What nobody expected; the server's log has the traceback."""
    what = f"this is a defect of Tailrace: {type(error).__name__}"
    tell_failure(request.scope, what, "")
    return error_answer(HttpError(500, what, request.scope["path"], "the server's log has more"))
