"""Executions of a state machine: by name, in pages, with what became of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from pipeline.deployed.executions import Execution, Machine, Status
from pipeline.errors import TailraceError
from tests.deliver.firehose_service import Content

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:tailrace-staging-backfill"
ONE = ARN.replace("stateMachine", "execution") + ":one"
DONE = ARN.replace("stateMachine", "execution") + ":done"


@dataclass
class States:
    """Step Functions, where botocore would send a request: one execution a page."""

    running: list[str] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def machine(self) -> Machine:
        session = boto3.Session("key", "secret", region_name="eu-west-1")
        make: Any = session.client
        client = make("stepfunctions")
        client.meta.events.register("before-send", self.send)
        return Machine(client, ARN)

    def send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        body: Any = request.body
        said = json.loads(body or "{}")
        self.asked.append(said)
        answer = getattr(self, event_name.rpartition(".")[2])(said)
        code = 200 if "__type" not in answer else 400
        return AWSResponse(request.url, code, HTTPHeaders(), Content(json.dumps(answer).encode()))

    def StartExecution(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        arn = f"{ARN.replace('stateMachine', 'execution')}:{said['name']}"
        return {"executionArn": arn, "startDate": 1}

    def ListExecutions(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        at = int(said.get("nextToken", "0"))
        found = [
            {"name": name, "executionArn": f"arn:{name}", "status": "RUNNING"}
            for name in self.running[at : at + 1]
        ]
        more = {"nextToken": str(at + 1)} if at + 1 < len(self.running) else {}
        return {"executions": found, **more}

    def DescribeExecution(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        if said["executionArn"] == DONE:
            return {"executionArn": DONE, "status": "SUCCEEDED", "output": '{"execution": "next"}'}
        if said["executionArn"] != ONE:
            return {"__type": "ExecutionDoesNotExist", "message": "none"}
        return {"executionArn": ONE, "status": "FAILED", "cause": "a disk"}


def test_one_is_started_by_name_and_its_arn_is_told() -> None:
    states = States()
    assert states.machine().start("one", {"id": 1}) == ONE
    assert states.asked == [{"stateMachineArn": ARN, "name": "one", "input": '{"id": 1}'}]


def test_those_that_run_are_named_over_all_pages() -> None:
    found = list(States(["two", "one"]).machine().running())
    assert found == [Execution("two", "arn:two"), Execution("one", "arn:one")]


def test_what_became_of_one_is_told_with_its_cause() -> None:
    assert States().machine().status(ONE) == Status("FAILED", "a disk")


def test_of_one_that_never_was_nothing_can_be_told() -> None:
    with pytest.raises(TailraceError, match="arn:other"):
        States().machine().status("arn:other")


def test_what_one_has_left_is_read_once_it_has_succeeded() -> None:
    machine = States().machine()
    assert machine.output(DONE) == {"execution": "next"}
    assert machine.output(ONE) is None
