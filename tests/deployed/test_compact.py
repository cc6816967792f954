"""tailrace compact --stage, from the word on the command line to the requests and back."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import aws
from pipeline.cli import compact_staged
from tests.deployed.cloud import Cloud
from tests.deployed.folded import fold
from tests.deployed.staging import NOW, Staging, lines
from tests.homes import Ran, call

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:tailrace-staging-compact"
EXECUTION = MACHINE.replace("stateMachine", "execution")


@dataclass
class Machined(Cloud):
    """An account whose machine has states to tell, one after another."""

    states: list[str] = field(default_factory=lambda: ["RUNNING", "SUCCEEDED"])
    running: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def _ListExecutions(self, asked: Any) -> Any:
        assert asked["statusFilter"] == "RUNNING"
        told = {"stateMachineArn": MACHINE, "status": "RUNNING", "startDate": 0}
        return {
            "executions": [
                {"executionArn": f"{EXECUTION}:{name}", "name": name, **told}
                for name in self.running
            ]
        }

    def _StartExecution(self, asked: Any) -> Any:
        assert asked["stateMachineArn"] == MACHINE
        self.started.append(asked["name"])
        return {"executionArn": f"{EXECUTION}:{asked['name']}", "startDate": 0}

    def _DescribeExecution(self, asked: Any) -> Any:
        state = self.states.pop(0)
        told = {"executionArn": asked["executionArn"], "stateMachineArn": MACHINE, "startDate": 0}
        return {**told, "status": state, **({"cause": "why"} if state == "FAILED" else {})}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machined:
    """A stage whose flows of an hour are folded when its machine has ended."""
    made = Machined()
    made.outputs["CompactMachineArn"] = MACHINE
    Staging(tmp_path / "lake", made).bring(lines(1, 2))
    fold(made, "vpc_flow", NOW - timedelta(hours=1, minutes=30))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(aws, "session", lambda target: made.session())
    monkeypatch.setattr(compact_staged, "POLL_S", 0.0)
    return made


def compact(*words: str) -> Ran:
    return call("compact", "--stage", "staging", *words)


def test_it_is_started_watched_and_says_until_when_all_is_folded(cloud: Machined) -> None:
    ran = compact()
    (name,) = cloud.started
    assert (ran.code, ran.out) == (
        0,
        "vpc_flow: what arrived before 2026-11-25T15:00:00Z is folded\n",
    )
    assert ran.err == f"execution {EXECUTION}:{name}\n0 s\n"


def test_as_json(cloud: Machined) -> None:
    told = json.loads(compact("--json").out)
    assert told == {"tables": [{"table": "vpc_flow", "folded_until": "2026-11-25T15:00:00Z"}]}


def test_one_that_runs_is_watched(cloud: Machined) -> None:
    cloud.running.append("by-schedule")
    ran = compact()
    assert (ran.code, cloud.started) == (0, [])
    first = f"it runs already; watching it\nexecution {EXECUTION}:by-schedule\n"
    assert ran.err.startswith(first)


def test_one_that_fails_ends_with_one_and_says_why(cloud: Machined) -> None:
    cloud.states = ["FAILED"]
    ran = compact()
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[1:] == [
        "error: the compaction has failed",
        f"  at {EXECUTION}:{cloud.started[0]}: why",
        "  answers are right; mend it, and run it again: tailrace compact --stage staging",
    ]


def test_ctrl_c_ends_the_watching_alone(cloud: Machined) -> None:
    def interrupted(asked: Any) -> Any:
        raise KeyboardInterrupt

    cloud.said["DescribeExecution"] = interrupted
    ran = compact()
    assert ran.code == 130
    assert "it goes on without you" in ran.err


def test_where_nothing_has_closed_that_is_said(cloud: Machined) -> None:
    cloud.objects = {place: it for place, it in cloud.objects.items() if "state" not in place[1]}
    assert compact().out == "nothing has closed yet that could be folded\n"


def test_a_stack_without_the_machine_is_told_as_that(cloud: Machined) -> None:
    del cloud.outputs["CompactMachineArn"]
    assert compact().code == 3
