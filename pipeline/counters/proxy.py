"""GET /v1/ranking behind API Gateway: what a function is called with, and what it has to answer.

Source: API Gateway Developer Guide, "Lambda proxy integrations in API Gateway" (REST: parameters
are decoded, each name has all of its values; names of headers come as they were sent).
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import aws
from pipeline.counters.answer import Asked, asked, etag, is_known
from pipeline.counters.table import OF_VIEWS, CountersTable
from pipeline.counters.warm import Warm
from pipeline.errors import NotConfigured, TailraceError, UsageError
from pipeline.settings import load

if TYPE_CHECKING:
    from botocore.config import Config

# As often as a page asks; between two of them others are answered by what stands in between.
CACHED = "public, max-age=1"
RETRY_AFTER_S = 5
PAGE = "page"
# It says to any page what it says to anybody.
OPEN = {"access-control-allow-origin": "*"}
Event = Mapping[str, Any]
Answer = dict[str, Any]


def answered(event: Event, warm: Warm) -> Answer:
    """The answer to one request: a ranking, 304 where the caller has it, or an error."""
    try:
        told = warm.answer(_of_pages(asked(_given(event))))
    except TailraceError as error:
        return _refused(error)
    headers = {"etag": etag(told), "cache-control": CACHED}
    if is_known(headers["etag"], _header(event, "if-none-match")):
        return {"statusCode": 304, "headers": OPEN | headers, "body": ""}
    return _answer(200, told, headers)


def from_settings(config: "Config | None" = None, stream: str = OF_VIEWS) -> CountersTable:
    """The table that the environment of a function names. Raises NotConfigured where it does not.

    config  of its client; without one a call has one attempt: whoever asks or schedules has the
            next one
    stream  whose shards the function counts
    """
    table = load().counters.table
    if not table:
        fix = "deploy the stack's own template, which sets it"
        raise NotConfigured("TAILRACE_COUNTERS_TABLE is not set", "", fix)
    client = aws.session().client("dynamodb", config=config or aws.one_attempt())
    return CountersTable(client, table, stream)


def warm_from_settings() -> Warm:
    """What answers from that table. Raises NotConfigured as `from_settings` does."""
    return Warm(from_settings(), time.time, load().limits.ranking_keys)


def _of_pages(given: Asked) -> Asked:
    """The same. Raises UsageError for a ranking of logs: who talks is not for anybody to know."""
    if given.ranking.name != PAGE:
        fix = (
            f"by={PAGE}; of logs: tailrace dashboard --stage, or saved queries, such as top_talkers"
        )
        raise UsageError("a stack tells anybody of pages alone", f"by={given.ranking.name}", fix)
    return given


def _given(event: Event) -> dict[str, str]:
    """Parameters of the query string. Raises UsageError where one is given twice."""
    given = event.get("multiValueQueryStringParameters") or {}
    if any(len(values) != 1 for values in given.values()):
        raise UsageError("a parameter was given twice", "in the query string", "once")
    return {name: value for name, (value,) in given.items()}


def _header(event: Event, name: str) -> str:
    headers = event.get("headers") or {}
    # One without a value is null.
    return next((value or "" for each, value in headers.items() if each.lower() == name), "")


def _refused(error: TailraceError) -> Answer:
    said = {name: _visible(getattr(error, name)) for name in ("what", "where", "fix")}
    if isinstance(error, UsageError):
        return _answer(400, {"error": said}, {})
    return _answer(503, {"error": said}, {"retry-after": str(RETRY_AFTER_S)})


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _answer(status: int, content: object, headers: Mapping[str, str]) -> Answer:
    # A browser that takes it for a page after all finds no tag in it.
    text = msgspec.json.encode(content).decode().replace("<", "\\u003c")
    typed = {"content-type": "application/json", **OPEN, **headers}
    return {"statusCode": status, "headers": typed, "body": text}
