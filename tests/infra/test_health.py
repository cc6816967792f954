"""Alarms and the page: what stands still, fails or is refused is seen; silence may be right."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.lake.tables import all_tables
from tests.infra.stack import ROUTES, Stack

TOPIC = "arn:aws:sns:eu-central-1:111122223333:alarms"
TRAFFIC = {"LogGroups": "/app/web", "ViewsPerSecond": "100", "AlarmTopicArn": TOPIC}


def alarms(**given: str) -> dict[str, dict[str, Any]]:
    """Every alarm by its name."""
    return {
        each["Properties"]["AlarmName"].removeprefix("tailrace-heron-"): each["Properties"]
        for _, each in Stack(**given).all()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_a_minute_of_waiting_is_an_alarm() -> None:
    made = alarms()["iterator-age"]
    assert (made["MetricName"], made["Threshold"]) == ("IteratorAge", 60_000)


@pytest.mark.parametrize("hours", ["24", "48", "72", "168"])
def test_a_quarter_of_the_streams_retention_is_an_alarm(hours: str) -> None:
    made = alarms(StreamRetentionHours=hours)["retention"]
    assert made["MetricName"] == "GetRecords.IteratorAgeMilliseconds"
    assert made["Threshold"] == int(hours) * 3_600_000 / 4


@pytest.mark.parametrize(
    ("route", "own"),
    [
        ("kinesis", {"iterator-age", "retention", "stream-throttles", "failed-batches"}),
        ("lambda", {"failed-calls"}),
        ("s3", {"inbox-age", "inbox-dead"}),
    ],
)
def test_each_route_has_the_alarms_of_what_it_has(route: str, own: set[str]) -> None:
    always = {"function-errors", "function-throttles", "failure-store", "rejected", "delivery"}
    always |= {"compaction-failed", "compaction-timed-out", "lookups"}
    always |= {"erasure-failed", "erasure-timed-out", "erasure-stopped"}
    assert set(alarms(LogRoute=route, Delivery="s3")) == always | own


def failure_stores(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Each place where something is kept that failed, with the metric that counts what comes in.

    (place, metric, what it is of)
    """
    for name, each in stack.all():
        made, kind = each["Properties"], each["Type"]
        if "OnFailure" in made.get("DestinationConfig", {}):
            if kind == "AWS::Lambda::EventSourceMapping":
                assert made["MetricsConfig"] == {"Metrics": ["EventCount"]}
                place = made["DestinationConfig"]["OnFailure"]["Destination"].removesuffix(".Arn")
                place = {"QuarantineBucket": "aws/lambda/"}.get(place, place)
                yield place, "OnFailureDestinationDeliveredEventCount", name
            else:
                yield "aws/lambda/", "AsyncEventsDropped", made["FunctionName"]
        if "RedrivePolicy" in made:
            dead = made["RedrivePolicy"]["deadLetterTargetArn"].removesuffix(".Arn")
            yield dead, "ApproximateNumberOfMessagesVisible", f"{dead}.QueueName"
        if kind == "AWS::KinesisFirehose::DeliveryStream":
            prefix = made["ExtendedS3DestinationConfiguration"]["ErrorOutputPrefix"]
            # A transform, de-aggregation or another destination would have errors of their own.
            assert "ProcessingConfiguration" not in made["ExtendedS3DestinationConfiguration"]
            yield prefix.partition("!")[0], "FailedConversion.Records", name
        if kind == "AWS::Serverless::Function":
            variables = made["Environment"]["Variables"]
            # A function that delivers nothing keeps nothing either.
            others = ("Lookups", "Compact", "Erase", "Ranking", "Counters")
            assert "TAILRACE_DELIVERY_QUARANTINE" in variables or name in others
            if "TAILRACE_DELIVERY_QUARANTINE" in variables:
                yield "quarantine/", "rejected", variables["POWERTOOLS_SERVICE_NAME"]


@pytest.mark.parametrize("delivery", ["firehose", "s3"])
@pytest.mark.parametrize("route", ROUTES)
def test_each_place_where_something_is_kept_that_failed_has_an_alarm(
    route: str, delivery: str
) -> None:
    stack = Stack(LogRoute=route, Delivery=delivery, **TRAFFIC)
    watched = {
        (made["MetricName"], made["Dimensions"][0]["Value"])
        for made in alarms(LogRoute=route, Delivery=delivery, **TRAFFIC).values()
    }
    stores = list(failure_stores(stack))
    assert [each for each in stores if each[1:] not in watched] == []
    places = {place.partition("/")[0] for place, _, _ in stores}
    also = {"kinesis": {"aws"}, "lambda": {"aws"}, "s3": {"InboxDeadLetters"}}[route]
    assert places == {"quarantine", "ViewDeadLetters"} | also | (
        {"errors"} if delivery == "firehose" else set()
    )


