"""Lambda: minutes of the counters that are closed, each added up to one item a shard.

Trigger  EventBridge Scheduler, once a minute
Returns  {"minutes"}: how many were added up; the next call goes on with what is left
Fails    where DynamoDB does not do its part; readers find the same counts all the while
"""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.counters import proxy
from pipeline.counters.table import MERGED_AFTER

logger = Logger()
table = cache(proxy.from_settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Add up what is closed."""
    minutes = table().merge(int(time.time()) // 60 - MERGED_AFTER)
    logger.info("merged", extra={"minutes": minutes})
    return {"minutes": minutes}
