"""Outside data of a stack: fetched on a schedule, kept beside the lake, and looked up."""

import pytest

from pipeline import aws
from pipeline.invoke.ranges import RENEW_S
from pipeline.lookups.fetching import WHOLE_S
from pipeline.lookups.kept import NAME
from pipeline.settings import Settings, of_function
from tests.infra.stack import Stack

URL = "https://ip-ranges.amazonaws.com/ip-ranges.json"


def environment(stack: Stack, function: str) -> Settings:
    """The settings that a function has."""
    made = stack.resources[function]["Properties"]["Environment"]["Variables"]
    return of_function({name: str(value) for name, value in made.items() if "TAILRACE" in name})


def test_the_ranges_are_fetched_once_a_day_by_a_function_of_their_own() -> None:
    stack = Stack()
    made = stack.resources["LookupsSchedule"]["Properties"]
    assert made["ScheduleExpression"] == "rate(1 day)"
    assert made["Name"] == "tailrace-heron-lookups"
    assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (
        *("Lookups.Arn", "LookupsScheduleRole.Arn"),
    )
    function = stack.resources["Lookups"]["Properties"]
    assert (function["Handler"], function["Role"]) == (
        *("functions.lookups.handler", "LookupsRole.Arn"),
    )
    assert environment(stack, "Lookups").lookups.aws_ranges == URL


def test_they_are_looked_up_where_they_are_kept_and_nowhere_within_the_lake() -> None:
    stack = Stack()
    kept = environment(stack, "Lookups").lookups.folder
    assert environment(stack, "LogEtl").lookups.folder == kept == "s3://LakeBucket/lookups"
    assert stack.of(stack.written["Outputs"]["AddressRanges"]["Value"]) == f"{kept}/{NAME}"
    assert not kept.startswith(environment(stack, "LogEtl").delivery.lake)


def test_a_mirror_may_be_named_and_only_over_tls() -> None:
    mirror = "https://mirror.heron.example/aws/ip-ranges.json"
    assert environment(Stack(AddressRangesUrl=mirror), "Lookups").lookups.aws_ranges == mirror
    with pytest.raises(ValueError, match="AddressRangesUrl"):
        Stack(AddressRangesUrl="http://mirror.heron.example/ip-ranges.json")


def test_without_an_address_nothing_of_it_is_made() -> None:
    stack = Stack(AddressRangesUrl="")
    made = [name for name, _ in stack.all() if "ookups" in name]
    assert made == []
    assert "RangesGrowOld" not in [name for name, _ in stack.all()]
    assert environment(stack, "LogEtl").lookups.folder == ""
    policies = stack.resources["LogEtlRole"]["Properties"]["Policies"]
    assert "look-up-ranges" not in [each["PolicyName"] for each in policies]


def test_three_days_of_failures_are_an_alarm_and_a_first_day_is_none() -> None:
    (made,) = (each["Properties"] for name, each in Stack().all() if name == "RangesGrowOld")
    assert made["Dimensions"] == [{"Name": "FunctionName", "Value": "Lookups"}]
    # CloudWatch looks back seven days where a period has an hour or more.
    assert (made["Period"], made["EvaluationPeriods"]) == (86_400, 3)
    assert made["TreatMissingData"] == "notBreaching"


def test_the_function_has_the_time_that_fetching_and_keeping_may_take() -> None:
    assert Stack().resources["Lookups"]["Properties"]["Timeout"] > RENEW_S
    assert RENEW_S > WHOLE_S + 2 * (aws.CONNECT_S + aws.READ_S)
