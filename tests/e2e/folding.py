"""A stage whose landing has closed hours: its answers, its state machine, and that one changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tests.e2e.cloud import Cloud, until
from tests.e2e.machines import Definition

TABLE = "vpc_flow"
SQL = (
    f"SELECT dt, event_time, record_id, srcaddr, bytes, decoder_version FROM {TABLE}"  # noqa: S608
    " ORDER BY event_time, record_id"
)
HOUR = timedelta(hours=1)
# An hour that has closed, whenever the next one begins.
FIRST_CLOSED = 9
NOTED = "compaction/"
LOOK_S = 0.1
Change = Callable[[Definition], None]


@dataclass
class Folding:
    """A stage, and what arrived there: content of files by name."""

    stage: Cloud
    files: dict[str, bytes]
    hours: "count[int]" = field(default_factory=lambda: count(FIRST_CLOSED))
    machines: "count[int]" = field(default_factory=count)

    def land_again(self) -> None:
        """The same files in an hour that has closed, one further back each time."""
        at = datetime.now(UTC) - next(self.hours) * HOUR
        folder = f"lake/landing/{TABLE}/arrival_dt={at:%Y-%m-%d}/arrival_hour={at.hour:02d}"
        for name, content in self.files.items():
            self.stage.client("s3").put_object(
                Bucket=self.stage.outputs["LakeBucket"], Key=f"{folder}/{name}", Body=content
            )

    def ask(self, sql: str = SQL) -> list[list[str]]:
        """What Athena answers, as texts."""
        athena = self.stage.client("athena")
        number = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": f"tailrace_{self.stage.name}"},
            WorkGroup=f"tailrace-{self.stage.name}",
        )["QueryExecutionId"]

        def status() -> Any:
            said = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]["Status"]
            return said if said["State"] not in ("QUEUED", "RUNNING") else None

        ended = until(status, "an answer", every=LOOK_S)
        assert ended["State"] == "SUCCEEDED", ended
        _, *rows = athena.get_query_results(QueryExecutionId=number)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in rows]

    def noted(self) -> set[str]:
        """What is being compacted, and by whom: keys of plans, and of the lock."""
        keys = self.stage.objects("LakeBucket", NOTED)
        return {key for key in keys if key.endswith(("plan.json", "lock.json"))}

    def run(self, change: Change | None = None) -> dict[str, Any]:
        """An execution that has ended, of the stage's machine, or of one that is another."""
        return self.end_of(self.start(change))

    def start(self, change: Change | None = None) -> str:
        """Begin an execution."""
        states, machine = self.stage.client("stepfunctions"), self._machine()
        arn = machine["stateMachineArn"]
        if change:
            changed = json.loads(machine["definition"])
            change(changed)
            arn = states.create_state_machine(
                name=f"changed-{next(self.machines)}",
                definition=json.dumps(changed),
                roleArn=machine["roleArn"],
            )["stateMachineArn"]
        return str(states.start_execution(stateMachineArn=arn)["executionArn"])

    def end_of(self, execution: str) -> dict[str, Any]:
        """What is said of an execution when it has ended."""
        states = self.stage.client("stepfunctions")

        def ended() -> dict[str, Any] | None:
            said: dict[str, Any] = states.describe_execution(executionArn=execution)
            return said if said["status"] != "RUNNING" else None

        return until(ended, "the end of an execution", every=LOOK_S)

    def comes_to(self, execution: str, kind: str) -> None:
        """Wait until an execution is in a state of a type, which is not inside of a Map."""
        states = self.stage.client("stepfunctions")

        def entered() -> bool | None:
            events = states.get_execution_history(executionArn=execution)["events"]
            return any(each["type"] == f"{kind}StateEntered" for each in events) or None

        until(entered, f"an execution in a state {kind}")

    def _machine(self) -> dict[str, Any]:
        states = self.stage.client("stepfunctions")
        (arn,) = [
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if each["name"] == f"tailrace-{self.stage.name}-compact"
        ]
        said: dict[str, Any] = states.describe_state_machine(stateMachineArn=arn)
        return said
