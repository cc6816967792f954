"""infra/compaction.yaml: the machine of infra/compact.asl.yaml, its schedule, role and alarms.

The machine stands in the template itself: CloudFormation reads no anchors of YAML, and a file that
is uploaded beside the template is one more that can be another than the one that was looked at.
"""

from pathlib import Path
from typing import Any

import yaml as reader  # type: ignore[import-untyped]

from pipeline.deliver.lake_file import CURATED, LANDING
from pipeline.derive import yaml
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm
from pipeline.lake.glue import LANDING_FILES, VERSIONS
from pipeline.lake.tables import all_tables

MACHINE = Path(__file__).resolve().parents[2] / "infra" / "compact.asl.yaml"
_ABOUT = "Compaction: the state machine that steers it, and when."
_WHO = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def machine() -> dict[str, Any]:
    """The state machine, in Amazon States Language."""
    found: dict[str, Any] = reader.safe_load(MACHINE.read_text("utf-8"))
    return found


def template() -> dict[str, Any]:
    """The template."""
    text = {"Type": "String"}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: landing that has closed is folded into curated.",
        "Parameters": {
            "Stage": STAGE,
            "FunctionArn": {**text, "Description": "What does the steps that are not Athena's"},
            "WorkGroup": {**text, "Description": "In which Athena reads and writes"},
            "Database": {**text, "Description": "Where the tables are"},
            "LakeBucket": text,
            "ResultsBucket": {**text, "Description": "Where answers of Athena lie"},
            "KeyArn": {**text, "Description": "What both are encrypted with"},
            "Hours": {"Type": "Number", "Description": "Between two compactions; 0 for none"},
            "AlarmTopicArn": TOPIC,
        },
        "Conditions": {
            "HasTopic": HAS_TOPIC,
            "IsScheduled": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Hours"}, 0]}]},
        },
        "Resources": {
            "MachineRole": _role(),
            "Machine": _machine(),
            "ScheduleRole": _schedule_role(),
            "Schedule": _schedule(),
            "HasFailed": alarm(
                "compaction-failed",
                "A compaction did not fold all that has closed; answers are right, and get slower"
                " and dearer. The execution in Step Functions says which day, and the next one"
                " tries again",
                _metric("ExecutionsFailed", 3600),
                0,
            ),
            "HasHung": alarm(
                "compaction-timed-out",
                "A compaction took longer than it may; the next one goes on behind it",
                _metric("ExecutionsTimedOut", 3600),
                0,
            ),
        },
        "Outputs": {"MachineArn": {"Value": {"Ref": "Machine"}}},
    }


def _machine() -> dict[str, Any]:
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
            "StateMachineName": {"Fn::Sub": "tailrace-${Stage}-compact"},
            "StateMachineType": "STANDARD",
            "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
            "Definition": machine(),
            "DefinitionSubstitutions": {
                "Function": {"Ref": "FunctionArn"},
                "WorkGroup": {"Ref": "WorkGroup"},
                "Database": {"Ref": "Database"},
                "Athena": _sub("arn:${AWS::Partition}:states:::athena:startQueryExecution.sync"),
            },
        },
    }


def _role() -> dict[str, Any]:
    lake = "arn:${AWS::Partition}:s3:::${LakeBucket}"
    results = "arn:${AWS::Partition}:s3:::${ResultsBucket}"
    tables = [f"table/tailrace_${{Stage}}/{name}{LANDING_FILES}" for name in all_tables()]
    tables += [f"table/tailrace_${{Stage}}/{name}{VERSIONS}" for name in all_tables()]
    return _assumed_by(
        "states.amazonaws.com",
        _WHO % ("states", "stateMachine:tailrace-${Stage}-compact"),
        {
            "steps": [_may(["lambda:InvokeFunction"], {"Ref": "FunctionArn"})],
            "athena": [
                _may(
                    [
                        "athena:StartQueryExecution",
                        "athena:GetQueryExecution",
                        "athena:StopQueryExecution",
                    ],
                    _sub(_WHO % ("athena", "workgroup/${WorkGroup}")),
                ),
                _may(
                    ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
                    [
                        _sub(_WHO % ("glue", place))
                        for place in ("catalog", "database/tailrace_${Stage}", *tables)
                    ],
                ),
            ],
            "rows": [
                _may(
                    ["s3:GetObject"],
                    [_sub(f"{lake}/lake/{zone}/*") for zone in (LANDING, CURATED)],
                ),
                _may(
                    ["s3:PutObject", "s3:AbortMultipartUpload"],
                    _sub(f"{lake}/lake/{CURATED}/*"),
                ),
                _may(
                    ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    _sub(f"{results}/*"),
                ),
                _may(["s3:ListBucket", "s3:GetBucketLocation"], [_sub(lake), _sub(results)]),
                {
                    **_may(["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KeyArn"}),
                    "Condition": {
                        "StringEquals": {"kms:ViaService": _sub("s3.${AWS::Region}.amazonaws.com")}
                    },
                },
            ],
        },
    )


def _schedule_role() -> dict[str, Any]:
    return _assumed_by(
        "scheduler.amazonaws.com",
        # Whom it takes a role on for is told by the group; ours have none of their own.
        _WHO % ("scheduler", "schedule-group/default"),
        {"start": [_may(["states:StartExecution"], {"Ref": "Machine"})]},
        "IsScheduled",
    )


def _schedule() -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Condition": "IsScheduled",
        "Properties": {
            "Name": {"Fn::Sub": "tailrace-${Stage}-compact"},
            "Description": "Folds the hours of landing that have closed",
            "ScheduleExpression": {"Fn::Sub": "rate(${Hours} hours)"},
            # Not all stages of an account at once.
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            "Target": {
                "Arn": {"Ref": "Machine"},
                "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
                # Where one is missed the next one does its work.
                "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
            },
        },
    }


def _assumed_by(
    service: str, source: str, policies: dict[str, list[dict[str, Any]]], condition: str = ""
) -> dict[str, Any]:
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
                            "ArnLike": {"aws:SourceArn": _sub(source)},
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


def _may(actions: list[str], resources: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def _metric(name: str, seconds: int) -> dict[str, Any]:
    return {
        "Namespace": "AWS/States",
        "MetricName": name,
        "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": "Machine"}}],
        "Statistic": "Sum",
        "Period": seconds,
        "EvaluationPeriods": 1,
    }
