"""What a page sends when it is viewed, as lines of the source `page-view`.

Whoever takes a view writes it as one line: what the client says, and beside it in `server` what the
server knows, instead of what a client may have put there. The address of the viewer goes into a
hash whose salt is another one each day, and nowhere else.

Sources: HTML Living Standard, "Navigator.sendBeacon()"; RFC 2104 for the hash.
"""

import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from pipeline.errors import UsageError

MOST_BYTES, MOST_VIEWS = 8 << 10, 100
FORM, TEXT, JSON = "application/x-www-form-urlencoded", "text/plain", "application/json"
SOURCE, SERVER, VISITOR_BYTES = "page-view", "server", 8
DAY_MS = 86_400_000
# A name and a value each: more says nothing of a view.
MOST_FIELDS = 32
# Objects and lists in one another: what writes a line takes some less than what reads a body.
MOST_DEPTH = 32
LONGEST_AGENT = 512
# Of a salt of the hashes of visitors, or a key that salts are made of.
KEY_BYTES = 32
# Names of members that an image's query string may hold.
MEMBERS = ("path", "event_id", "ts", "title", "referrer", "session", "viewport")
PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# Headers of every answer: pages of any site may send.
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server knows of a request: when it came (epoch ms), from where, by what.

    country  as whoever delivers the site tells it; "" for not
    """

    at_ms: int
    address: str
    agent: str
    country: str = ""


def views_of(body: bytes, kind: str) -> list[Any]:
    """The views of a body: objects as a rule, for what is none is refused by the source.

    kind  Content-Type, without its parameters

    Raises UsageError for a body that is no JSON and no form, is too long or too deep, or has too
    many.
    """
    if len(body) > MOST_BYTES:
        raise UsageError(f"a body of views has at most {MOST_BYTES:,} bytes", "", "send fewer")
    if kind == FORM and not body.lstrip().startswith((b"{", b"[")):
        return [form_of(body)]
    try:
        found = msgspec.json.decode(body)
    # Bytes that are no UTF-8 are a ValueError, arrays in arrays a RecursionError.
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        fix = 'send one like {"path": "/news"}, or a list of such'
        raise UsageError("the body is no JSON", "", fix) from error
    if _is_deep(found):
        raise UsageError(f"a body has at most {MOST_DEPTH} objects or lists in one another", "", "")
    views = found if isinstance(found, list) else [found]
    if len(views) > MOST_VIEWS:
        raise UsageError(f"a body has at most {MOST_VIEWS} views", f"it has {len(views)}", "")
    return views


def check_path(view: Any) -> None:
    """Raise UsageError where a view says no path: what is sent alone can be told so at once."""
    path = view.get("path") if isinstance(view, dict) else None
    if not isinstance(path, str) or not path.startswith("/"):
        fix = 'send one like {"path": "/news"}; of a list each view is judged for itself'
        raise UsageError("a view needs a path that begins with /", "", fix)


def _is_deep(found: Any) -> bool:
    level = [found]
    for _ in range(MOST_DEPTH):
        held = [each for each in level if isinstance(each, (dict, list))]
        if not held:
            return False
        level = [of for each in held for of in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, (dict, list)) for each in level)


def form_of(body: bytes) -> dict[str, str]:
    """The members of a form. Raises UsageError where it is none."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise UsageError("the body is no form", "", "send one like path=/news") from error


def of_image(given: dict[str, str], referer: str) -> dict[str, str]:
    """The view that an image tells: members of its query string, else the page that it stands in.

    referer  URL of that page, as the header says it; "" for not
    """
    view = {name: given[name] for name in MEMBERS if name in given}
    if "path" not in view and "://" in referer:
        view["path"] = "/" + referer.partition("://")[2].partition("/")[2]
    return view


def lines_of(views: Sequence[Any], seen: Seen, salt: bytes) -> list[bytes]:
    """A line for each view, without its end.

    salt  of the hashes of visitors, that day's
    """
    known = {
        "at": seen.at_ms,
        "visitor": visitor(seen, salt),
        "user_agent": seen.agent,
        "country": seen.country or None,
    }
    return [msgspec.json.encode(_told(view, known)) for view in views]


def _told(view: Any, known: dict[str, Any]) -> Any:
    return {**view, SERVER: known} if isinstance(view, dict) else view


def visitor(seen: Seen, salt: bytes) -> str:
    """Who it was, in hex: the same for an address and a user agent as long as the salt is.

    Nobody without the salt can tell which address it was, or find it under another salt. Whoever
    has it can try all addresses: how long that is possible is told where salts are kept.
    """
    who = f"{seen.address}\0{seen.agent}".encode("utf-8", "surrogatepass")
    # Not by hmac.digest: that lets other threads go first, and a server has some.
    return hmac.new(salt, who, "sha256").digest()[:VISITOR_BYTES].hex()


def salt_of(key: bytes, at_ms: int) -> bytes:
    """The salt of the day of a time, made of a key: several who have it need not agree on one.

    Whoever has the key can make the salt of any day again.
    """
    return _salt(key, at_ms // DAY_MS)


@lru_cache(maxsize=2)
def _salt(key: bytes, day: int) -> bytes:
    """By days since 1970."""
    text = f"{datetime.fromtimestamp(day * DAY_MS // 1000, UTC):%Y-%m-%d}"
    return hmac.digest(key, text.encode(), "sha256")
