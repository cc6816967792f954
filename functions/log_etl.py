"""Lambda: logs to the lake; those of a stream are counted first, where the stack ranks them.

Trigger  Kinesis or SQS (event source mapping with ReportBatchItemFailures), a CloudWatch Logs
         subscription, an S3 notification
Returns  {"batchItemFailures": [...]}: empty, or what has to come again
Fails    never for data: what cannot be read goes to the quarantine
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
stack = cache(invoke.logs_from_settings)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Bring the records of one invocation to the lake: pipeline/invoke/counted.py counts them."""
    left = invoke.left_of(context.get_remaining_time_in_millis)
    now_ms = round(time.time() * 1000)
    taken = invoke.take(event, stack(), left, now_ms)
    logger.set_correlation_id(taken.first)
    for name, value in taken.totals().items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("oldest_record_age_ms", MetricUnit.Milliseconds, taken.age_ms(now_ms))
    metrics.add_metric("delivery_failures", MetricUnit.Count, len(taken.failures))
    for failure in taken.failures:
        logger.warning("not delivered", extra={"reason": str(failure), "again": taken.again})
    ranges = stack().context.lookups.aws_ranges.told
    logger.info("taken", extra={"carrier": taken.carrier, "ranges": ranges, **taken.totals()})
    return taken.answer()
