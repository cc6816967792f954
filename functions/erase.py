"""Lambda: the steps of an erasure from the lake (infra/erase.asl.yaml).

Trigger  Step Functions, one step a call: {"step": "work", "id": "...", "phase": "landing", ...}
Returns  what the steps behind it have to know, and never whom it is about
Fails    where a service does not do its part, or a version does not hold what it has to; run again,
         it goes on
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline.erase import stack

logger = Logger()
metrics = Metrics()
eraser = cache(stack.from_settings)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do one step."""
    told = eraser().take(event, lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info(event["step"], extra={"erasure": event["id"], "phase": event.get("phase", "")})
    return told
