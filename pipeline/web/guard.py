"""What stands before every route: whom a request may come from, and what a browser may do.

A page in a browser of this machine can reach a loopback server: by a name of its own that points
here (the Host header tells), or by posting across origins (the Origin header tells).
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from pipeline.web.answers import HttpError, error_answer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = ("GET", "HEAD", "OPTIONS")
# What pages of any site send here, which changes nothing else.
OPEN = ("/v1/views",)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True)
class Guard:
    """An ASGI app behind the checks; `hosts` that a request may name, None: any."""

    app: App
    hosts: frozenset[str] | None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message.get("headers", ())}
                message["headers"] = [
                    *message.get("headers", ()),
                    *(each for each in HEADERS if each[0] not in given),
                ]
            await send(message)

        error = self._refusal(scope)
        if error is None:
            await self.app(scope, receive, send_guarded)
        else:
            refusal = error_answer(error)
            if error.status == 400:
                # Where the next request begins is not known.
                refusal.headers["connection"] = "close"
            await refusal(scope, receive, send_guarded)

    def _refusal(self, scope: Message) -> HttpError | None:
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        if self.hosts is not None and _name(host) not in self.hosts:
            return HttpError(
                403,
                f"this server does not answer to the name {host[:100]!r}",
                "in the header Host",
                "use the address that it was started with; --host opens it to others",
            )
        foreign = origin and scope["method"] not in SAFE and not _is_of(origin, host)
        if foreign and scope["path"] not in OPEN:
            return HttpError(
                403, "a page of another site may not send here", "in the header Origin", ""
            )
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            # Who stands between may go by the other one, and see other requests than these.
            return HttpError(
                400,
                "a body has one length",
                "in the headers Content-Length and Transfer-Encoding",
                "send one of them",
            )
        return None


def hosts_of(host: str) -> frozenset[str] | None:
    """Names that a server on this address answers to; None for any: it was opened on purpose."""
    return LOOPBACK if host in LOOPBACK else None


def _header(scope: Message, name: bytes) -> str:
    return ", ".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _is_of(origin: str, host: str) -> bool:
    """Whether an origin is a page of this host; it is compared as text, never parsed."""
    _, separator, place = origin.partition("://")
    return bool(separator and place) and place == host


def _name(host: str) -> str:
    """The name of `name:port`, of an address in brackets without them."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")
