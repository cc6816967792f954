"""infra/erasure.yaml: the machine of infra/erase.asl.yaml, its role and its alarms."""

from typing import Any

from pipeline.derive import yaml
from pipeline.derive.compaction import CURATED, SWAPS
from pipeline.derive.machines import attached, in_catalog, machine, may, role_of
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm

NAME, ROLE = "erase", "EraseMachineRole"
_ABOUT = "Erasure: the state machine that takes a person's data out of the lake."


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: a person's data leaves the lake.",
        "Parameters": {
            "Stage": STAGE,
            "FunctionArn": {"Type": "String", "Description": "What does the steps"},
            "FunctionRole": {"Type": "String", "Description": "Name of its role"},
            "AlarmTopicArn": TOPIC,
        },
        "Conditions": {"HasTopic": HAS_TOPIC},
        "Resources": {
            ROLE: role_of(
                NAME, {"steps": [may(["lambda:InvokeFunction"], {"Ref": "FunctionArn"})]}
            ),
            "FunctionMay": attached("FunctionRole", "catalog", [in_catalog(SWAPS, CURATED)]),
            "Machine": machine(NAME, ROLE, {"Function": {"Ref": "FunctionArn"}}),
            "HasFailed": _alarm("erasure-failed", "ExecutionsFailed", "An erasure failed"),
            "HasHung": _alarm(
                "erasure-timed-out", "ExecutionsTimedOut", "An erasure took longer than it may"
            ),
            "WasStopped": _alarm("erasure-stopped", "ExecutionsAborted", "An erasure was stopped"),
        },
        "Outputs": {"MachineArn": {"Value": {"Ref": "Machine"}}},
    }


def _alarm(name: str, metric: str, what: str) -> dict[str, Any]:
    return alarm(
        name,
        f"{what}: files may still hold what was to go. Run tailrace erase --stage ${{Stage}} again"
        " for the same subject",
        {
            "Namespace": "AWS/States",
            "MetricName": metric,
            "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": "Machine"}}],
            "Statistic": "Sum",
            "Period": 3600,
            "EvaluationPeriods": 1,
        },
        0,
    )
