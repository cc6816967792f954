"""One invocation of a function: its event's records by source, through the core, and its answer.

    report = invoke.take(event, stack, left, now_ms)

Told by its shape: Kinesis and SQS take partial answers, so that only what is not delivered comes
again; CloudWatch Logs and S3 call asynchronously, and have the whole event again when it fails.

Source: AWS Lambda Developer Guide, "Configuring partial batch response with Kinesis", "Handling
errors for an SQS event source", "Error handling for asynchronous invocation".
"""

from pipeline.invoke.ranges import kept_ranges, renewed
from pipeline.invoke.routes import Routes
from pipeline.invoke.stack import (
    AwsHome,
    Home,
    Left,
    Stack,
    from_settings,
    logs_from_settings,
    stack_of,
    views_from_settings,
)
from pipeline.invoke.take import MARGIN_S, Taken, left_of, take

__all__ = ["MARGIN_S", "AwsHome", "Home", "Left", "Routes", "Stack", "Taken"]
__all__ += ["from_settings", "kept_ranges", "left_of", "renewed", "stack_of", "take"]
__all__ += ["logs_from_settings", "views_from_settings"]
