"""Lambda: the steps of a compaction that are not Athena's (infra/compact.asl.yaml).

Trigger  Step Functions, one step a call: {"step": "swap", "table": "vpc_flow", ...}
Returns  what the steps behind it have to know
Fails    where a service does not do its part, or a version does not hold what went in; nothing is
         shown then, and the next execution goes on
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import curate

logger = Logger()
metrics = Metrics()
curator = cache(curate.from_settings)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do one step."""
    told = curator().take(event)
    logger.info(event["step"], extra={"table": event.get("table", ""), "day": event.get("day", "")})
    return told
