"""Lambda: page views that API Gateway put into a stream, counted, and brought to the lake.

Trigger  Kinesis (event source mapping with ReportBatchItemFailures, one batch of a shard at once)
Returns  {"batchItemFailures": [...]}: empty, or what has to come again
Fails    never for data: what is no view goes to the quarantine, without the address of who sent it
"""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from pipeline import invoke

logger = Logger()
metrics = Metrics()
stack = cache(invoke.views_from_settings)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Count the views of one invocation, and bring them to the lake: pipeline/invoke/counted.py."""
    left = invoke.left_of(context.get_remaining_time_in_millis)
    now_ms = round(time.time() * 1000)
    taken = invoke.take(event, stack(), left, now_ms)
    logger.set_correlation_id(taken.first)
    for name, value in taken.totals().items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("delivery_failures", MetricUnit.Count, len(taken.failures))
    for failure in taken.failures:
        logger.warning("not delivered", extra={"reason": str(failure), "again": taken.again})
    logger.info("taken", extra={"carrier": taken.carrier, **taken.totals()})
    return taken.answer()
