"""Compaction as the environment of its function names it."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pipeline import aws
from pipeline.aws import told
from pipeline.curate.answers import Answers
from pipeline.curate.catalog import Catalog
from pipeline.curate.objects import LAKE, Objects
from pipeline.curate.steps import Curator
from pipeline.errors import NotConfigured
from pipeline.settings import load

RUNNING = "RUNNING"
NAME_CHARACTERS = 8


def from_settings() -> Curator:
    """What compacts the stage that the environment names.

    Raises NotConfigured where it names none.
    """
    delivery = load().delivery
    lake = urlsplit(delivery.lake)
    if lake.scheme != "s3" or lake.path.strip("/") != LAKE or not delivery.database:
        raise NotConfigured(
            "TAILRACE_DELIVERY_LAKE or TAILRACE_DELIVERY_DATABASE is not set",
            "in the environment of the function that compacts",
            "deploy the stack's own template, which sets them",
        )
    session, patient = aws.session(), aws.patience()
    states = session.client("stepfunctions", config=patient)
    return Curator(
        Objects(session.client("s3", config=patient), lake.netloc),
        Catalog(session.client("glue", config=patient), delivery.database),
        Answers(session.client("athena", config=patient)),
        clock=lambda: datetime.now(UTC),
        fresh=lambda: uuid4().hex[:NAME_CHARACTERS],
        runs=lambda execution: runs(states, execution),
    )


def runs(client: Any, execution: str) -> bool | None:
    """Whether an execution still runs; None where Step Functions does not know it.

    It keeps each for 90 days, and may not know one yet that has just begun (AWS Step Functions API
    Reference, "DescribeExecution").

    Raises TailraceError where Step Functions does not say.
    """
    from botocore.exceptions import ClientError

    with told("Step Functions", execution):
        try:
            said = client.describe_execution(executionArn=execution)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ExecutionDoesNotExist":
                return None
            raise
    return bool(said["status"] == RUNNING)
