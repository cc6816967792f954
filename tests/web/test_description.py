"""The description at /v1/openapi.json is true: a property-based test of the running server."""

import gzip
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from pipeline.queries import catalogue
from pipeline.sources import NAMES
from tests.web.serving import Served

EXAMPLES = 25


@pytest.fixture(scope="session")
def description(served: Served) -> OpenApiSchema:
    return schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")


OPERATIONS = [
    ("POST", "/v1/logs/{source}"),
    ("GET", "/v1/health"),
    ("GET", "/v1/queries"),
    *(("GET", f"/v1/queries/{name}") for name in catalogue.load()),
]


def _obey(case: Case) -> None:
    """Make a call one that is right by the rules that OpenAPI has no words for."""
    query = case.query
    if "since" in query or "from" not in query or query.get("to", "3000") <= query["from"]:
        query.pop("from", None)
        query.pop("to", None)
    if query.get("from", "") > f"{datetime.now(UTC):%Y-%m-%d}":
        query.clear()
    if case.method == "POST":
        body = case.body if isinstance(case.body, bytes) and case.body else b"a line"
        packed = case.headers.get("Content-Encoding") == "gzip"
        case.body = gzip.compress(body) if packed else body


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
        max_examples=EXAMPLES,
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
        ["/v1/logs/{source}", "/v1/health", "/v1/queries", *queries]
    )
    parameters = described["paths"]["/v1/logs/{source}"]["post"]["parameters"]
    source = next(each for each in parameters if each["name"] == "source")
    assert source["schema"]["enum"] == list(NAMES)


def test_no_answer_is_described_that_is_never_given(served: Served) -> None:
    described = served.get("/v1/openapi.json").text
    assert "422" not in described
    assert "HTTPValidationError" not in described
