"""A document from an address: over TLS, conditional, bounded in size and time, and nowhere else.

Source: RFC 9110, "HTTP Semantics", conditional requests.
"""

import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from pipeline.errors import InputError, TailraceError, UsageError
from pipeline.lookups.document import LONGEST_BYTES
from pipeline.targets import check_address, is_here

STEP_S, WHOLE_S = 10.0, 60.0
UNCHANGED = 304
LONGEST_TAG = 256
WITH_TLS = "write it as https://host/path, or name a file that is here"
FIX = "try again later, or give the file itself: tailrace lookups refresh --from FILE"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered: `content` is None where it says that nothing has changed."""

    content: bytes | None
    etag: str


def check_url(url: str) -> None:
    """Raise UsageError for an address that is not asked: only TLS, and plain on this machine."""
    check_address("--from", url, WITH_TLS)
    if urlsplit(url).scheme != "https" and not is_here(url):
        raise UsageError("what goes over the network without TLS is not believed", url, WITH_TLS)


def fetched(url: str, etag: str, whole_s: float = WHOLE_S) -> Fetched:
    """What lies at an address, unless it is still what `etag` names.

    whole_s  seconds for all of it

    Raises InputError when it does not come whole, in time, or in the size that it may have;
    UsageError as `check_url` does.
    """
    check_url(url)
    got: list[Fetched | TailraceError] = []
    # A time-out of a socket begins anew with every byte, and names are looked up without any.
    asking = threading.Thread(target=lambda: got.append(_asked(url, etag)), daemon=True)
    asking.start()
    asking.join(whole_s)
    if not got:
        raise _failed(url, f"nothing whole came in {whole_s:g} s")
    if isinstance(got[0], TailraceError):
        raise got[0]
    return got[0]


class _Stay(urllib.request.HTTPRedirectHandler):
    """What is said elsewhere is said by somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _asked(url: str, etag: str) -> Fetched | TailraceError:
    # Compressed it could inflate to more than is looked at here.
    headers = {"Accept-Encoding": "identity", "User-Agent": "tailrace"}
    headers |= {"If-None-Match": etag} if etag else {}
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
    if is_here(url):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - check_url was here
    try:
        with opener.open(request, timeout=STEP_S) as answer:
            return _read(url, answer.headers.get, answer.read)
    except HTTPError as error:
        with error:
            if error.code == UNCHANGED and etag:
                return Fetched(None, etag)
            return _failed(url, f"the server answers {error.code}")
    except (OSError, ValueError, HTTPException) as error:
        return _failed(url, str(error)[:200] or type(error).__name__)


def _read(
    url: str, header: Callable[[str, str], str], read: Callable[[int], bytes]
) -> Fetched | TailraceError:
    if header("Content-Encoding", "identity") != "identity":
        return _failed(url, "it comes compressed, which was not asked for")
    content = read(LONGEST_BYTES + 1)
    if len(content) > LONGEST_BYTES:
        return _failed(url, f"it is longer than {LONGEST_BYTES:,} bytes")
    declared = header("Content-Length", "")
    # http.client says nothing where a connection ends early under read(n).
    if declared.isdecimal() and int(declared) != len(content):
        return _failed(url, f"it broke off at {len(content):,} of {declared} bytes")
    tag = header("ETag", "")
    return Fetched(content, tag if tag.isprintable() and len(tag) <= LONGEST_TAG else "")


def _failed(url: str, why: str) -> InputError:
    return InputError(f"the address ranges were not fetched: {why}", f"from {url}", FIX)
