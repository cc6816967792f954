"""The ways in: what is tried, for how long, where it ends, and in which order it is made."""

import json
import re
from typing import Any

import pytest

from tests.infra.stack import NESTED, ROUTES, TEMPLATES, Stack, needs, template

FLOWS = {"FlowLogVpcId": "vpc-0123456789abcdef0"}
GROUPS = {"LogGroups": "/app/web,/app/api"}
HOUR_S = 3600


def mapping(route: str) -> dict[str, Any]:
    (found,) = Stack(LogRoute=route).of_type("AWS::Lambda::EventSourceMapping").values()
    return found


def variables(**given: str) -> dict[str, str]:
    function = Stack(**given).resources["LogEtl"]["Properties"]
    found: dict[str, str] = function["Environment"]["Variables"]
    return found


@pytest.mark.parametrize("route", ["kinesis", "s3"])
def test_one_bad_record_does_not_fail_the_whole_batch(route: str) -> None:
    assert mapping(route)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_batch_that_raises_is_halved() -> None:
    assert mapping("kinesis")["BisectBatchOnFunctionError"] is True


@pytest.mark.parametrize("hours", ["24", "168"])
def test_a_batch_is_tried_five_times_and_given_up_before_it_expires(hours: str) -> None:
    stack = Stack(StreamRetentionHours=hours)
    made = stack.resources["StreamMapping"]["Properties"]
    assert made["MaximumRetryAttempts"] == 5
    assert made["MaximumRecordAgeInSeconds"] == 6 * HOUR_S
    kept = stack.resources["LogStream"]["Properties"]["RetentionPeriodHours"]
    assert made["MaximumRecordAgeInSeconds"] < int(kept) * HOUR_S


def test_a_batch_of_the_stream_that_is_given_up_is_kept_whole() -> None:
    kept = mapping("kinesis")["DestinationConfig"]["OnFailure"]["Destination"]
    assert kept == "QuarantineBucket.Arn"


def test_an_invocation_by_cloudwatch_logs_that_is_given_up_is_kept_whole() -> None:
    made = Stack(LogRoute="lambda").resources["InvokeConfig"]["Properties"]
    assert made["DestinationConfig"]["OnFailure"]["Destination"] == "QuarantineBucket.Arn"
    assert (made["MaximumRetryAttempts"], made["MaximumEventAgeInSeconds"]) == (2, 6 * HOUR_S)