def test_every_table_has_alarms_of_late_and_of_refused_rows() -> None:
    made = alarms()
    for name in all_tables():
        assert made[f"{name}-late"]["MetricName"] == "DeliveryToS3.DataFreshness"
        assert made[f"{name}-refused"]["MetricName"] == "FailedConversion.Records"


def test_rows_are_late_after_any_buffer_that_can_be_chosen() -> None:
    longest = Stack().written["Parameters"]["FirehoseBufferSeconds"]["MaxValue"]
    assert alarms()["vpc_flow-late"]["Threshold"] > longest


def test_many_refused_events_are_an_alarm() -> None:
    made = alarms(RejectedAlarm="5")["rejected"]
    assert made["Threshold"] == "5"
    assert (made["Namespace"], made["MetricName"]) == ("Tailrace", "rejected")
    assert made["Dimensions"] == [{"Name": "service", "Value": "tailrace-heron"}]


@pytest.mark.fault("F36")
def test_silence_is_an_alarm_where_something_is_known_to_write() -> None:
    assert "silence" not in alarms()
    made = alarms(LogGroups="/app/web")["silence"]
    assert (made["MetricName"], made["TreatMissingData"]) == ("Invocations", "breaching")
    assert "silence" in alarms(FlowLogVpcId="vpc-0123456789abcdef0", LogRoute="s3")


@pytest.mark.parametrize("hours", Stack().written["Parameters"]["SilenceHours"]["AllowedValues"])
def test_silence_is_an_alarm_after_as_many_hours_as_are_chosen(hours: int) -> None:
    made = alarms(LogGroups="/app/web", SilenceHours=str(hours))
    if not hours:
        assert "silence" not in made
        return
    silence = made["silence"]
    seconds = silence["Period"] * silence["EvaluationPeriods"]
    assert seconds == hours * 3_600
    assert seconds <= 86_400  # CloudWatch refuses more
    assert f"SilenceHours={hours};" in silence["AlarmDescription"]


@pytest.mark.parametrize("route", ROUTES)
def test_alarms_go_to_the_topic_and_nowhere_without_one(route: str) -> None:
    given = {"LogRoute": route, "AlarmTopicArn": TOPIC}
    for made in alarms(**given).values():
        assert made["AlarmActions"] == made["OKActions"] == [TOPIC]
    assert not any("AlarmActions" in made for made in alarms(LogRoute=route).values())


def test_no_data_is_no_alarm_but_where_silence_is_the_fault() -> None:
    told = {name: made["TreatMissingData"] for name, made in alarms(**TRAFFIC).items()}
    assert {name for name, each in told.items() if each != "notBreaching"} == {"silence"}


def test_every_alarm_says_what_is_wrong() -> None:
    assert all(len(str(made["AlarmDescription"])) > 40 for made in alarms(**TRAFFIC).values())


def test_an_alarm_names_the_command_that_asks_this_stack() -> None:
    said = {name: str(made["AlarmDescription"]) for name, made in alarms(**TRAFFIC).items()}
    said |= {
        name: str(made["AlarmDescription"])
        for name, made in alarms(LogRoute="s3", FlowLogVpcId="vpc-0123456789abcdef0").items()
    }
    for name, command in (
        ("function-errors", "make logs STAGE=heron"),
        ("failed-batches", "tailrace replay --failed --stage heron"),
        ("vpc_flow-refused", "tailrace replay --failed --stage heron"),
        ("rejected", "tailrace query rejects --engine athena --stage heron"),
        ("silence", "tailrace doctor --stage heron"),
        (
            "inbox-dead",
            "aws sqs start-message-move-task --source-arn"
            " arn:aws:sqs:eu-central-1:111122223333:InboxDeadLetters.QueueName",
        ),
    ):
        assert f"`{command}`" in said[name], name


def test_the_page_is_json_whose_widgets_do_not_overlap() -> None:
    page = Stack().nested("Health").resources["Page"]["Properties"]
    assert page["DashboardName"] == "tailrace-heron"
    widgets = json.loads(page["DashboardBody"])["widgets"]
    places = [(each["x"], each["y"]) for each in widgets]
    assert len(set(places)) == len(places) == 8
    assert not re.findall(r"\$\{", page["DashboardBody"])
