"""State machines of infra/*.asl.yaml as resources of a template, and the roles around them.

A machine stands in the template itself: CloudFormation reads no anchors of YAML, and a file that is
uploaded beside the template is one more that can be another than the one that was looked at.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml as reader  # type: ignore[import-untyped]

INFRA = Path(__file__).resolve().parents[2] / "infra"
# An ARN of this account and region: service, and what stands behind the account.
WHO = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"


def written(name: str) -> Path:
    """The file of a machine."""
    return INFRA / f"{name}.asl.yaml"


def definition(name: str) -> dict[str, Any]:
    """A machine in Amazon States Language."""
    found: dict[str, Any] = reader.safe_load(written(name).read_text("utf-8"))
    return found


def machine(name: str, role: str, substitutions: dict[str, Any]) -> dict[str, Any]:
    """The machine tailrace-<stage>-<name>.

    role           logical id of its role
    substitutions  what stands for `${Name}` in its definition
    """
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Metadata": {
            "checkov": {
                "skip": [
                    {"id": check, "comment": "Step Functions keeps each execution for 90 days"}
                    for check in ("CKV_AWS_284", "CKV_AWS_285")
                ]
            }
        },
        "Properties": {
            "StateMachineName": {"Fn::Sub": f"tailrace-${{Stage}}-{name}"},
            "StateMachineType": "STANDARD",
            "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
            "Definition": definition(name),
            "DefinitionSubstitutions": substitutions,
        },
    }


def role_of(name: str, policies: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The role of a machine; statements by the name of their policy."""
    source = WHO % ("states", f"stateMachine:tailrace-${{Stage}}-{name}")
    return assumed_by("states.amazonaws.com", source, policies)


def assumed_by(
    service: str, source: str, policies: dict[str, list[dict[str, Any]]], condition: str = ""
) -> dict[str, Any]:
    """A role that a service takes on for a resource of this account alone, `source`."""
    role: dict[str, Any] = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": service},
                        "Action": "sts:AssumeRole",
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                            "ArnLike": {"aws:SourceArn": sub(source)},
                        },
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": name,
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
                for name, statements in policies.items()
            ],
        },
    }
    return {**role, "Condition": condition} if condition else role


def attached(role: str, name: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A policy that a role of the stack around this one gets; `role`: the parameter that names it.

    Here, for it names tables one by one.
    """
    return {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": name,
            "Roles": [{"Ref": role}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        },
    }


def in_catalog(actions: list[str], tables: Iterable[str]) -> dict[str, Any]:
    """A statement that allows something with some tables or views of the stage's database."""
    places = ["catalog", "database/tailrace_${Stage}"]
    places += [f"table/tailrace_${{Stage}}/{table}" for table in tables]
    return may(actions, [sub(WHO % ("glue", place)) for place in places])


def may(actions: list[str], resources: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def sub(text: str) -> dict[str, str]:
    """A text in which the stack fills in names."""
    return {"Fn::Sub": text}