def test_the_event_of_a_file_that_is_given_up_is_kept_among_the_dead_letters() -> None:
    stack = Stack(LogRoute="s3")
    queue = stack.resources["InboxQueue"]["Properties"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "InboxDeadLetters.Arn",
        "maxReceiveCount": 5,
    }
    dead = stack.resources["InboxDeadLetters"]["Properties"]
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_a_file_is_not_handed_out_again_while_it_is_worked_on() -> None:
    stack = Stack(LogRoute="s3")
    timeout = stack.resources["LogEtl"]["Properties"]["Timeout"]
    assert stack.resources["InboxQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_each_route_makes_its_own_way_in_and_no_other() -> None:
    kinds = {
        route: {
            kind
            for kind in (each["Type"] for _, each in Stack(LogRoute=route).all())
            if kind.split("::")[1] in ("Kinesis", "SQS")
            or kind.endswith(("EventInvokeConfig", "Lambda::Permission"))
        }
        for route in ROUTES
    }
    assert kinds == {
        "kinesis": {"AWS::Kinesis::Stream"},
        "lambda": {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"},
        "s3": {"AWS::SQS::Queue", "AWS::SQS::QueuePolicy"},
    }


@pytest.mark.parametrize(
    "group",
    [
        "/aws/lambda/tailrace-heron-log-etl",
        "/aws/lambda/tailrace-staging-rank",
        "/aws/kinesisfirehose/tailrace-heron",
    ],
)
@pytest.mark.fault("F24")
def test_a_subscription_on_our_own_log_groups_is_refused(group: str) -> None:
    with pytest.raises(ValueError, match="none of Tailrace's own, for then it feeds on itself"):
        Stack(LogGroups=f"/app/web,{group}")


@pytest.mark.fault("F24")
def test_every_log_group_that_the_stack_makes_for_itself_is_refused_and_told_to_the_function() -> (
    None
):
    made = {
        each["Properties"]["LogGroupName"]
        for _, each in Stack(**FLOWS, ViewsPerSecond="1", PresetMinutes="5", PageAccess="iam").all()
        if each["Type"] == "AWS::Logs::LogGroup"
    }
    own = made - {"/vpc-flow/tailrace-heron"}
    named = (
        "log-etl",
        "compact",
        "backfill",
        "erase",
        "lookups",
        "view-etl",
        "ranking",
        "counters",
        "presets",
        "page",
    )
    functions = {f"/aws/lambda/tailrace-heron-{name}" for name in named}
    assert own == {*functions, "/aws/kinesisfirehose/tailrace-heron"}
    refused = re.compile(template("template.yaml")["Parameters"]["LogGroups"]["AllowedPattern"])
    assert not any(refused.fullmatch(group) for group in own)
    told = tuple(json.loads(variables()["TAILRACE_OWN_LOG_GROUPS"]))
    assert all(group.startswith(told) for group in own)


@pytest.mark.fault("F24")
def test_the_function_is_in_no_vpc_whose_flow_log_it_could_write_into() -> None:
    assert all("VpcConfig" not in each["Properties"] for _, each in Stack(**FLOWS).all())


def test_the_stream_is_on_demand_until_shards_are_named() -> None:
    usual = Stack().resources["LogStream"]["Properties"]
    assert usual["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "ShardCount" not in usual
    own = Stack(Shards="3").resources["LogStream"]["Properties"]
    assert own["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert own["ShardCount"] == "3"


@pytest.mark.fault("F36")
@pytest.mark.parametrize(
    "needed", ["LogStream", "SubscriptionRole", "StreamMapping", "SubscriptionPermission"]
)
def test_a_filter_is_made_after_what_it_writes_to_and_what_lets_it(needed: str) -> None:
    assert needed in needs("Subscriptions", template("template.yaml"))


@pytest.mark.fault("F36")
def test_the_role_of_a_filter_is_made_with_what_it_may_and_not_given_it_later() -> None:
    role = Stack().resources["SubscriptionRole"]["Properties"]
    assert [each["PolicyName"] for each in role["Policies"]] == ["write-stream"]


@pytest.mark.fault("F36")
@pytest.mark.parametrize("needed", ["Subscriptions", "InboxBucketPolicy"])
def test_a_flow_log_begins_when_somebody_listens(needed: str) -> None:
    assert needed in needs("FlowLog", template("template.yaml"))


@pytest.mark.fault("F36")
def test_a_subscription_that_cannot_deliver_is_an_alarm() -> None:
    made = Stack(**GROUPS, **FLOWS).nested("Subscriptions")
    alarms = made.of_type("AWS::CloudWatch::Alarm")
    assert {name for name in alarms} == {"FlowLogGroupFails", "LogGroup1Fails", "LogGroup2Fails"}
    assert {each["MetricName"] for each in alarms.values()} == {"DeliveryErrors"}


def test_each_log_group_is_subscribed_to_once() -> None:
    filters = Stack(**GROUPS, **FLOWS).nested("Subscriptions")
    made = filters.of_type("AWS::Logs::SubscriptionFilter").values()
    assert [(each["LogGroupName"], each["DestinationArn"]) for each in made] == [
        ("FlowLogGroup", "LogStream.Arn"),
        ("/app/web", "LogStream.Arn"),
        ("/app/api", "LogStream.Arn"),
    ]
    assert {each["RoleArn"] for each in made} == {"SubscriptionRole.Arn"}


def test_events_are_spread_over_the_shards_by_chance() -> None:
    (made,) = (
        Stack(LogGroups="/app/web")
        .nested("Subscriptions")
        .of_type("AWS::Logs::SubscriptionFilter")
        .values()
    )
    assert made["Distribution"] == "Random"


def test_by_lambda_cloudwatch_logs_calls_the_function_without_a_role() -> None:
    filters = Stack(LogRoute="lambda", LogGroups="/app/web").nested("Subscriptions")
    (made,) = filters.of_type("AWS::Logs::SubscriptionFilter").values()
    assert made == {
        "LogGroupName": "/app/web",
        "FilterPattern": "",
        "DestinationArn": "LogEtl.Arn",
    }


def test_no_filter_has_a_name_that_another_place_of_the_list_could_have() -> None:
    made = template("subscriptions.yaml")["Resources"].values()
    assert not any("FilterName" in each["Properties"] for each in made)


def test_ten_log_groups_are_subscribed_to_and_an_eleventh_is_refused() -> None:
    ten = [f"/app/{number}" for number in range(10)]
    made = Stack(LogGroups=",".join(ten)).nested("Subscriptions")
    filters = made.of_type("AWS::Logs::SubscriptionFilter").values()
    assert [each["LogGroupName"] for each in filters] == ten
    with pytest.raises(ValueError, match="TooMany: '/app/10' is not one of"):
        Stack(LogGroups=",".join([*ten, "/app/10"])).nested("Subscriptions")


def test_files_are_no_route_for_log_groups() -> None:
    rule = template("template.yaml")["Rules"]["SubscriptionsNeedARouteThatTakesThem"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "LogRoute"}, "s3"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::EachMemberIn": [{"Ref": "LogGroups"}, [""]]}
    assert "Subscriptions" not in Stack(LogRoute="s3").resources


def test_a_flow_log_goes_the_way_of_the_route() -> None:
    to_group = Stack(**FLOWS).nested("FlowLog").resources["FlowLog"]["Properties"]
    assert to_group["LogGroupName"] == "FlowLogGroup"
    assert to_group["DeliverLogsPermissionArn"] == "Role.Arn"
    assert "LogDestination" not in to_group
    to_files = Stack(LogRoute="s3", **FLOWS).nested("FlowLog").resources
    assert list(to_files) == ["FlowLog"]
    assert to_files["FlowLog"]["Properties"]["LogDestination"] == "InboxBucket.Arn"


def test_without_a_vpc_there_is_no_flow_log() -> None:
    assert "FlowLog" not in Stack().resources


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ("{}", {}),
        ('{"/aws/waf*": "waf"}', {"/aws/waf*": "waf"}),
        (
            '{"/aws/waf*": "waf","s3://heron/alb*": "alb"}',
            {"/aws/waf*": "waf", "s3://heron/alb*": "alb"},
        ),
    ],
)
def test_the_function_is_told_the_flow_log_and_the_sources_that_were_given(
    given: str, more: dict[str, str]
) -> None:
    assert json.loads(variables(LogRoute="s3", Sources=given)["TAILRACE_SOURCES"]) == {
        "/vpc-flow/tailrace-heron": "vpc-flow",
        "s3://InboxBucket/AWSLogs/*": "vpc-flow",
        **more,
    }


@pytest.mark.parametrize(
    "given", ["[]", '{"a": 1}', "{'a': 'b'}", '{"a": "b"', '{"a": {"b": "c"}}']
)
def test_sources_that_are_no_names_by_log_group_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="Sources: "):
        Stack(Sources=given)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ("{}", {}),
        (
            '{"/flows": ["${version} ${srcaddr}", "${end}"], "/nginx": "combined"}',
            {"/flows": ["${version} ${srcaddr}", "${end}"], "/nginx": "combined"},
        ),
    ],
)
def test_the_function_is_told_the_format_of_the_flow_log_and_those_that_were_given(
    given: str, more: dict[str, Any]
) -> None:
    told = variables(Formats=given, FlowLogFormat="${version} ${end}")
    assert json.loads(told["TAILRACE_FORMATS"]) == {
        "/vpc-flow/tailrace-heron": "${version} ${end}",
        **more,
    }


