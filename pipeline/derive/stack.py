"""What the generated templates of the stack have in common."""

from typing import Any

VERSION = "2010-09-09"
NO_VALUE = {"Ref": "AWS::NoValue"}
# Parameters that several of them have.
STAGE = {"Type": "String"}
# What may be empty is so by default, too: LocalStack loses an empty value that is none.
TOPIC = {
    "Type": "String",
    "Description": "SNS topic that alarms go to; empty for none",
    "Default": "",
}
HAS_TOPIC = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}
_TO_TOPIC = {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], NO_VALUE]}


def logical_id(name: str) -> str:
    """A name with underscores as CloudFormation's logical id: vpc_flow is VpcFlow."""
    return "".join(word.capitalize() for word in name.split("_"))


def filled_in(value: Any, *names: str) -> Any:
    """A value whose texts get `${name}` filled in by the stack; every other `${` stays as it is."""
    if isinstance(value, dict):
        return {key: filled_in(part, *names) for key, part in value.items()}
    if isinstance(value, list):
        return [filled_in(part, *names) for part in value]
    if not isinstance(value, str) or not any(f"${{{name}}}" in value for name in names):
        return value
    text = value.replace("${", "${!")
    for name in names:
        text = text.replace(f"${{!{name}}}", f"${{{name}}}")
    return {"Fn::Sub": text}


def alarm(name: str, description: str, metric: dict[str, Any], above: int) -> dict[str, Any]:
    """An alarm on a metric that is above a number; where there is no data there is none.

    name         what follows tailrace-<stage>- in its own
    description  may name ${Stage}
    metric       Namespace, MetricName, Dimensions, Statistic, Period, EvaluationPeriods
    """
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"tailrace-${{Stage}}-{name}"},
            "AlarmDescription": filled_in(description, "Stage"),
            **metric,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": above,
            "TreatMissingData": "notBreaching",
            "AlarmActions": _TO_TOPIC,
            "OKActions": _TO_TOPIC,
        },
    }
