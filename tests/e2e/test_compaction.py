"""Compaction by the real state machine, the function and Athena; broken at each state."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.sample import Sample
from tests.e2e.stages import Further

GROUP, TABLE, NAME = "/local/fold", "vpc_flow", "fold"
HOUR = timedelta(hours=1)
SQL = (
    "SELECT dt, event_time, record_id, srcaddr, bytes, decoder_version FROM vpc_flow"
    " ORDER BY event_time, record_id"
)
FAIL = {"Type": "Fail", "Error": "Injected", "Cause": "as asked"}


@dataclass
class Folding:
    """A stage whose landing has rows in hours that have closed."""

    stage: Cloud
    first: str
    hours: int = 9

    def add(self) -> None:
        """Copy the first file into an hour that has closed, one further back each time."""
        self.hours += 1
        at = datetime.now(UTC) - self.hours * HOUR
        folder = f"lake/landing/{TABLE}/arrival_dt={at:%Y-%m-%d}/arrival_hour={at.hour:02d}"
        bucket, s3 = self.stage.outputs["LakeBucket"], self.stage.client("s3")
        content = s3.get_object(Bucket=bucket, Key=self.first)["Body"].read()
        s3.put_object(Bucket=bucket, Key=f"{folder}/again.parquet", Body=content)

    def rows(self) -> list[dict[str, Any]]:
        """What the view answers."""
        ran = self.stage.tailrace(
            *("query", "--sql", SQL, "--full-scan", "--engine", "athena"),
            *("--stage", NAME, "--output", "jsonl"),
        )
        assert ran.code == 0, ran.err
        return [json.loads(line) for line in ran.out.splitlines()]

    @property
    def machine(self) -> dict[str, Any]:
        states = self.stage.client("stepfunctions")
        (found,) = [
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if each["name"] == f"tailrace-{NAME}-compact"
        ]
        said: dict[str, Any] = states.describe_state_machine(stateMachineArn=found)
        return said

    def run(self, arn: str) -> dict[str, Any]:
        """An execution that has ended."""
        states = self.stage.client("stepfunctions")
        started = states.start_execution(stateMachineArn=arn)["executionArn"]

        def ended() -> dict[str, Any] | None:
            said: dict[str, Any] = states.describe_execution(executionArn=started)
            return said if said["status"] != "RUNNING" else None

        return until(ended, "the end of an execution", 120)

    def run_broken(self, state: str) -> dict[str, Any]:
        """An execution of the same machine in which a state fails."""
        states, machine = self.stage.client("stepfunctions"), self.machine
        definition = json.loads(machine["definition"])
        assert _break(definition["States"], state)
        made = states.create_state_machine(
            name=f"broken-at-{state}",
            definition=json.dumps(definition),
            roleArn=machine["roleArn"],
        )
        return self.run(made["stateMachineArn"])


def _break(states: dict[str, Any], name: str) -> bool:
    """Put a state that fails in the place of a state, wherever it is; whether there is one."""
    if name in states:
        states[name] = FAIL
        return True
    inner = [each["ItemProcessor"]["States"] for each in states.values() if "ItemProcessor" in each]
    return any(_break(each, name) for each in inner)


def _tasks(states: dict[str, Any]) -> Iterator[str]:
    for name, each in states.items():
        if each["Type"] == "Task":
            yield name
        if "ItemProcessor" in each:
            yield from _tasks(each["ItemProcessor"]["States"])


@pytest.fixture(scope="session")
def folding(further: Further) -> Folding:
    """The sample's flows, which arrived nine hours ago and now again."""
    sources = f'{{"{GROUP}": "vpc-flow"}}'
    stage = further.stage(NAME, Delivery="s3", LogGroups="", Sources=sources)
    sample = Sample(round(time.time() * 1000) - 30_000)
    stage.client("kinesis").put_record(
        StreamName=stage.outputs["StreamName"],
        Data=sample.envelope(GROUP, sample.flows),
        PartitionKey="any",
    )
    prefix = f"lake/landing/{TABLE}/"
    (first,) = until(lambda: list(stage.objects("LakeBucket", prefix)) or None, "a file")
    made = Folding(stage, first)
    made.add()
    return made


@pytest.mark.needs("states.compaction", "athena.answers")
def test_a_compaction_changes_no_answer(target: Cloud, folding: Folding) -> None:
    before = folding.rows()
    assert len(before) >= 20
    said = folding.run(folding.machine["stateMachineArn"])
    assert said["status"] == "SUCCEEDED", said
    assert folding.rows() == before
    shown = folding.stage.client("glue").get_partitions(
        DatabaseName=f"tailrace_{NAME}", TableName=f"{TABLE}_curated_files"
    )
    days = {each["Values"][0] for each in shown["Partitions"]}
    assert days == {row["dt"] for row in before}
    keys = folding.stage.objects("LakeBucket", f"lake/curated/{TABLE}/")
    assert keys


@pytest.mark.needs("states.compaction", "athena.answers")
def test_what_fails_at_any_state_changes_no_answer_and_the_next_one_goes_on(
    target: Cloud, folding: Folding
) -> None:
    before, arn = folding.rows(), folding.machine["stateMachineArn"]
    tasks = list(_tasks(json.loads(folding.machine["definition"])["States"]))
    assert len(tasks) >= 11
    for state in tasks:
        folding.add()
        assert folding.run_broken(state)["status"] == "FAILED", state
        assert folding.rows() == before, state
        said = folding.run(arn)
        assert said["status"] == "SUCCEEDED", (state, said)
        assert folding.rows() == before, state
        plans = folding.stage.objects("LakeBucket", f"compaction/{TABLE}/plan.json")
        assert not plans, state
