"""Backfills as the environment of their function names them."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pipeline import aws, invoke
from pipeline.backfill.steps import Backfill
from pipeline.errors import NotConfigured
from pipeline.settings import load


def from_settings() -> Backfill:
    """What backfills the stage that the environment names.

    Raises NotConfigured where it names none.
    """
    lake = urlsplit(load().delivery.lake)
    if lake.scheme != "s3":
        raise NotConfigured(
            "TAILRACE_DELIVERY_LAKE is not set",
            "in the environment of the function that backfills",
            "deploy the stack's own template, which sets it",
        )
    session, patient = aws.session(), aws.patience()
    make: Any = session.client
    return Backfill(
        lake.netloc,
        make("s3", config=patient),
        make("kinesis", config=patient),
        invoke.from_settings(),
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
    )
