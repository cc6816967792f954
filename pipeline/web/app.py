"""The app: routes, errors, and the guard before them."""

import asyncio
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware

from pipeline import __version__, beacon
from pipeline.errors import TailraceError
from pipeline.web import answers, models, page, ranking, saved, views
from pipeline.web.description import LOGS_EXTRA, description_of, errors
from pipeline.web.guard import Guard
from pipeline.web.health import health
from pipeline.web.logs import post_logs
from pipeline.web.shortcut import Route, Shortcut
from pipeline.web.state import ServerState

OPENAPI = "/v1/openapi.json"


def app_of(state: ServerState, hosts: frozenset[str] | None) -> Guard:
    """The whole API of a running server; `hosts` that a request may name, None: any."""
    app = FastAPI(
        title="Tailrace",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            TailraceError: answers.on_error_of(state.folder),
            HTTPException: answers.on_http_error,
            RequestValidationError: answers.on_validation_error,
            Exception: answers.on_defect,
        },
    )
    _add_logs(app, state)
    _add_health(app, state)
    _add_queries(app, state)
    _add_views(app, state)
    page.add(app)
    describe = description_of(app)

    @app.get(OPENAPI, include_in_schema=False)
    async def openapi() -> Response:
        return answers.answer(describe())

    routes: dict[tuple[str, str], Route] = {
        ("POST", "/v1/views"): partial(views.post_views, state),
        ("GET", "/v1/pixel.gif"): partial(views.pixel, state),
    }
    shortcut = Shortcut(app, routes, answers.on_error_of(state.folder))
    return Guard(ServerErrorMiddleware(shortcut, answers.on_defect), hosts)


def _add_logs(app: FastAPI, state: ServerState) -> None:
    @app.post(
        "/v1/logs/{source}",
        status_code=202,
        response_model=models.Taken,
        responses=errors(400, 403, 404, 408, 409, 413, 415, 429, 503),
        openapi_extra=LOGS_EXTRA,
        summary="Take log lines",
    )
    async def logs(source: str, request: Request) -> Response:
        """Lines, JSON lines or an envelope, gzipped or not; answered once they are durable."""
        return await post_logs(state, source, request)


def _add_health(app: FastAPI, state: ServerState) -> None:
    held: dict[int | str, dict[str, Any]] = {
        503: {"model": models.Health, "description": "nothing is taken, or what is does not land"}
    }

    # As monitors ask; the body of the answer is left out on its way.
    @app.head("/v1/health", include_in_schema=False)
    @app.get(
        "/v1/health",
        response_model=models.Health,
        responses=errors(403) | held,
        summary="Is all well?",
    )
    async def health_of() -> Response:
        """The intake, the worker, what waits for it, and who writes."""
        status, content = await asyncio.to_thread(health, state)
        return answers.answer(content, status)


def _add_views(app: FastAPI, state: ServerState) -> None:
    @app.options("/v1/views", include_in_schema=False)
    async def preflight() -> Response:
        return Response(status_code=204, headers=beacon.PREFLIGHT)

    @app.post(
        "/v1/views",
        status_code=204,
        responses=errors(400, 403, 408, 413, 415, 429, 503),
        summary="Take page views",
    )
    async def post_views(request: Request) -> Response:
        """A view, or a list of them; answered once they are durable."""
        return await views.post_views(state, request)

    @app.get("/v1/pixel.gif", responses=errors(400, 403, 429, 503), summary="Take a page view")
    async def pixel(request: Request) -> Response:
        """An image of one pixel, for pages without a script."""
        return await views.pixel(state, request)

    @app.get("/v1/tailrace.js", include_in_schema=False)
    def script() -> Response:
        """What a page loads to say that it was viewed."""
        return views.script()

    @app.get("/v1/ranking", responses=errors(400, 403, 503), summary="What is hot now")
    async def ranking_of(request: Request) -> Response:
        """The first keys of a ranking in a window of minutes, against the window before."""
        return await asyncio.to_thread(ranking.ranked, state, request)


def _add_queries(app: FastAPI, state: ServerState) -> None:
    @app.get(
        "/v1/queries",
        response_model=models.Queries,
        responses=errors(403),
        summary="All saved queries",
    )
    async def queries() -> Response:
        """Saved queries with their parameters and columns."""
        return answers.answer(await asyncio.to_thread(saved.listed, state))

    @app.get(
        "/v1/queries/{name}",
        response_model=models.Answer,
        responses=errors(400, 403, 404, 429, 503),
        summary="Answer a saved query",
    )
    async def query(name: str, request: Request) -> Response:
        """The answer of one saved query."""
        return await saved.answered(state, name, request)
