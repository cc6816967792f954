"""A stack that is there and does not work is not well: nothing comes, calls fail, alarms are on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.deployed.cloud import Cloud
from tests.deployed.lake import Lake
from tests.deployed.patients import NOW, checked, only, sick, with_one_record

DEPLOY = "deploy it anew: make deploy STAGE=staging"
DEAD = "arn:aws:sqs:eu-west-1:123456789012:tailrace-staging-inbox-dead"
INBOX = "tailrace-staging-inboxbucket-x"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A stack with one record."""
    return with_one_record(tmp_path)


def by_files(cloud: Cloud, dead: int = 0) -> Cloud:
    """The stack, with logs that come as files."""
    cloud.outputs |= {"LogRoute": "s3", "InboxBucket": INBOX}
    cloud.parameters["LogGroups"] = ""
    cloud.said |= {
        "DescribeFlowLogs": {"logDestination": f"arn:aws:s3:::{INBOX}", "logGroupName": ""},
        "GetQueueUrl": {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"},
        "GetQueueAttributes": {
            "Attributes": {"QueueArn": DEAD, "ApproximateNumberOfMessages": str(dead)}
        },
    }
    return cloud


def calls(made: int, failed: int) -> dict[str, Any]:
    """Metrics of the function."""
    values = {"invocations": [made], "errors": [failed]}
    return {"MetricDataResults": [{"Id": name, "Values": each} for name, each in values.items()]}


@pytest.mark.fault("F36")
def test_an_hour_of_silence_is_not_well_where_something_is_declared(cloud: Cloud) -> None:
    cloud.parameters["FlowLogVpcId"] = ""
    late = NOW + timedelta(minutes=31)
    assert only(checked(cloud, late), "freshness") == (
        "the newest record came 60 minutes ago, at 2026-11-25 14:00Z -> was anything logged? aws"
        " logs tail /app/shop --since 1h; and what became of it: make logs STAGE=staging"
    )
    cloud.parameters["LogGroups"] = ""
    assert checked(cloud, late)["freshness"].ok


def test_a_stack_to_which_nothing_ever_came_is_not_well_after_an_hour(tmp_path: Path) -> None:
    made = by_files(Cloud(lake=Lake(tmp_path), changed=NOW - timedelta(minutes=60)))
    assert only(checked(made), "freshness") == (
        "nothing has come since 2026-11-24 -> was anything logged? aws s3 ls --recursive"
        f" s3://{INBOX}/AWSLogs/; and what became of it: make logs STAGE=staging"
    )
    made.changed += timedelta(minutes=1)
    assert checked(made)["freshness"].ok


def test_a_stack_of_which_nothing_is_declared_says_how_to(cloud: Cloud) -> None:
    cloud.parameters |= {"LogGroups": "", "FlowLogVpcId": ""}
    found = checked(cloud)["intake"]
    assert (found.ok, found.found) == (
        True,
        "nothing is declared to come in; name LogGroups or FlowLogVpcId in samconfig.toml, then"
        " make deploy STAGE=staging",
    )
    by_files(cloud)
    assert checked(cloud)["intake"].found.endswith(f"STAGE=staging, or bring files to {INBOX}")
    assert not {"DescribeFlowLogs", "DescribeSubscriptionFilters"} & set(cloud.asked)


def test_a_log_group_whose_subscription_leads_elsewhere_is_named(cloud: Cloud) -> None:
    def filters(asked: Any) -> Any:
        if asked["logGroupName"] == "aws-waf-logs-shop":
            return {"subscriptionFilters": [{"destinationArn": "arn:aws:kinesis:r:1:stream/x"}]}
        return cloud._DescribeSubscriptionFilters(asked)

    assert sick(cloud, "intake", "DescribeSubscriptionFilters", filters) == (
        "no subscription of aws-waf-logs-shop leads to stream/tailrace-staging-logs -> " + DEPLOY
    )


def test_a_log_group_that_is_not_there_is_named(cloud: Cloud) -> None:
    cloud.errors["DescribeSubscriptionFilters"] = [(400, "ResourceNotFoundException")]
    found = only(checked(cloud), "intake")
    assert found == f"there is no log group /vpc-flow/tailrace-staging -> {DEPLOY}"


def test_blanks_in_the_list_of_log_groups_are_no_part_of_their_names(cloud: Cloud) -> None:
    cloud.parameters["LogGroups"] = "/app/shop, aws-waf-logs-shop , "

    def filters(asked: Any) -> Any:
        assert asked["logGroupName"].strip() == asked["logGroupName"]
        return cloud._DescribeSubscriptionFilters(asked)

    cloud.said["DescribeSubscriptionFilters"] = filters
    found = checked(cloud)["intake"].found
    assert found.startswith("3 log groups subscribed to")


def test_by_the_route_of_lambda_subscriptions_lead_to_the_function(cloud: Cloud) -> None:
    cloud.outputs["LogRoute"] = "lambda"
    cloud.said["ListEventSourceMappings"] = {"EventSourceMappings": []}
    assert checked(cloud)["intake"].ok


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (
            {"deliverLogsStatus": "FAILED", "deliverLogsErrorMessage": "Access error"},
            "fl-1 cannot deliver: Access error",
        ),
        ({"flowLogStatus": "DELETING"}, "fl-1 is DELETING"),
        ({"logGroupName": "/other"}, "vpc-0123456789abcdef0 has no flow log that comes here"),
    ],
)
def test_a_flow_log_that_does_not_deliver_is_named(
    cloud: Cloud, said: dict[str, str], says: str
) -> None:
    assert sick(cloud, "intake", "DescribeFlowLogs", said) == f"{says} -> {DEPLOY}"