def test_the_variables_of_the_function_are_those_that_it_knows() -> None:
    assert {name for name in variables() if name.startswith("TAILRACE_")} == {
        *("TAILRACE_DELIVERY_MODE", "TAILRACE_DELIVERY_STREAMS", "TAILRACE_DELIVERY_LAKE"),
        *("TAILRACE_DELIVERY_QUARANTINE", "TAILRACE_SOURCES", "TAILRACE_FORMATS"),
        *("TAILRACE_OWN_LOG_GROUPS", "TAILRACE_LIMITS_BATCH_TEXT_BYTES"),
        *("TAILRACE_LOOKUPS_FOLDER", "TAILRACE_COUNTERS_TABLE"),
    }
    # AWS Lambda quotas: all variables together have 4 KB.
    assert sum(len(name) + len(value) for name, value in variables().items()) < 2048


def test_what_an_emulator_lacks_is_switched_off_by_parameters_alone() -> None:
    # MiniStack 1.5.33 has tables but no saved queries; LocalStack 4.14 has no Glue, Athena or
    # dashboards. Neither has flow logs.
    ministack = [each for _, each in Stack(Extras="false", **GROUPS).all()]
    kinds = {each["Type"] for each in ministack}
    assert {"AWS::Athena::WorkGroup", "AWS::Glue::Table"} <= kinds
    assert not kinds & {"AWS::Athena::NamedQuery", "AWS::EC2::FlowLog"}
    localstack = Stack(Extras="false", Catalog="false", **GROUPS).all()
    kinds = {each["Type"] for _, each in localstack}
    assert not {kind for kind in kinds if kind.split("::")[1] in ("Athena", "Glue", "EC2")}
    assert "AWS::CloudWatch::Dashboard" not in kinds


