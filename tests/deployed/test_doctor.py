"""The doctor of a stack: one line for each part, and what to do where it is not well."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline.deployed.check import Check
from pipeline.deployed.stage import find
from pipeline.errors import NotConfigured, UsageError
from tests.deployed.cloud import Cloud, glue_tables
from tests.deployed.lake import Lake
from tests.deployed.patients import NOW, checked, sick, with_one_record

DEPLOY = "deploy it anew: make deploy STAGE=staging"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A stack with one record."""
    return with_one_record(tmp_path)


def test_a_stack_that_is_well_says_so_part_by_part(cloud: Cloud) -> None:
    assert {name: (each.ok, each.found) for name, each in checked(cloud).items()} == {
        "identity": (
            True,
            "arn:aws:iam::123456789012:user/ann in account 123456789012, eu-west-1",
        ),
        "stack": (True, "tailrace-staging is CREATE_COMPLETE"),
        "intake": (
            True,
            "3 log groups subscribed to, flow log of vpc-0123456789abcdef0 is ACTIVE",
        ),
        "function": (True, "tailrace-staging-log-etl is Active, last update Successful"),
        "mapping": (True, "stream/tailrace-staging-logs is Enabled: OK"),
        "calls": (True, "1 of 3 calls since 13:30Z failed"),
        "alarm": (True, "none of tailrace-staging-* is on"),
        "lookups": (True, "no address ranges: the stack has no AddressRangesUrl"),
        "counters": (
            True,
            "none: the stack ranks no pages, ViewsPerSecond or RankingsPerSecond is 0",
        ),
        "stream": (True, "14 streams of Firehose are ACTIVE and make Parquet"),
        "table": (True, "57 tables and views of tailrace_staging are as they are declared"),
        "curated": (True, "none: the stack's CompactionHours is 0"),
        "workgroup": (True, "tailrace-staging stops a query at 100,000,000,000 bytes"),
        "query": (True, "Athena answers"),
        "freshness": (True, "the newest record came 29 minutes ago, at 2026-11-25 14:00Z"),
    }


def test_a_stack_that_was_just_deployed_is_well_without_data(tmp_path: Path) -> None:
    made = Cloud(lake=Lake(tmp_path), changed=NOW - timedelta(minutes=59))
    made.said["GetMetricData"] = {"MetricDataResults": []}
    silence = {"AlarmName": "tailrace-staging-silence", "StateUpdatedTimestamp": NOW.timestamp()}
    made.said["DescribeAlarms"] = {"MetricAlarms": [silence]}
    found = checked(made)
    assert [each for each in found.values() if not each.ok] == []
    assert found["freshness"].found == (
        "nothing has come since 2026-11-24; not yet: the stack was changed less than 1 hour ago"
    )
    assert found["calls"].found == "nothing has called tailrace-staging-log-etl since 13:31Z"
    assert found["alarm"].found == ("none of tailrace-staging-* is on")
    assert found["silence"].found == "tailrace-staging-silence is on; that does not count (yet)"


def test_where_there_is_no_stack_nothing_is_configured() -> None:
    cloud = Cloud(status="")
    with pytest.raises(NotConfigured, match="there is no stack tailrace-staging in eu-west-1"):
        checked(cloud)
    with pytest.raises(UsageError, match=r"not a stage: '\.\./x'"):
        find(cloud.session(), "../x")


def test_whoever_aws_does_not_know_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "none")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NotConfigured, match="Unable to locate credentials"):
        find(boto3.Session(region_name="eu-west-1"), "staging")


def test_a_stack_without_its_outputs_is_named() -> None:
    cloud = Cloud(status="ROLLBACK_COMPLETE", outputs={})
    found = checked(cloud)
    assert found["stack"] == Check(
        "stack",
        False,
        "tailrace-staging is ROLLBACK_COMPLETE, without the outputs LakeBucket, QuarantineBucket,"
        " FunctionName, LogRoute, Delivery",
        DEPLOY,
    )
    assert found["function"].found == (
        "the stack tailrace-staging has no output FunctionName (it is ROLLBACK_COMPLETE)"
    )


def test_a_stack_that_is_being_changed_is_waited_for(cloud: Cloud) -> None:
    cloud.status = "UPDATE_IN_PROGRESS"
    assert checked(cloud)["stack"].fix == "wait until it is done"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            {"State": "Failed", "LastUpdateStatus": "Failed", "StateReason": "no such layer"},
            "tailrace-staging-log-etl is Failed, last update Failed (no such layer)"
            f" -> wait a moment, or {DEPLOY}",
        ),
        (
            {"State": "Active", "LastUpdateStatus": "InProgress"},
            "tailrace-staging-log-etl is Active, last update InProgress"
            f" -> wait a moment, or {DEPLOY}",
        ),
    ],
)
def test_a_function_that_cannot_be_called_is_named(
    cloud: Cloud, said: dict[str, str], found: str
) -> None:
    assert sick(cloud, "function", "GetFunctionConfiguration", said) == found


