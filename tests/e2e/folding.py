"""A stage that is compacted: its answers, its state machine, and that one changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from pipeline.curate.catalog import Catalog, Shown
from pipeline.curate.objects import Objects
from pipeline.curate.plan import Hour, State
from pipeline.lake.tables import find_table
from tests.e2e.cloud import Cloud, until
from tests.e2e.machines import Definition

TABLE = "vpc_flow"
SQL = (
    f"SELECT dt, event_time, record_id, srcaddr, bytes, decoder_version FROM {TABLE}"  # noqa: S608
    " ORDER BY event_time, record_id"
)
LAKE, LANDING, CURATED = "LakeBucket", f"lake/landing/{TABLE}/", f"lake/curated/{TABLE}/"
# Hours ago: one that is folded, one that has closed since, and where landing is read from between.
FOLDED, CLOSED, BETWEEN = 30, 9, 20
NOTED = "compaction/"
LOOK_S = 0.1
Change = Callable[[Definition], None]


@dataclass
class Folding:
    """A stage that has folded an hour; another one has closed since.

    folded  what was noted of the first
    base    what each day showed then
    """

    stage: Cloud
    folded: dict[str, Hour] = field(default_factory=dict)
    base: dict[str, Shown] = field(default_factory=dict)
    machines: "count[int]" = field(default_factory=count)

    def taken(self) -> dict[str, bytes]:
        """What has landed, by name; it lies there no more."""
        found = self.stage.objects(LAKE, LANDING)
        self._remove(found)
        return {key.rpartition("/")[2]: content for key, content in found.items()}

    def land(self, files: Mapping[str, bytes], hours: int) -> None:
        """Put files where they had landed so many hours ago."""
        at = datetime.now(UTC) - timedelta(hours=hours)
        folder = f"{LANDING}arrival_dt={at:%Y-%m-%d}/arrival_hour={at.hour:02d}"
        bucket, s3 = self.stage.outputs[LAKE], self.stage.client("s3")
        for name, content in files.items():
            s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=content)

    def keep(self) -> None:
        """Note what is folded, for tests to begin with."""
        self.folded = dict(self._objects.state(TABLE).hours)
        self.base = {day: self._catalog.shown(find_table(TABLE), day) for day in self.shown()}

    def begin(self) -> None:
        """Be as it was noted: what closed since is answered from landing, and to be folded."""
        table, between = find_table(TABLE), datetime.now(UTC) - timedelta(hours=BETWEEN)
        watermark = between.replace(minute=0, second=0, microsecond=0)
        for day, shown in self.base.items():
            self._catalog.show(table, day, shown, self._objects.lake)
        self._catalog.set_watermark(table, watermark)
        needed = {
            key for prefix in self.shown().values() for key in self.stage.objects(LAKE, prefix)
        }
        self._remove(self.stage.objects(LAKE, CURATED).keys() - needed)
        self._remove(self.stage.objects(LAKE, NOTED))
        self._objects.set_state(TABLE, State(watermark, self.folded))

    @property
    def _objects(self) -> Objects:
        return Objects(self.stage.client("s3"), self.stage.outputs[LAKE])

    @property
    def _catalog(self) -> Catalog:
        return Catalog(self.stage.client("glue"), f"tailrace_{self.stage.name}")

    def shown(self) -> dict[str, str]:
        """Prefix of the files that each day is answered from, as far as it is curated."""
        said = self.stage.client("glue").get_partitions(
            DatabaseName=f"tailrace_{self.stage.name}", TableName=f"{TABLE}_curated_files"
        )
        return {
            each["Values"][0]: urlsplit(each["StorageDescriptor"]["Location"]).path[1:]
            for each in said["Partitions"]
        }

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
        """What is being compacted, and by whom: keys of plans, and who has the lock."""
        keys = self.stage.objects(LAKE, NOTED)
        plans = {key for key in keys if key.endswith("plan.json")}
        return (plans | {self._objects.lock().execution}) - {""}

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
                name=f"tailrace-{self.stage.name}-changed-{next(self.machines)}",
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

    def _remove(self, keys: Iterable[str]) -> None:
        bucket, s3 = self.stage.outputs[LAKE], self.stage.client("s3")
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)

    def _machine(self) -> dict[str, Any]:
        states = self.stage.client("stepfunctions")
        (arn,) = [
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if each["name"] == f"tailrace-{self.stage.name}-compact"
        ]
        said: dict[str, Any] = states.describe_state_machine(stateMachineArn=arn)
        return said
