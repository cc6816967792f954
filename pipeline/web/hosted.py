"""The page behind API Gateway: the same app, called with an event for each request.

Source: API Gateway Developer Guide, "Working with AWS Lambda proxy integrations for HTTP APIs"
(payload 2.0; bytes go out as base64, which `isBase64Encoded` says).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline import aws
from pipeline.errors import NotConfigured
from pipeline.settings import load
from pipeline.web.app import reading_app_of
from pipeline.web.models import StackHealth
from pipeline.web.reader import Reader
from pipeline.web.stack.reader import reader_of

# API Gateway waits 30 s, the function has 29: what lasts longer is broken off, and said.
PATIENCE_S = 25.0
SERVER_ERROR = 500
# Event and context.
Answering = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass
class Failures:
    """Why paths are not answered, by path: pages that are open ask for the same all the time."""

    _told: dict[str, str] = field(default_factory=dict)

    def changed(self, event: dict[str, Any], answer: dict[str, Any]) -> str:
        """The reason of an answer; "" where there is none, or the same as before."""
        path = event["rawPath"]
        before = self._told.pop(path, "")
        if answer["statusCode"] < SERVER_ERROR:
            return ""
        said = msgspec.json.decode(answer["body"])
        # Health says what is not well, beside much that is.
        reason: str = said["error"]["what"] if "error" in said else said["problem"]
        self._told[path] = reason
        return "" if reason == before else reason


def from_settings() -> Answering:
    """What a function answers with. Raises NotConfigured where its environment names no stack."""
    settings = load()
    stage = settings.stack.stage
    if not stage:
        fix = "deploy the stack's own template, which sets it"
        raise NotConfigured("TAILRACE_STACK_STAGE is not set", "", fix)
    reader = reader_of(aws.session(), settings, stage)
    reader.patience_s = PATIENCE_S
    return answering(reader)


def answering(reader: Reader) -> Answering:
    """The app over a reader, as Lambda calls it."""
    from mangum import Mangum

    # Whoever comes by another name has been let in by API Gateway all the same.
    made: Answering = Mangum(reading_app_of(reader, None, StackHealth), lifespan="off")
    return made