@pytest.mark.parametrize(
    ("state", "last", "found"),
    [
        (
            "Disabled",
            "OK",
            "stream/x is Disabled: OK -> aws lambda update-event-source-mapping --enabled --uuid a",
        ),
        (
            "Enabled",
            "PROBLEM: Function call failed",
            "stream/x is Enabled: PROBLEM: Function call failed -> see why: make logs"
            " STAGE=staging",
        ),
    ],
)
def test_a_mapping_that_does_not_call_is_named(
    cloud: Cloud, state: str, last: str, found: str
) -> None:
    mapping = {"UUID": "a", "EventSourceArn": "arn:aws:kinesis:r:1:stream/x", "State": state}
    said = {"EventSourceMappings": [mapping | {"LastProcessingResult": last}]}
    assert sick(cloud, "mapping", "ListEventSourceMappings", said) == found


def test_a_function_that_nothing_calls_is_named(cloud: Cloud) -> None:
    found = sick(cloud, "mapping", "ListEventSourceMappings", {"EventSourceMappings": []})
    assert found.startswith("nothing calls tailrace-staging-log-etl, though logs come by kinesis")


def test_by_the_route_of_lambda_there_is_no_mapping(cloud: Cloud) -> None:
    cloud.outputs["LogRoute"] = "lambda"
    cloud.said["ListEventSourceMappings"] = {"EventSourceMappings": []}
    assert checked(cloud)["mapping"].ok


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"DeliveryStreamStatus": "CREATING_FAILED"}, "is CREATING_FAILED"),
        ({"Destinations": [{"DestinationId": "1"}]}, "makes no Parquet"),
    ],
)
def test_a_stream_that_is_not_as_it_must_be_is_named(
    cloud: Cloud, changes: dict[str, Any], says: str
) -> None:
    def described(asked: Any) -> Any:
        said = cloud._DescribeDeliveryStream(asked)["DeliveryStreamDescription"]
        broken = asked["DeliveryStreamName"] == "tailrace-staging-reject"
        return {"DeliveryStreamDescription": said | (changes if broken else {})}

    found = sick(cloud, "stream", "DescribeDeliveryStream", described)
    assert found == f"tailrace-staging-reject {says} -> {DEPLOY}"


def test_a_stream_with_the_columns_of_another_table_is_named(cloud: Cloud) -> None:
    described = cloud._DescribeDeliveryStream({"DeliveryStreamName": "tailrace-staging-batch"})
    found = sick(cloud, "stream", "DescribeDeliveryStream", lambda _: described)
    assert found.startswith(
        "tailrace-staging-vpc_flow has the columns of batch_landing_files, not of"
        " vpc_flow_landing_files; tailrace-staging-tgw_flow has"
    )
    assert "; and 3 more" in found


def test_a_stream_that_is_missing_is_named(cloud: Cloud) -> None:
    cloud.errors["DescribeDeliveryStream"] = [(400, "ResourceNotFoundException")]
    assert checked(cloud)["stream"].found == "tailrace-staging-vpc_flow is missing"


def test_without_firehose_no_stream_is_asked_for(cloud: Cloud) -> None:
    cloud.outputs["Delivery"] = "s3"
    assert "stream" not in checked(cloud)


def test_tables_that_differ_from_their_declaration_are_named(cloud: Cloud) -> None:
    tables = {each["Name"]: each for each in glue_tables()}
    del tables["reject"]
    columns = tables["vpc_flow_landing_files"]["StorageDescriptor"]["Columns"]
    tables["vpc_flow_landing_files"]["StorageDescriptor"]["Columns"] = [
        {"Name": "bytes", "Type": "string"},
        *(each for each in columns if each["Name"] not in ("bytes", "srcport")),
        {"Name": "colour", "Type": "string"},
    ]
    found = sick(cloud, "table", "GetTables", {"TableList": list(tables.values())})
    assert found == (
        "vpc_flow_landing_files: no column srcport; bytes is string, not bigint; column colour is"
        " not declared; reject is missing -> deploy this version, or use that of the stack: make"
        " deploy STAGE=staging"
    )


def test_a_workgroup_without_its_limits_is_named(cloud: Cloud) -> None:
    said = {"WorkGroup": {"Name": "x", "State": "DISABLED", "Configuration": {}}}
    found = sick(cloud, "workgroup", "GetWorkGroup", said)
    assert found == (
        "tailrace-staging is DISABLED, lets clients set aside its settings, has no limit of what a"
        f" query scans -> {DEPLOY}"
    )


def test_a_service_that_refuses_is_named_and_the_others_are_asked(cloud: Cloud) -> None:
    cloud.errors["GetTables"] = [(400, "AccessDeniedException")]
    found = checked(cloud)
    assert [each.name for each in found.values() if not each.ok] == ["table"]
    assert found["table"] == Check(
        "table",
        False,
        "cannot look: Glue: no AccessDeniedException (database tailrace_staging)",
        "let who asks do it: infra/pipeline.yaml lists all that is asked, in LookPolicy",
    )


def test_athena_that_does_not_answer_is_named(cloud: Cloud) -> None:
    cloud.errors["StartQueryExecution"] = [(400, "InvalidRequestException")]
    found = checked(cloud)
    assert [each.name for each in found.values() if not each.ok] == ["query"]
    assert found["query"].found.startswith("Athena: no InvalidRequestException (in the check of A")