def test_a_flow_log_of_files_comes_to_the_inbox(cloud: Cloud) -> None:
    found = checked(by_files(cloud))
    assert found["intake"].found == "flow log of vpc-0123456789abcdef0 is ACTIVE"
    assert all(each.ok for each in found.values())


def test_a_function_of_whose_calls_half_fail_is_not_well(cloud: Cloud) -> None:
    assert sick(cloud, "calls", "GetMetricData", calls(1_200, 1_200)) == (
        "1,200 of 1,200 calls since 13:30Z failed -> see why: make logs STAGE=staging"
    )
    assert sick(cloud, "calls", "GetMetricData", calls(1_200, 600)).startswith("600 of 1,200 calls")
    cloud.said["GetMetricData"] = calls(1_200, 599)
    assert checked(cloud)["calls"].ok


def test_calls_of_before_the_last_change_do_not_count(cloud: Cloud) -> None:
    def since(asked: Any) -> Any:
        assert (asked["EndTime"] - asked["StartTime"]) == 600
        return calls(0, 0)

    cloud.changed = NOW - timedelta(minutes=10)
    cloud.said["GetMetricData"] = since
    found = checked(cloud)["calls"].found
    assert found == "nothing has called tailrace-staging-log-etl since 14:20Z"


def test_a_stack_that_was_changed_later_than_now_is_asked_of_the_last_minute(cloud: Cloud) -> None:
    def since(asked: Any) -> Any:
        assert (asked["EndTime"] - asked["StartTime"]) == 60
        return calls(0, 0)

    cloud.changed = NOW + timedelta(minutes=3)
    cloud.said["GetMetricData"] = since
    assert checked(cloud)["calls"].ok


def alarm(name: str, minutes_ago: int) -> dict[str, Any]:
    """An alarm that is on."""
    return {
        "AlarmName": f"tailrace-staging-{name}",
        "AlarmDescription": f"It is {name}",
        "StateUpdatedTimestamp": (NOW - timedelta(minutes=minutes_ago)).timestamp(),
    }


def test_alarms_that_are_on_are_told_with_what_they_say(cloud: Cloud) -> None:
    on = [alarm("rejected", 5), *(alarm(f"t{number}-late", 600) for number in range(5))]
    found = sick(cloud, "alarm", "DescribeAlarms", {"MetricAlarms": on})
    assert found.startswith("tailrace-staging-rejected: It is rejected; tailrace-staging-t0-late: ")
    assert found.endswith(
        "It is t3-late; and 1 more -> since when, and all of them: aws cloudwatch describe-alarms"
        " --state-value ALARM --alarm-name-prefix tailrace-staging-"
    )


