"""The description at /v1/openapi.json is true: a property-based test of the running server."""

import gzip
import re
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from pipeline.beacon import FORM, JSON, MEMBERS, TEXT
from pipeline.errors import UsageError
from pipeline.queries import catalogue, parse
from pipeline.sources import NAMES, page_view
from pipeline.web.description import SPAN, TIME
from tests.web.serving import Served

EXAMPLES = 25
# Of each saved query: there are many, and the same code reads their calls.
QUERY_EXAMPLES = 6
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="session")
def description(served: Served) -> OpenApiSchema:
    return schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")


OPERATIONS = [
    ("POST", "/v1/logs/{source}"),
    ("GET", "/v1/health"),
    ("GET", "/v1/queries"),
    ("GET", "/v1/ranking"),
    ("GET", "/v1/tailrace.js"),
    ("GET", "/v1/pixel.gif"),
    *(("GET", f"/v1/queries/{name}") for name in catalogue.load()),
]


def _obey(case: Case) -> None:
    """Make a call one that is right by the rules that OpenAPI has no words for."""
    query = case.query
    if "since" in query or "from" not in query or not _begins_before_it_ends(query):
        query.pop("from", None)
        query.pop("to", None)
    if query.get("by", "page") != "page":
        # What is ranked by others does not tell these apart.
        query.pop("bots", None)
        query.pop("assets", None)
    if case.media_type == "application/json":
        # Made into text only where it is sent: it cannot be packed here.
        case.headers.pop("Content-Encoding", None)
    elif case.method == "POST":
        body = case.body if isinstance(case.body, bytes) and case.body else b"a line"
        packed = case.headers.get("Content-Encoding") == "gzip"
        case.body = gzip.compress(body) if packed else body


def _begins_before_it_ends(query: dict[str, str]) -> bool:
    now = datetime.now(UTC)
    first, last = (_moment(query[name]) if name in query else now for name in ("from", "to"))
    return max(first, datetime(1970, 1, 1, tzinfo=UTC)) < last


def _moment(text: str) -> datetime:
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-02-28", "2028-02-29", "2000-02-29", "1996-02-29"])
@pytest.mark.parametrize(
    "clock", ["", "T23:59", " 00:00Z", "T12:30:59", "T12:30:59.123456+05:30", "T12:30-08:00"]
)
def test_the_pattern_of_a_time_takes_what_the_server_takes(text: str, clock: str) -> None:
    assert re.search(TIME, text + clock)
    assert parse(NOW, from_time=text + clock, to_time="2999-01-01") is not None


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-29", "2026-04-31", "2100-02-29", "2026-13-01", "2026-00-10", "2026-1-1"),
        *("2026-11-25T24:00", "2026-11-25T12:60", "2026-11-25T12", "2026-11-25T12:00z", "now"),
    ],
)
def test_the_pattern_of_a_time_refuses_what_the_server_refuses(text: str) -> None:
    assert not re.search(TIME, text)
    with pytest.raises(UsageError, match="not a time"):
        parse(NOW, from_time=text)


def test_every_day_is_in_the_pattern_of_a_time_and_no_other() -> None:
    for year in (1970, 1999, 2000, 2024, 2026, 2100, 2400, 9996):
        for month in range(1, 13):
            for day in range(32):
                text = f"{year}-{month:02}-{day:02}"
                try:
                    datetime.fromisoformat(text)
                except ValueError:
                    assert not re.search(TIME, text), text
                else:
                    assert re.search(TIME, text), text


@pytest.mark.parametrize("text", ["1h30m", "7d", "2w3d", "999999s", "1w1d1h1m1s"])
def test_the_pattern_of_a_span_takes_what_the_server_takes(text: str) -> None:
    assert re.search(SPAN, text)
    assert parse(NOW, text) is not None


@pytest.mark.parametrize("text", ["1m1h", "0h", "1", "h", "1000000s", "1.5h", " 1h", "1h 30m"])
def test_the_pattern_of_a_span_refuses_what_the_server_refuses(text: str) -> None:
    assert not re.search(SPAN, text)
    with pytest.raises(UsageError, match="not a length of time"):
        parse(NOW, text)


def test_json_may_be_posted_by_its_description(served: Served) -> None:
    described = served.get("/v1/openapi.json").json()
    operation = described["paths"]["/v1/logs/{source}"]["post"]
    assert "application/json" in operation["requestBody"]["content"]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_does_what_its_description_says(
    description: OpenApiSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = description[path][method]
    if mode is GenerationMode.NEGATIVE and not list(operation.iter_parameters()):
        pytest.skip("nothing to give, nothing to give wrongly")

    @given(case=operation.as_strategy(mode))
    @settings(
        max_examples=QUERY_EXAMPLES if path.startswith("/v1/queries/") else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Case) -> None:
        if mode is GenerationMode.POSITIVE:
            _obey(case)
        case.call_and_validate()

    check()


def test_the_description_names_every_path(served: Served) -> None:
    described = served.get("/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    queries = [f"/v1/queries/{name}" for name in catalogue.load()]
    assert sorted(described["paths"]) == sorted(
        [
            *("/v1/logs/{source}", "/v1/health", "/v1/queries", *queries),
            *("/v1/queries/{name}/price",),
            *("/v1/views", "/v1/pixel.gif", "/v1/tailrace.js", "/v1/ranking"),
        ]
    )
    parameters = described["paths"]["/v1/logs/{source}"]["post"]["parameters"]
    source = next(each for each in parameters if each["name"] == "source")
    assert source["schema"]["enum"] == list(NAMES)


def test_what_is_no_json_is_described_as_what_it_is(served: Served) -> None:
    paths = served.get("/v1/openapi.json").json()["paths"]
    for path, kind in (("/v1/pixel.gif", "image/gif"), ("/v1/tailrace.js", "text/javascript")):
        assert set(paths[path]["get"]["responses"]["200"]["content"]) == {kind}
        with served.client() as client:
            assert client.get(path).headers["content-type"].startswith(kind)


def test_a_view_is_described_with_the_members_that_the_source_reads(served: Served) -> None:
    body = served.get("/v1/openapi.json").json()["paths"]["/v1/views"]["post"]["requestBody"]
    assert set(body["content"]) == {JSON, TEXT, FORM}
    described = body["content"][FORM]["schema"]["properties"]
    told = {each.path[0] for each in page_view.LOG.members} - {page_view.SERVER}
    assert set(described) == told
    asked = {each["name"] for each in _of(served, "/v1/pixel.gif")}
    assert asked == set(MEMBERS)


def _of(served: Served, path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = served.get("/v1/openapi.json").json()["paths"][path]["get"][
        "parameters"
    ]
    return found


def test_no_answer_is_described_that_is_never_given(served: Served) -> None:
    described = served.get("/v1/openapi.json").text
    assert "422" not in described
    assert "HTTPValidationError" not in described
