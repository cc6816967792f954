"""What stands before every route: whom a request may come from, and what a browser may do.

A page in a browser of this machine can reach a loopback server: by a name of its own that points
here (the Host header tells), or by posting across origins (the Origin header tells).
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from pipeline.web import requests
from pipeline.web.answers import HttpError, error_answer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What a Host header may be: a name or an address, and a port.
HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
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
                if message["status"] >= requests.FAILED:
                    told = (requests.HEADER.encode(), requests.id_of(scope).encode("latin-1"))
                    message["headers"].append(told)
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
        return self._foreign(scope) or _unclear(scope)

    def _foreign(self, scope: Message) -> HttpError | None:
        host, origins = ", ".join(_values(scope, b"host")), _values(scope, b"origin")
        if self.hosts is not None and _name(host) not in self.hosts:
            return HttpError(
                403,
                f"this server does not answer to the name {host[:100]!r}",
                "in the header Host",
                "use the address that it was started with; --host opens it to others",
            )
        # Who opened it may have put something before it that speaks TLS.
        schemes = ("http",) if self.hosts is not None else ("http", "https")
        own = [f"{scheme}://{host}" for scheme in schemes if host]
        foreign = origins and scope["method"] not in SAFE and ", ".join(origins) not in own
        if foreign and scope["path"] not in OPEN:
            return HttpError(
                403, "a page of another site may not send here", "in the header Origin", ""
            )
        return None


def hosts_of(host: str) -> frozenset[str] | None:
    """Names that a server on this address answers to; None for any: it was opened on purpose."""
    return LOOPBACK if host in LOOPBACK else None


def _unclear(scope: Message) -> HttpError | None:
    """Why who stands between may see other requests than these, or another name; None: may not."""
    hosts, codings = _values(scope, b"host"), _values(scope, b"transfer-encoding")
    is_old = scope["http_version"] == "1.0"
    if len(hosts) > 1 or (not hosts and not is_old):
        where = "in the header Host and the request line"
        return HttpError(400, "a request names one host", where, "name it once")
    if codings and _values(scope, b"content-length"):
        where = "in the headers Content-Length and Transfer-Encoding"
        return HttpError(400, "a body has one length", where, "send one of them")
    if codings and (is_old or [each.lower() for each in codings] != ["chunked"]):
        fix = "send it chunked by HTTP/1.1, or with its length"
        return HttpError(400, "unknown coding of a body", "in the header Transfer-Encoding", fix)
    return None


def _values(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def _name(host: str) -> str:
    """The name of `name:port`, of an address in brackets without them; "" for what is neither."""
    found = HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower().removesuffix(".") if found else ""
