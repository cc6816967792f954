"""Looks at a stack: each is right of one that is well, and names what is not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.errors import NotConfigured, QueryFailed, TailraceError, UsageError
from pipeline.lake import glue
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.settings import Athena
from pipeline.stack.deployed import Deployed, stack_of
from pipeline.stack.health import Look, looks
from tests.stack.account import Account, function

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)


def well() -> Account:
    """An account with a stack that is well."""
    return Account(
        {
            "GetCallerIdentity": {"Account": "123456789012", "Arn": "arn:aws:iam::1:user/heron"},
            "DescribeStacks": {"Stacks": [{"StackStatus": "UPDATE_COMPLETE"}]},
            "ListEventSourceMappings": {"EventSourceMappings": [mapping("Enabled", "OK")]},
            "DescribeDeliveryStream": stream(),
            "GetTables": {"TableList": tables()},
            "GetWorkGroup": {
                "WorkGroup": {
                    "Configuration": {
                        "EnforceWorkGroupConfiguration": True,
                        "BytesScannedCutoffPerQuery": 100_000_000_000,
                    }
                }
            },
        }
    )


def mapping(state: str, result: str) -> dict[str, str]:
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/tailrace-staging-logs"
    return {"State": state, "LastProcessingResult": result, "EventSourceArn": arn}


def stream(status: str = "ACTIVE", converts: bool = True) -> dict[str, Any]:
    conversion = {"DataFormatConversionConfiguration": {"Enabled": converts}}
    destination = {"ExtendedS3DestinationDescription": conversion}
    told = {"DeliveryStreamStatus": status, "Destinations": [destination]}
    return {"DeliveryStreamDescription": told}


def tables() -> list[dict[str, Any]]:
    found = [{"Name": name} for name in shared_views()]
    for name, table in all_tables().items():
        columns = {"StorageDescriptor": {"Columns": table.glue_columns}}
        for suffix in (glue.LANDING_FILES, glue.CURATED_FILES, "", "_landing"):
            found.append({"Name": f"{name}{suffix}", **columns})
    return found


def newest(sql: str) -> list[Mapping[str, Any]]:
    assert "dt >= '2026-11-25'" in sql
    return [{"newest": datetime(2026, 11, 25, 15, 58)}]


def found(account: Account, ask: Callable[[str], Any] = newest) -> dict[str, Look]:
    stack = Deployed("staging", account.session())
    return {look.name: look for look in looks(stack, ask, Athena(), NOW)}


def test_a_stack_that_is_well_is_told_so() -> None:
    told = found(well())
    assert all(look.ok for look in told.values())
    assert {name: look.found for name, look in told.items()} == {
        "account": "123456789012 in eu-west-1, as arn:aws:iam::1:user/heron",
        "stack": "tailrace-staging: UPDATE_COMPLETE",
        "function": "tailrace-staging-log-etl: Active, Successful",
        "mapping": "stream/tailrace-staging-logs: Enabled, OK",
        "firehose": "13 streams, active",
        "catalogue": f"tailrace_staging: {len(tables())} tables and views, as declared",
        "workgroup": "tailrace-staging: queries end at 100 GB",
        "athena": "answers",
        "freshness": "the newest record is of 2026-11-25T15:58:00Z",
    }


def lacking(name: str) -> dict[str, Any]:
    return {"TableList": [each for each in tables() if each["Name"] != name]}


def older(name: str) -> dict[str, Any]:
    made = tables()
    for each in made:
        if each["Name"] == name:
            columns = each["StorageDescriptor"]["Columns"]
            kept = [column for column in columns if column["Name"] != "action"]
            each["StorageDescriptor"] = {"Columns": kept}
    return {"TableList": made}


@pytest.mark.parametrize(
    ("operation", "answer", "name", "told"),
    [
        ("DescribeStacks", "ValidationError", "stack", "tailrace-staging: not there"),
        (
            "DescribeStacks",
            {"Stacks": [{"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}]},
            "stack",
            "tailrace-staging: UPDATE_ROLLBACK_COMPLETE",
        ),
        (
            "GetFunctionConfiguration",
            function(State="Failed", StateReason="no such key"),
            "function",
            "tailrace-staging-log-etl: Failed, Successful no such key",
        ),
        (
            "ListEventSourceMappings",
            {"EventSourceMappings": [mapping("Disabled", "OK")]},
            "mapping",
            "stream/tailrace-staging-logs: Disabled, OK",
        ),
        (
            "ListEventSourceMappings",
            {"EventSourceMappings": [mapping("Enabled", "PROBLEM: Function call failed")]},
            "mapping",
            "stream/tailrace-staging-logs: Enabled, PROBLEM: Function call failed",
        ),
        (
            "DescribeDeliveryStream",
            lambda words: stream(converts=words["DeliveryStreamName"] != "tailrace-staging-reject"),
            "firehose",
            "tailrace-staging-reject: makes no Parquet",
        ),
        (
            "DescribeDeliveryStream",
            "ResourceNotFoundException",
            "firehose",
            "tailrace-staging-vpc_flow: not there; tailrace-staging-tgw_flow: not there;"
            " tailrace-staging-app_log: not there, and 10 more",
        ),
        ("GetTables", lacking("vpc_flow"), "catalogue", "vpc_flow is not there"),
        ("GetTables", lacking("http_request"), "catalogue", "http_request is not there"),
        (
            "GetTables",
            older("vpc_flow_landing_files"),
            "catalogue",
            "vpc_flow_landing_files has other columns: action",
        ),
        (
            "GetWorkGroup",
            {"WorkGroup": {"Configuration": {"BytesScannedCutoffPerQuery": 10_000_000}}},
            "workgroup",
            "tailrace-staging: not enforced",
        ),
    ],
)
def test_what_is_not_well_is_named(operation: str, answer: Any, name: str, told: str) -> None:
    account = well()
    account.answers[operation] = answer
    look = found(account)[name]
    assert (look.ok, look.found) == (False, told)
    assert look.fix


@pytest.mark.fault("F31")
def test_an_engine_that_does_not_answer_is_told() -> None:
    def ask(sql: str) -> Any:
        raise QueryFailed("Athena: the bucket for results is gone", "", "deploy again")

    look = found(well(), ask)["athena"]
    assert (look.ok, look.found, look.fix) == (
        False,
        "Athena: the bucket for results is gone",
        "deploy again",
    )


def test_nothing_today_is_no_fault() -> None:
    look = found(well(), lambda sql: [{"newest": None}])["freshness"]
    assert (look.ok, look.found) == (True, "nothing today")


@pytest.mark.fault("F33")
def test_a_stack_that_is_not_there_is_told_with_what_to_do() -> None:
    account = well()
    account.answers["GetFunctionConfiguration"] = "ResourceNotFoundException"
    with pytest.raises(NotConfigured, match=r"no function tailrace-staging-log-etl\n(.*\n)?.*make"):
        found(account)


@pytest.mark.fault("F33")
def test_whoever_may_not_look_is_told_so() -> None:
    account = well()
    account.answers["GetFunctionConfiguration"] = "AccessDeniedException"
    with pytest.raises(TailraceError, match="AWS does not answer: AccessDeniedException"):
        found(account)


@pytest.mark.parametrize("stage", ["", "Staging", "../x", "a", "x" * 17, "a-b"])
def test_a_name_that_is_no_stage_is_refused(stage: str) -> None:
    with pytest.raises(UsageError, match="not a stage"):
        stack_of(stage)


def test_only_our_own_variables_are_settings() -> None:
    settings = Deployed("staging", well().session()).settings()
    assert settings.delivery.streams == "tailrace-staging-"
    assert settings.sources == {"flow-logs": "vpc-flow"}
