"""infra/subscriptions.yaml: a subscription filter for each log group, in numbered places.

A loop (Fn::ForEach) would be shorter, but names of log groups are no logical ids, and what makes
them such (&{name}) LocalStack does not know.
"""

from typing import Any

from pipeline.derive import yaml
from pipeline.derive.stack import HAS_TOPIC, NO_VALUE, STAGE, TOPIC, VERSION, alarm

PLACES = 10
_ABOUT = """
Filters have no names of their own: when a group moves to another place of the list, its old filter
is deleted by its name, and must not be the new one. After only puts things in order, and TooMany is
there to be refused: hence W2001.
"""


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT.strip(), template())


def template() -> dict[str, Any]:
    """The template."""
    groups = ["FlowLogGroup", *(f"LogGroup{place}" for place in range(1, PLACES + 1))]
    text = {"Type": "String"}
    resources: dict[str, Any] = {}
    for group in groups:
        resources |= _of_group(group)
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: subscriptions to log groups.",
        "Metadata": {"cfn-lint": {"config": {"ignore_checks": ["W2001"]}}},
        "Parameters": {
            "Stage": STAGE,
            "Destination": {**text, "Description": "ARN of the stream or the function"},
            "DestinationType": {**text, "AllowedValues": ["Kinesis", "Lambda"]},
            "RoleArn": {
                **text,
                "Description": "Role that writes to the stream; empty without one",
                "Default": "",
            },
            "After": {**text, "Description": "What had to be there first"},
            "AlarmTopicArn": TOPIC,
            **{group: {**text, "Default": ""} for group in groups},
            "TooMany": {
                **text,
                "Description": f"What is beyond {PLACES} log groups",
                "AllowedValues": [""],
                "ConstraintDescription": f"must be empty: at most {PLACES} log groups",
                "Default": "",
            },
        },
        "Conditions": {
            "HasTopic": HAS_TOPIC,
            "HasRole": {"Fn::Not": [{"Fn::Equals": [{"Ref": "RoleArn"}, ""]}]},
            **{
                f"Has{group}": {"Fn::Not": [{"Fn::Equals": [{"Ref": group}, ""]}]}
                for group in groups
            },
        },
        "Resources": resources,
    }


def _of_group(group: str) -> dict[str, Any]:
    name = f"{group}Filter"
    number = group.removeprefix("LogGroup")
    metric = {
        "Namespace": "AWS/Logs",
        "MetricName": "DeliveryErrors",
        "Dimensions": [
            {"Name": "LogGroupName", "Value": {"Ref": group}},
            {"Name": "DestinationType", "Value": {"Ref": "DestinationType"}},
            {"Name": "FilterName", "Value": {"Ref": name}},
        ],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
    }
    failing = alarm(
        f"subscription-{'flow-log' if group == number else number}",
        "CloudWatch Logs cannot deliver: without permission or destination it skips up to ten"
        " minutes of this log group, which no replay brings back",
        metric,
        0,
    )
    return {
        name: {
            "Type": "AWS::Logs::SubscriptionFilter",
            "Condition": f"Has{group}",
            "Properties": {
                "LogGroupName": {"Ref": group},
                "FilterPattern": "",
                "DestinationArn": {"Ref": "Destination"},
                "RoleArn": {"Fn::If": ["HasRole", {"Ref": "RoleArn"}, NO_VALUE]},
                # By stream, the default, makes a busy interface a hot shard.
                "Distribution": {"Fn::If": ["HasRole", "Random", NO_VALUE]},
            },
        },
        f"{group}Fails": {
            "Type": failing["Type"],
            "Condition": f"Has{group}",
            "Properties": failing["Properties"],
        },
    }
