"""Further stages on a target that runs: the template of its own, with other parameters."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.deploy.overrides import overrides
from infra.deploy.stack import CONFIG
from tests.e2e.cloud import Cloud

POLL_S, MOST_POLLS = 1, 300


@dataclass
class Further:
    """Stages beside the target's own; each is deployed once."""

    target: Cloud
    made: dict[str, Cloud] = field(default_factory=dict)

    def stage(self, name: str, **parameters: str) -> Cloud:
        """A stage by its name."""
        if name not in self.made:
            self.made[name] = put(self.target, name, **parameters)
        return self.made[name]


def put(target: Cloud, name: str, **parameters: str) -> Cloud:
    """Deploy a stage as the target's own but for its parameters, of what was uploaded for that one.

    By a change set, as `sam deploy` does. That itself would pack the same ten functions anew, which
    takes two minutes a stage, and 0.5 GB of an emulator's disk.
    """
    told: dict[str, Any] = tomllib.loads(CONFIG.read_text("utf-8"))[target.target]
    chosen: dict[str, Any] = told["deploy"]["parameters"]
    stack, client = f"tailrace-{name}", target.client("cloudformation")
    values = {**overrides(chosen["parameter_overrides"], target.target), "Stage": name}
    client.create_change_set(
        StackName=stack,
        ChangeSetName="made",
        ChangeSetType="CREATE",
        TemplateURL=_packed(target, chosen["s3_bucket"]),
        Parameters=_as_parameters({**values, **parameters}),
        Capabilities=chosen["capabilities"],
    )
    waiting = {"Delay": POLL_S, "MaxAttempts": MOST_POLLS}
    made = {"StackName": stack, "ChangeSetName": "made"}
    client.get_waiter("change_set_create_complete").wait(**made, WaiterConfig=waiting)
    client.execute_change_set(**made)
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=waiting)
    return Cloud(target.running, stage=name)


def _packed(target: Cloud, bucket: str) -> str:
    """URL of the target's own template as it was deployed, which names what was uploaded."""
    client, key = target.client("cloudformation"), f"{target.name}.template"
    found = client.get_template(StackName=f"tailrace-{target.name}", TemplateStage="Original")
    target.client("s3").put_object(Bucket=bucket, Key=key, Body=found["TemplateBody"].encode())
    return f"{target.running.endpoint}/{bucket}/{key}"


def _as_parameters(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
