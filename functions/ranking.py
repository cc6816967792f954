"""Lambda: what is hot now.

Trigger  API Gateway (REST, Lambda proxy), GET /v1/ranking
Returns  {"statusCode", "headers", "body"}: the ranking as JSON, 304, or an error
Fails    never for what is asked; counters that cannot be read are answered with 503
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.counters import proxy

logger = Logger()
warm = cache(proxy.warm_from_settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    answer = proxy.answered(event, warm())
    if answer["statusCode"] == 503:
        logger.warning("not answered", extra={"reason": answer["body"]})
    return answer
