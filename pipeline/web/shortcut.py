"""What is asked most often is answered before FastAPI looks for its route.

FastAPI costs 0.35 ms a request, of which a view that was posted needs nothing: with it a core takes
1,100 views a second, each in a POST of its own, without it twice as many.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from pipeline.errors import TailraceError
from pipeline.web.guard import App, Message, Receive, Send

Route = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Shortcut:
    """An ASGI app around another; what it does not know it leaves to that.

    routes    by method and path; they are described where FastAPI has them, too
    on_error  the answer of an error of ours
    """

    app: App
    routes: Mapping[tuple[str, str], Route]
    on_error: Callable[[Request, Exception], Awaitable[Response]]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self.routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await route(request)
        except TailraceError as error:
            response = await self.on_error(request, error)
        await response(scope, receive, send)
