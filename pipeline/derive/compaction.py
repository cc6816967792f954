"""infra/compaction.yaml: the machine of infra/compact.asl.yaml, its schedule, role and alarms."""

from typing import Any

from pipeline.deliver import lake_file
from pipeline.deliver.lake_file import LANDING
from pipeline.derive import yaml
from pipeline.derive.machines import (
    WHO,
    assumed_by,
    attached,
    in_catalog,
    machine,
    may,
    role_of,
    sub,
)
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm
from pipeline.lake.glue import CURATED_FILES, LANDING_FILES, VERSIONS, views
from pipeline.lake.tables import all_tables

NAME, WORKGROUP = "compact", "CompactionWorkgroup"
# How a day is swapped, and in which tables.
SWAPS = ["glue:GetPartition", "glue:CreatePartition", "glue:UpdatePartition"]
CURATED = [f"{name}{CURATED_FILES}" for name in all_tables()]
_WORKGROUP = "tailrace-${Stage}-compact"
_WORKGROUP_ARN = WHO % ("athena", f"workgroup/{_WORKGROUP}")
_ABOUT = "Compaction: the state machine that steers it, and when."


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    text = {"Type": "String"}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: landing that has closed is folded into curated.",
        "Parameters": {
            "Stage": STAGE,
            "FunctionArn": {**text, "Description": "What does the steps that are not Athena's"},
            "FunctionRole": {**text, "Description": "Name of its role"},
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
            WORKGROUP: _workgroup(),
            "FunctionMay": _function_may(),
            "MachineRole": _role(),
            "Machine": machine(
                NAME,
                "MachineRole",
                {
                    "Function": {"Ref": "FunctionArn"},
                    "WorkGroup": {"Ref": WORKGROUP},
                    "Database": {"Ref": "Database"},
                    "Athena": sub("arn:${AWS::Partition}:states:::athena:startQueryExecution.sync"),
                },
            ),
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


def _workgroup() -> dict[str, Any]:
    """In which Athena reads and writes: that of people breaks a query off that scans much."""
    return {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": sub(_WORKGROUP),
            "Description": sub("Compaction of Tailrace ${Stage}"),
            "RecursiveDeleteOption": True,
            "WorkGroupConfiguration": {
                "EnforceWorkGroupConfiguration": True,
                "PublishCloudWatchMetricsEnabled": True,
                "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
                "ResultConfiguration": {
                    "OutputLocation": sub("s3://${ResultsBucket}/athena/"),
                    "ExpectedBucketOwner": {"Ref": "AWS::AccountId"},
                    "EncryptionConfiguration": {
                        "EncryptionOption": "SSE_KMS",
                        "KmsKey": {"Ref": "KeyArn"},
                    },
                },
            },
        },
    }


def _function_may() -> dict[str, Any]:
    shown = [name for table in all_tables().values() for name in views(table, None)]
    return attached(
        "FunctionRole",
        "catalog",
        [
            in_catalog(SWAPS, CURATED),
            in_catalog(["glue:GetTable", "glue:UpdateTable"], shown),
            may(["athena:GetQueryResults"], sub(_WORKGROUP_ARN)),
        ],
    )


def _role() -> dict[str, Any]:
    lake = "arn:${AWS::Partition}:s3:::${LakeBucket}"
    results = "arn:${AWS::Partition}:s3:::${ResultsBucket}"
    tables = [f"{name}{files}" for files in (LANDING_FILES, VERSIONS) for name in all_tables()]
    return role_of(
        NAME,
        {
            "steps": [may(["lambda:InvokeFunction"], {"Ref": "FunctionArn"})],
            "athena": [
                may(
                    [
                        "athena:StartQueryExecution",
                        "athena:GetQueryExecution",
                        "athena:StopQueryExecution",
                    ],
                    sub(_WORKGROUP_ARN),
                ),
                in_catalog(["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"], tables),
            ],
            "rows": [
                may(
                    ["s3:GetObject"],
                    [sub(f"{lake}/lake/{zone}/*") for zone in (LANDING, lake_file.CURATED)],
                ),
                may(
                    ["s3:PutObject", "s3:AbortMultipartUpload"],
                    sub(f"{lake}/lake/{lake_file.CURATED}/*"),
                ),
                may(
                    ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    sub(f"{results}/*"),
                ),
                may(["s3:ListBucket", "s3:GetBucketLocation"], [sub(lake), sub(results)]),
                {
                    **may(["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KeyArn"}),
                    "Condition": {
                        "StringEquals": {"kms:ViaService": sub("s3.${AWS::Region}.amazonaws.com")}
                    },
                },
            ],
        },
    )


def _schedule_role() -> dict[str, Any]:
    return assumed_by(
        "scheduler.amazonaws.com",
        # Whom it takes a role on for is told by the group; ours have none of their own.
        WHO % ("scheduler", "schedule-group/default"),
        {"start": [may(["states:StartExecution"], {"Ref": "Machine"})]},
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


def _metric(name: str, seconds: int) -> dict[str, Any]:
    return {
        "Namespace": "AWS/States",
        "MetricName": name,
        "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": "Machine"}}],
        "Statistic": "Sum",
        "Period": seconds,
        "EvaluationPeriods": 1,
    }
