"""Lambda: AWS's own address ranges, fetched anew and kept for the functions that enrich.

Trigger  EventBridge Scheduler, once a day
Returns  {"token", "ranges", "changed"}: what is kept now
Fails    where nothing whole and plausible comes, or S3 does not take it; the old ones stay then
"""

import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import invoke

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Renew the ranges."""
    done = invoke.renewed(round(time.time() * 1000))
    told = {"token": done.kept.token, "ranges": done.kept.count, "changed": done.changed}
    logger.info("address ranges", extra=told)
    return told
