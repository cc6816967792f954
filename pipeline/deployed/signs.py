"""Signs that a stack does not work: calls that fail, alarms, dead letters.

Sources: API References of CloudWatch ("GetMetricData", "DescribeAlarms") and SQS
("GetQueueAttributes").
"""

from collections.abc import Iterator
from typing import Any

from pipeline.aws import told
from pipeline.deployed.check import Check
from pipeline.deployed.letters import dead_letters
from pipeline.deployed.patient import Patient
from pipeline.deployed.words import counted

METRICS = ("Invocations", "Errors")
PERIOD_S = 60
SHOWN = 5
# From what share of its calls on a function that fails is not well.
MANY = 1 / 2
# It is an alarm from the first minute of a stack on, and may be right.
SILENCE = "silence"
# Alarms that tell of what is lost, or waits to be brought back: whatever was changed since.
LOSSES = ("failure-store", "retention", "failed-", "inbox-dead", "subscription-")
ON = "ALARM"


def calls(patient: Patient) -> Iterator[Check]:
    """How many calls of the function have failed in the last hour; half of them is not well."""
    name = patient.deployed.output("FunctionName")
    with told("CloudWatch", f"metrics of {name}"):
        said = patient.client("cloudwatch").get_metric_data(
            MetricDataQueries=[_metric(each, name) for each in METRICS],
            StartTime=patient.since,
            EndTime=patient.now,
        )["MetricDataResults"]
    sums = {each["Id"]: round(sum(each["Values"])) for each in said}
    made, failed = (sums.get(each.lower(), 0) for each in METRICS)
    when = f"since {patient.since:%H:%M}Z"
    if not made:
        yield Check("calls", True, f"nothing has called {name} {when}")
        return
    found = f"{failed:,} of {counted(made, 'call')} {when} failed"
    yield Check("calls", failed < made * MANY, found, f"see why: {patient.logs}")


def _metric(metric: str, function: str) -> dict[str, Any]:
    named = {
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }
    return {
        "Id": metric.lower(),
        "MetricStat": {"Metric": named, "Period": PERIOD_S, "Stat": "Sum"},
    }


def letters(patient: Patient) -> Iterator[Check]:
    """Files that were given up, where logs come as files."""
    found = dead_letters(patient.client("sqs"), patient.deployed)
    if found is not None:
        held = f"{counted(found.count, 'dead letter')} in {found.queue}"
        fix = f"mend what {patient.logs} tells, then have them tried again: {found.fix}"
        yield Check("letters", not found.count, held, fix)


def alarms(patient: Patient) -> Iterator[Check]:
    """Alarms of the stack that are on, with what they say.

    Of a stack that was just changed only new ones count, and those that tell of a loss.
    """
    prefix = f"{patient.deployed.stack}-"
    with told("CloudWatch", f"alarms {prefix}*"):
        pages = patient.client("cloudwatch").get_paginator("describe_alarms")
        asked = pages.paginate(AlarmNamePrefix=prefix, StateValue=ON)
        said_to_be = [each for page in asked for each in page["MetricAlarms"]]
    # LocalStack heeds the prefix or the state, not both.
    found = [each for each in said_to_be if each.get("StateValue", ON) == ON]
    silent = [each for each in found if each["AlarmName"] == f"{prefix}{SILENCE}"]
    others = [each for each in found if each not in silent]
    on = [each for each in others if not patient.is_young or _counts(patient, each, prefix)]
    fix = f"since when, and all of them: {_asked(prefix)}"
    if on:
        yield Check("alarm", False, _some([_said(each) for each in on]), fix)
    else:
        yield Check("alarm", True, _well(prefix, [each["AlarmName"] for each in others]))
    for each in silent:
        if patient.may_be_silent:
            yield Check(SILENCE, True, f"{each['AlarmName']} is on; that does not count (yet)")
        else:
            yield Check(SILENCE, False, _said(each), fix, mild=True)


def _counts(patient: Patient, alarm: dict[str, Any], prefix: str) -> bool:
    """Whether an alarm tells of a stack as it is since its last change."""
    if alarm["AlarmName"].removeprefix(prefix).startswith(LOSSES):
        return True
    return bool(alarm["StateUpdatedTimestamp"] >= patient.since)


def _well(prefix: str, older: list[str]) -> str:
    if not older:
        return f"none of {prefix}* is on"
    number = f"{len(older):,} {'is' if len(older) == 1 else 'are'}"
    return f"{number} on since before the last change: {_some(older, ', ')}"


def _some(texts: list[str], between: str = "; ") -> str:
    more = f"{between.rstrip(' ')} and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return f"{between.join(texts[:SHOWN])}{more}"


def _said(alarm: dict[str, Any]) -> str:
    return f"{alarm['AlarmName']}: {alarm.get('AlarmDescription', 'no description')}"


def _asked(prefix: str) -> str:
    return f"aws cloudwatch describe-alarms --state-value ALARM --alarm-name-prefix {prefix}"
