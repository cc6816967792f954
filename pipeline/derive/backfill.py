"""infra/backfill.yaml: the machine of infra/backfill.asl.yaml, and its role."""

from typing import Any

from pipeline.derive import yaml
from pipeline.derive.machines import WHO, machine, may, role_of, sub
from pipeline.derive.stack import STAGE, VERSION

NAME, ROLE = "backfill", "BackfillMachineRole"
_ABOUT = "Backfill: the state machine that brings in once more what is there."


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    itself = sub(WHO % ("states", f"stateMachine:tailrace-${{Stage}}-{NAME}"))
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: objects or records that are there are brought in once more.",
        "Parameters": {
            "Stage": STAGE,
            "FunctionArn": {"Type": "String", "Description": "What does the steps"},
        },
        "Resources": {
            ROLE: role_of(
                NAME,
                {
                    "steps": [may(["lambda:InvokeFunction"], {"Ref": "FunctionArn"})],
                    # A history ends somewhere: what is left the next execution takes.
                    "go-on": [may(["states:StartExecution"], itself)],
                },
            ),
            "Machine": _machine(),
        },
        "Outputs": {"MachineArn": {"Value": {"Ref": "Machine"}}},
    }


def _machine() -> dict[str, Any]:
    start = sub("arn:${AWS::Partition}:states:::states:startExecution")
    made = machine(NAME, ROLE, {"Function": {"Ref": "FunctionArn"}, "Start": start})
    # It knows of no JSONata in MaxConcurrency, which AWS takes ("Map state", JSONata).
    ignored = {"config": {"ignore_checks": ["E3601"]}}
    return {**made, "Metadata": {**made["Metadata"], "cfn-lint": ignored}}
