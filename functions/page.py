"""Lambda: the page of the stack, and what it asks.

Trigger  API Gateway (HTTP API, payload 2.0), GET / and all below; who may ask is decided there
Returns  {"statusCode", "headers", "body", "isBase64Encoded"}: what the local server answers, too
Fails    never for what is asked; where AWS does not answer, that is told with 503
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.web import hosted

logger = Logger()
answering = cache(hosted.from_settings)
failures = hosted.Failures()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    answer = answering()(event, context)
    if reason := failures.changed(event, answer):
        logger.warning("not answered", extra={"path": event["rawPath"], "reason": reason})
    return answer
