"""The app: routes, errors, and the guard before them."""

import asyncio
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware

from pipeline import __version__, beacon
from pipeline.errors import TailraceError
from pipeline.web import answers, models, page, plain, ranking, saved, views
from pipeline.web.described_views import PIXEL_EXTRA, RANKING_EXTRA, UNCHANGED, VIEWS_EXTRA
from pipeline.web.description import LOGS_EXTRA, description_of, errors
from pipeline.web.guard import Guard
from pipeline.web.logs import post_logs
from pipeline.web.reader import Reader
from pipeline.web.shortcut import Route, Shortcut
from pipeline.web.state import ServerState

OPENAPI = "/v1/openapi.json"


def app_of(state: ServerState, hosts: frozenset[str] | None) -> Guard:
    """The whole API of a running server; `hosts` that a request may name, None: any."""
    app, on_error = _app(state)
    _add_logs(app, state)
    _add_views(app, state)
    _add_reading(app, state, models.Health)
    routes: dict[tuple[str, str], Route] = {
        ("POST", "/v1/views"): partial(views.post_views, state),
        ("GET", "/v1/pixel.gif"): partial(views.pixel, state),
    }
    shortcut = Shortcut(app, routes, on_error)
    return Guard(ServerErrorMiddleware(shortcut, answers.on_defect), hosts)


def reading_app_of(reader: Reader, hosts: frozenset[str] | None, health: type[BaseModel]) -> Guard:
    """The page and what it asks, without a way in; `health`: the shape of that answer."""
    app, _ = _app(reader)
    _add_reading(app, reader, health)
    return Guard(app, hosts)


def _app(reader: Reader) -> tuple[FastAPI, answers.OnError]:
    on_error = answers.on_error_of(reader.root)
    app = FastAPI(
        title="Tailrace",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            TailraceError: on_error,
            HTTPException: answers.on_http_error,
            RequestValidationError: answers.on_validation_error,
            Exception: answers.on_defect,
        },
    )
    return app, on_error


def _add_reading(app: FastAPI, reader: Reader, shape: type[BaseModel]) -> None:
    """The page and its questions, the same over every home."""
    _add_health(app, reader, shape)
    _add_queries(app, reader)
    _add_ranking(app, reader)
    page.add(app)
    plain.add(app, reader)
    describe = description_of(app)

    @app.get(OPENAPI, include_in_schema=False)
    async def openapi() -> Response:
        return answers.answer(describe())


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


def _add_health(app: FastAPI, reader: Reader, shape: type[BaseModel]) -> None:
    held: dict[int | str, dict[str, Any]] = {
        503: {
            "model": shape,
            "description": "nothing is taken, or what is does not land or count",
        }
    }

    # As monitors ask; the body of the answer is left out on its way.
    @app.head("/v1/health", include_in_schema=False)
    @app.get(
        "/v1/health",
        response_model=shape,
        responses=errors(403) | held,
        summary="Is all well?",
    )
    async def health_of() -> Response:
        """Whether records are taken and land, and how new what can be asked is."""
        status, content = await asyncio.to_thread(reader.health)
        return answers.answer(content, status)


def _add_views(app: FastAPI, state: ServerState) -> None:
    @app.post(
        "/v1/views",
        status_code=204,
        responses=errors(400, 403, 408, 413, 415, 429, 503),
        openapi_extra=VIEWS_EXTRA,
        summary="Take page views",
    )
    async def post_views(request: Request) -> Response:
        """A view, or a list of them; answered once they are durable."""
        return await views.post_views(state, request)

    # Behind it: whoever asks otherwise is told of the first one's methods.
    @app.options("/v1/views", include_in_schema=False)
    async def preflight() -> Response:
        return Response(status_code=204, headers=beacon.PREFLIGHT)

    @app.get(
        "/v1/pixel.gif",
        response_class=views.Image,
        responses=errors(400, 403, 414, 429, 503),
        openapi_extra=PIXEL_EXTRA,
        summary="Take a page view",
    )
    async def pixel(request: Request) -> Response:
        """An image of one pixel, for pages without a script."""
        return await views.pixel(state, request)

    @app.head("/v1/pixel.gif", include_in_schema=False)
    async def pixel_head() -> Response:
        return views.pixel_alone()

    @app.head("/v1/tailrace.js", include_in_schema=False)
    @app.get(
        "/v1/tailrace.js",
        response_class=views.Script,
        responses=errors(403),
        summary="The script of a page",
    )
    def script(request: Request) -> Response:
        """What a page loads to say that it was viewed."""
        return views.script(request)


def _add_ranking(app: FastAPI, reader: Reader) -> None:
    # As monitors ask.
    @app.head("/v1/ranking", include_in_schema=False)
    @app.get(
        "/v1/ranking",
        response_model=models.Ranking,
        responses=errors(400, 403, 429, 503) | UNCHANGED,
        openapi_extra=RANKING_EXTRA,
        summary="What is hot now",
    )
    async def ranking_of(request: Request) -> Response:
        """The first keys of a ranking in a window of minutes, against the window before.

        `cut` says whether some are left out because keys and titles are longer than 1 MiB.
        """
        return await ranking.answered(reader, request)


def _add_queries(app: FastAPI, reader: Reader) -> None:
    @app.get(
        "/v1/queries",
        response_model=models.Queries,
        responses=errors(403),
        summary="All saved queries",
    )
    async def queries() -> Response:
        """Saved queries with their parameters and columns."""
        return answers.answer(await asyncio.to_thread(saved.listed, reader))

    @app.get(
        "/v1/queries/{name}",
        response_model=models.Answer,
        responses=errors(400, 402, 403, 404, 429, 503),
        summary="Answer a saved query",
    )
    async def query(name: str, request: Request) -> Response:
        """The answer of one saved query."""
        return await saved.answered(reader, name, request)

    @app.get(
        "/v1/queries/{name}/price",
        response_model=models.Price,
        responses=errors(400, 403, 404, 503),
        summary="What an answer costs",
    )
    async def price(name: str, request: Request) -> Response:
        """What the same request without /price would cost at present; asking for it is free."""
        return answers.answer(await asyncio.to_thread(saved.priced, reader, name, request))
