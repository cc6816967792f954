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
# It is an alarm from the first minute of a stack on; here silence is told by what has landed.
SILENCE = "-silence"
ON = "ALARM"


def calls(patient: Patient) -> Iterator[Check]:
    """How many calls of the function have failed in the last hour; all is not well."""
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
    yield Check("calls", failed < made, found, f"see why: {patient.logs}")


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
    """Alarms of the stack that are on, with what they say; of a young one only new ones."""
    prefix = f"{patient.deployed.stack}-"
    with told("CloudWatch", f"alarms {prefix}*"):
        pages = patient.client("cloudwatch").get_paginator("describe_alarms")
        asked = pages.paginate(AlarmNamePrefix=prefix, StateValue=ON)
        said_to_be = [each for page in asked for each in page["MetricAlarms"]]
    # LocalStack heeds the prefix or the state, not both.
    found = [each for each in said_to_be if each.get("StateValue", ON) == ON]
    on = [each for each in found if not patient.is_young or _is_of_now(patient, each)]
    if on:
        more = f"; and {len(on) - SHOWN} more" if len(on) > SHOWN else ""
        said = f"{'; '.join(map(_said, on[:SHOWN]))}{more}"
        yield Check("alarm", False, said, f"since when, and all of them: {_asked(prefix)}")
        return
    older = f"; {counted(len(found), 'alarm')} of before the last change" if found else ""
    yield Check("alarm", True, f"none of {prefix}* is on{older}")


def _is_of_now(patient: Patient, alarm: dict[str, Any]) -> bool:
    if alarm["AlarmName"].endswith(SILENCE):
        return False
    return bool(alarm["StateUpdatedTimestamp"] >= patient.since)


def _said(alarm: dict[str, Any]) -> str:
    return f"{alarm['AlarmName']}: {alarm.get('AlarmDescription', 'no description')}"


def _asked(prefix: str) -> str:
    return f"aws cloudwatch describe-alarms --state-value ALARM --alarm-name-prefix {prefix}"
