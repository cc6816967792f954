"""Which request an answer belongs to: what somebody reads off a page is found in the log."""

import secrets
from collections.abc import MutableMapping
from typing import Any

from pipeline.web.telling import tell

HEADER = "x-request-id"
KEPT = "tailrace.request"
FAILED = 500


def id_of(scope: MutableMapping[str, Any]) -> str:
    """The id of a request, as 7f3a-91c2: made when it is first wanted, which is seldom.

    Behind Lambda it is the one that AWS's own lines of the log have.
    """
    if KEPT not in scope:
        context = scope.get("aws.context")
        text = secrets.token_hex(4)
        scope[KEPT] = getattr(context, "aws_request_id", None) or f"{text[:4]}-{text[4:]}"
    found: str = scope[KEPT]
    return found


def tell_failure(scope: MutableMapping[str, Any], what: str, where: str) -> None:
    """Say on standard error which request failed, and why; its answer holds no paths."""
    call = f"{scope['method']} {scope['path']}"
    tell(f"request {id_of(scope)} failed: {call}: {' '.join(filter(None, (what, where)))}")
