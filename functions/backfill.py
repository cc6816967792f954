"""Lambda: the steps of a backfill (infra/backfill.asl.yaml).

Trigger  Step Functions, one step a call: {"step": "take", "request": {...}, "number": 17, ...}
Returns  what the steps behind it have to know
Fails    where something of a batch could not be taken, or a service does not do its part; what was
         taken is noted, and the same step goes on behind it
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import backfill, invoke

logger = Logger()
metrics = Metrics()
backfiller = cache(backfill.from_settings)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do one step."""
    left = invoke.left_of(context.get_remaining_time_in_millis)
    told = backfiller().take(event, left)
    # For the alarm on what is refused, wherever it came from.
    metrics.add_metric("rejected", MetricUnit.Count, told.get("rejected", 0))
    logger.info(event["step"], extra={"number": event.get("number", 0)})
    return told
