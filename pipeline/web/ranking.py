"""GET /v1/ranking: what is hot now."""

from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response

from pipeline.counters.answer import asked
from pipeline.errors import UsageError
from pipeline.web import answers
from pipeline.web.reader import Reader

# As often as a page asks; between two of them others are answered by what stands in between.
CACHED = "public, max-age=1"
MOST_PARAMETERS = 16


def ranked(reader: Reader, request: Request) -> Response:
    """The answer, or 304 where it is the one that the caller has."""
    told = reader.ranking(asked(_given(request)))
    headers = {"etag": told.etag, "cache-control": CACHED}
    if told.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(told.text, headers=headers, media_type=answers.JSON)


def _given(request: Request) -> dict[str, str]:
    """Parameters of the query string. Raises UsageError where one is given twice, or no UTF-8."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError as error:
        raise UsageError(f"the query string cannot be read: {error}", "", "") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise UsageError("a parameter was given twice", "in the query string", "once")
    return given
