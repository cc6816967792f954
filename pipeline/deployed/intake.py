"""Does anything come in: subscriptions, the flow log, and when the newest record came.

Sources: API References of CloudWatch Logs ("DescribeSubscriptionFilters") and EC2
("DescribeFlowLogs").
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.aws import told
from pipeline.deployed.check import Check
from pipeline.deployed.patient import Patient
from pipeline.deployed.words import counted
from pipeline.lake.glue import LANDING_FILES
from pipeline.queries.dialect.athena import literal
from pipeline.schema import BATCH

DESTINATIONS = {"kinesis": "StreamArn", "lambda": "FunctionArn"}


def intake(patient: Patient) -> Iterator[Check]:
    """Whether what is declared to come in is led here."""
    groups, vpc = patient.groups, patient.vpc
    if not patient.expects:
        # Files may come from anybody, and subscriptions be made elsewhere: told, not held against.
        yield Check("intake", True, f"nothing is declared to come in; {_declare(patient)}")
        return
    wrong = list(_unsubscribed(patient, groups))
    wrong += _flow_log(patient, vpc) if vpc else []
    if wrong:
        yield Check("intake", False, "; ".join(wrong), f"deploy it anew: {patient.deploy}")
        return
    led = [f"{counted(len(groups), 'log group')} subscribed to"] if groups else []
    led += [f"flow log of {vpc} is ACTIVE"] if vpc else []
    yield Check("intake", True, ", ".join(led))


def _declare(patient: Patient) -> str:
    names = "FlowLogVpcId"
    if patient.deployed.outputs.get("LogRoute") == "s3":
        bucket = patient.deployed.outputs.get("InboxBucket", "the inbox")
        return f"name {names} in samconfig.toml and {patient.deploy}, or bring files to {bucket}"
    return f"name LogGroups or {names} in samconfig.toml, then {patient.deploy}"


def _unsubscribed(patient: Patient, groups: list[str]) -> Iterator[str]:
    """What is wrong with the subscriptions to log groups."""
    if not groups:
        return
    route = patient.deployed.output("LogRoute")
    wanted = patient.deployed.output(DESTINATIONS[route])
    client = patient.client("logs")
    for group in groups:
        with told("CloudWatch Logs", f"subscriptions of {group}"):
            try:
                said = client.describe_subscription_filters(logGroupName=group)
            except client.exceptions.ResourceNotFoundException:
                yield f"there is no log group {group}"
                continue
        if wanted not in (each.get("destinationArn") for each in said["subscriptionFilters"]):
            yield f"no subscription of {group} leads to {wanted.rpartition(':')[2]}"


def _flow_log(patient: Patient, vpc: str) -> list[str]:
    """What is wrong with the flow log of the stack."""
    with told("EC2", f"flow logs of {vpc}"):
        asked = [{"Name": "resource-id", "Values": [vpc]}]
        found = patient.client("ec2").describe_flow_logs(Filters=asked)["FlowLogs"]
    own = [each for each in found if _is_own(patient, each)]
    if not own:
        return [f"{vpc} has no flow log that comes here"]
    return [text for each in own if (text := _failing(each))]


def _is_own(patient: Patient, flow_log: dict[str, Any]) -> bool:
    inbox = patient.deployed.outputs.get("InboxBucket")
    if inbox:
        return str(flow_log.get("LogDestination", "")).rpartition(":")[2].split("/")[0] == inbox
    return flow_log.get("LogGroupName") == f"/vpc-flow/{patient.deployed.stack}"


def _failing(flow_log: dict[str, Any]) -> str:
    name, status = flow_log.get("FlowLogId", "the flow log"), flow_log.get("FlowLogStatus", "?")
    if status != "ACTIVE":
        return f"{name} is {status}"
    if flow_log.get("DeliverLogsStatus") == "FAILED":
        return f"{name} cannot deliver: {flow_log.get('DeliverLogsErrorMessage', 'no reason')}"
    return ""


def freshness(patient: Patient) -> Iterator[Check]:
    """When the newest record came; silence for long is not well where traffic is declared."""
    yesterday = f"{patient.now.astimezone(UTC) - timedelta(days=1):%Y-%m-%d}"
    sql = (
        f"SELECT max(ingest_time) AS newest FROM {BATCH.name}{LANDING_FILES}"  # noqa: S608 - own words
        f" WHERE arrival_dt >= {literal(yesterday)}"
    )
    (row,) = patient.asking.rows(sql, "the check of what is newest")
    newest: datetime | None = row["newest"]
    if newest is None:
        found, age = f"nothing has come since {yesterday}", patient.silence
    else:
        age = patient.now - newest.replace(tzinfo=UTC)
        minutes = int(age.total_seconds()) // 60
        found = f"the newest record came {minutes:,} minutes ago, at {newest:%Y-%m-%d %H:%M}Z"
    silent = age >= patient.silence and patient.expects
    if silent and patient.may_be_silent:
        found += _not_held(patient)
    elif newest is None and not silent:
        found += "; what comes can be asked within minutes"
    ok = not silent or patient.may_be_silent
    yield Check("freshness", ok, found, _is_logged(patient), mild=not ok)


def _not_held(patient: Patient) -> str:
    """Why silence is not held against a stack."""
    if not patient.silence:
        return "; well, as SilenceHours=0 says"
    hours = counted(patient.silence // timedelta(hours=1), "hour")
    return f"; not yet: the stack was changed less than {hours} ago"


def _is_logged(patient: Patient) -> str:
    """How to tell whether nothing is logged, or what is logged does not get through."""
    if patient.groups:
        looked = f"aws logs tail {patient.groups[0]} --since 1h"
    else:
        bucket = patient.deployed.outputs.get("InboxBucket", "")
        looked = f"aws s3 ls --recursive s3://{bucket}/AWSLogs/"
    return f"was anything logged? {looked}; and what became of it: {patient.logs}"
