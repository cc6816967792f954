"""Executions of a state machine of a stack: started, those that run, and what became of one.

Whoever waits for one asks again: nothing here sleeps.

Source: AWS Step Functions API Reference, "StartExecution", "ListExecutions", "DescribeExecution".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.aws import told

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that runs."""

    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Status:
    """What Step Functions says of an execution; it may be late by some seconds.

    state  RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE
    cause  why it failed; "" where nobody said
    """

    state: str
    cause: str = ""


@dataclass(frozen=True)
class Machine:
    """A state machine, by its ARN, and a client of Step Functions."""

    client: Any
    arn: str

    def start(self, name: str, said: object) -> str:
        """Start an execution with an input; its ARN.

        name  is used once in 90 days

        Raises TailraceError where Step Functions does not.
        """
        with told("Step Functions", self.arn):
            started = self.client.start_execution(
                stateMachineArn=self.arn, name=name, input=json.dumps(said)
            )
        return str(started["executionArn"])

    def running(self) -> Iterator[Execution]:
        """Executions that run, newest first. Raises TailraceError where nobody says."""
        with told("Step Functions", self.arn):
            pages = self.client.get_paginator("list_executions").paginate(
                stateMachineArn=self.arn, statusFilter=RUNNING
            )
            for page in pages:
                for each in page["executions"]:
                    yield Execution(each["name"], each["executionArn"])

    def status(self, execution: str) -> Status:
        """What became of an execution, by its ARN. Raises TailraceError where nobody says."""
        with told("Step Functions", execution):
            said = self.client.describe_execution(executionArn=execution)
        return Status(said["status"], said.get("cause", ""))

    def output(self, execution: str) -> Any:
        """What an execution has left, read; None before it has succeeded. Raises as the others."""
        with told("Step Functions", execution):
            said = self.client.describe_execution(executionArn=execution)
        return json.loads(said.get("output") or "null")