def test_of_a_stack_that_was_just_changed_only_new_alarms_count(cloud: Cloud) -> None:
    cloud.changed = NOW - timedelta(minutes=10)
    cloud.said["DescribeAlarms"] = {"MetricAlarms": [alarm("rejected", 15), alarm("silence", 5)]}
    assert checked(cloud)["alarm"].ok
    new = {"MetricAlarms": [alarm("function-errors", 5)]}
    assert sick(cloud, "alarm", "DescribeAlarms", new).startswith("tailrace-staging-function-err")


def test_old_alarms_of_a_stack_that_was_just_changed_are_named(cloud: Cloud) -> None:
    cloud.changed = NOW - timedelta(minutes=10)
    old = [alarm("rejected", 15), alarm("waf-late", 600)]
    cloud.said["DescribeAlarms"] = {"MetricAlarms": old}
    found = checked(cloud)["alarm"]
    assert (found.ok, found.found) == (
        True,
        "2 are on since before the last change: tailrace-staging-rejected,"
        " tailrace-staging-waf-late",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("failure-store", "retention", "failed-batches", "failed-calls", "inbox-dead"),
        *("subscription-3", "subscription-flow-log"),
    ],
)
def test_an_alarm_that_tells_of_a_loss_counts_whatever_was_changed_since(
    name: str, cloud: Cloud
) -> None:
    cloud.changed = NOW - timedelta(minutes=10)
    on = {"MetricAlarms": [alarm(name, 600), alarm("rejected", 600)]}
    found = sick(cloud, "alarm", "DescribeAlarms", on)
    assert found.startswith(f"tailrace-staging-{name}: It is {name} -> since when")


def test_the_alarm_of_silence_counts_after_its_hours_alone(cloud: Cloud) -> None:
    silence = {"MetricAlarms": [alarm("silence", 5)]}
    assert sick(cloud, "silence", "DescribeAlarms", silence).startswith(
        "tailrace-staging-silence: It is silence -> since when"
    )
    assert checked(cloud)["silence"].mild
    cloud.parameters["SilenceHours"] = "6"
    cloud.changed = NOW - timedelta(hours=5, minutes=59)
    assert checked(cloud)["silence"].ok
    cloud.changed = NOW - timedelta(hours=6)
    assert not checked(cloud)["silence"].ok


def test_silence_is_well_for_as_long_as_the_stack_says(cloud: Cloud) -> None:
    cloud.parameters["SilenceHours"] = "6"
    came = NOW - timedelta(minutes=29)
    assert checked(cloud, came + timedelta(hours=5, minutes=59))["freshness"].ok
    silent = checked(cloud, came + timedelta(hours=6))["freshness"]
    assert (silent.ok, silent.mild) == (False, True)
    cloud.parameters["SilenceHours"] = "0"
    found = checked(cloud, came + timedelta(hours=20))["freshness"]
    assert found.ok
    assert found.found.endswith("; well, as SilenceHours=0 says")


def test_dead_letters_are_told_with_the_command_that_has_them_tried_again(cloud: Cloud) -> None:
    assert checked(by_files(cloud))["letters"].ok
    assert only(checked(by_files(cloud, dead=2)), "letters") == (
        "2 dead letters in tailrace-staging-inbox-dead -> mend what make logs STAGE=staging tells,"
        f" then have them tried again: aws sqs start-message-move-task --source-arn {DEAD}"
    )


@pytest.mark.parametrize(
    ("operation", "code", "name"),
    [
        ("DescribeSubscriptionFilters", "AccessDeniedException", "intake"),
        ("DescribeFlowLogs", "UnauthorizedOperation", "intake"),
        ("GetMetricData", "AccessDenied", "calls"),
        ("DescribeAlarms", "AccessDenied", "alarm"),
        ("GetQueueUrl", "AccessDenied", "letters"),
    ],
)
def test_what_may_not_be_looked_at_is_told_as_that(
    cloud: Cloud, operation: str, code: str, name: str
) -> None:
    if name == "letters":
        by_files(cloud)
    cloud.errors[operation] = [(403, code)]
    found = only(checked(cloud), name)
    assert found.startswith("cannot look: ")
    assert found.endswith(
        " -> let who asks do it: infra/pipeline.yaml lists all that is asked, in LookPolicy"
    )
