"""The description at /v1/openapi.json is true: a property-based test of the running server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from pipeline.queries import catalogue
from pipeline.sources import NAMES
from tests.web.serving import Served


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
