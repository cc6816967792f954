"""GET / and /page/...: the page that people keep open.

Its files lie in `page/` beside this module and go out under a name that changes with their content,
so that a browser keeps them for ever. There is no step between the files and what is served.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.web.answers import HttpError

FOLDER = Path(__file__).with_name("page")
INDEX = "index.html"
KINDS: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# Fonts are packed by their own format.
PACKED = (".html", ".css", ".js", ".svg")
DIGEST_BYTES = 8
# Nothing of a log can become a script: only these files are run, and no text is taken for markup.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
FOR_EVER = "public, max-age=31536000, immutable"
THEME = re.compile(r"(?:^|;)\s*tailrace-theme=(light|dark)\s*(?:;|$)")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it goes out; `packed`: gzipped, None where that is no use."""

    kind: str
    plain: bytes
    packed: bytes | None

    def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Its content, in the encoding that the caller takes."""
        given = {**headers, "vary": "accept-encoding"}
        taken = request.headers.get("accept-encoding", "")
        if self.packed is None or not re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\b)", taken):
            return Response(self.plain, headers=given, media_type=self.kind)
        given["content-encoding"] = "gzip"
        return Response(self.packed, headers=given, media_type=self.kind)


def add(app: FastAPI) -> None:
    """Add the routes of the page."""
    app.add_api_route("/", _index, methods=["GET", "HEAD"], include_in_schema=False)
    path = "/page/{version}/{name:path}"
    app.add_api_route(path, _file, methods=["GET", "HEAD"], include_in_schema=False)


@cache
def files() -> Mapping[str, Asset]:
    """All files but the first one, by their name in the folder; read and packed once."""
    return {
        path.relative_to(FOLDER).as_posix(): asset_of(path.read_bytes(), path.suffix)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in KINDS and path.name != INDEX
    }


@cache
def digest() -> str:
    """What stands in the addresses of the files: it changes with any of them."""
    found = blake2b(digest_size=DIGEST_BYTES)
    for name, asset in files().items():
        found.update(f"{name}\n{len(asset.plain)}\n".encode() + asset.plain)
    return found.hexdigest()


@cache
def index(theme: str) -> Asset:
    """The page itself; `theme`: auto, light or dark, right from its first byte."""
    text = (FOLDER / INDEX).read_text("utf-8")
    text = text.replace('"page/', f'"page/{digest()}/').replace(
        'data-theme="auto"', f'data-theme="{theme}"'
    )
    return asset_of(text.encode(), ".html")


def asset_of(content: bytes, suffix: str) -> Asset:
    """A file; packed as well as gzip can, which is done once."""
    packed = gzip.compress(content, 9, mtime=0) if suffix in PACKED else None
    return Asset(KINDS[suffix], content, packed)


def _index(request: Request) -> Response:
    """The page."""
    chosen = THEME.search(request.headers.get("cookie", ""))
    asset = index(chosen[1] if chosen else "auto")
    tag = blake2b(asset.plain, digest_size=DIGEST_BYTES).hexdigest()
    headers = {**HEADERS, "etag": f'"{tag}"', "cache-control": "no-cache"}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return asset.answer(request, headers)


def _file(version: str, name: str, request: Request) -> Response:
    """A file that the page asks for."""
    asset = files().get(name) if version == digest() else None
    if asset is None:
        fix = "load the page again: it is another version"
        raise HttpError(404, "there is no such file", "under /page/", fix)
    return asset.answer(request, {"cache-control": FOR_EVER})
