"""Lambda: the page's saved queries, asked on Athena so that whoever looks need not.

Trigger  EventBridge Scheduler, every {"minutes": 15}; longer ranges are asked less often
Returns  {"asked"}: how many answers were made and kept
Fails    where some could not be asked, or S3 does not take them; the old ones stay until then
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.queries import refresh

logger = Logger()
refreshing = cache(refresh.from_settings)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ask what is due."""
    asked = refreshing(int(event["minutes"])).run(datetime.now(UTC))
    logger.info("presets", extra={"asked": asked})
    return {"asked": asked}