def test_every_template_beside_the_first_is_part_of_the_stack() -> None:
    nested = {
        each["Properties"]["TemplateURL"]
        for each in template("template.yaml")["Resources"].values()
        if each["Type"] == NESTED
    }
    ours = {
        each.name for each in TEMPLATES if 'Description: "Tailrace: ' in each.read_text("utf-8")
    }
    assert nested == ours


def test_the_templates_are_within_what_cloudformation_takes() -> None:
    for path in TEMPLATES:
        assert path.stat().st_size < 1_000_000
        assert len(template(path.name)["Resources"]) < 500
        assert len(template(path.name).get("Parameters", {})) < 200


@pytest.mark.fault("F36")
@pytest.mark.parametrize("route", ROUTES)
def test_nothing_is_taken_in_before_there_are_streams_to_deliver_to(route: str) -> None:
    assert "Deliveries" in needs("LogEtl", template("template.yaml"))
    streams = variables(LogRoute=route)["TAILRACE_DELIVERY_STREAMS"]
    assert "Deliveries.Outputs.Streams" in streams or streams == "tailrace-heron-"


def test_a_queue_hands_files_over_one_by_one() -> None:
    (mapping,) = [
        each for each in Stack(LogRoute="s3").of_type("AWS::Lambda::EventSourceMapping").values()
    ]
    assert mapping["BatchSize"] == 1


@pytest.mark.parametrize(
    "given", ['{"a": "waf",}', '{"a": "waf""b": "alb"}', '{"a": "Waf"}', "x", '{"a" "waf"}']
)
def test_sources_that_are_no_json_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="Sources"):
        Stack(Sources=given)


def test_sources_may_be_written_with_either_line() -> None:
    Stack(Sources='{"a": "vpc_flow", "b*":"api-gateway"}')
