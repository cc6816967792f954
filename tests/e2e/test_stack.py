"""The template as it is, deployed by `sam deploy`, is there as it was declared."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.deployed.drift import declared
from pipeline.lake.tables import all_tables
from tests.e2e.cloud import Cloud

NESTED = "AWS::CloudFormation::Stack"


def resources(target: Cloud, stack: str) -> Iterator[dict[str, Any]]:
    """All resources of a stack and of those nested in it."""
    client = target.client("cloudformation")
    for each in client.describe_stack_resources(StackName=stack)["StackResources"]:
        yield each
        if each["ResourceType"] == NESTED:
            yield from resources(target, each["PhysicalResourceId"])


@pytest.mark.needs("sam.deploy")
def test_every_resource_is_complete(target: Cloud) -> None:
    found = list(resources(target, f"tailrace-{target.target}"))
    states = {each["LogicalResourceId"]: each["ResourceStatus"] for each in found}
    assert set(states.values()) == {"CREATE_COMPLETE"}, states
    assert {"LogEtl", "LogStream", "StreamMapping", "Deliveries", "VpcFlow", "Health"} <= set(
        states
    )


@pytest.mark.needs("sam.deploy")
def test_the_function_is_what_was_built(target: Cloud) -> None:
    said = target.client("lambda").get_function_configuration(
        FunctionName=target.outputs["FunctionName"]
    )
    assert (said["State"], said["Handler"]) == ("Active", "functions.log_etl.handler")
    assert said["CodeSize"] > 10_000_000


@pytest.mark.needs("stack.doctor")
def test_the_doctor_finds_the_stack_well(target: Cloud) -> None:
    ran = target.tailrace("doctor", "--stage", target.target)
    assert ran.code == 0, ran.out + ran.err
    assert f"{len(all_tables())} streams of Firehose are ACTIVE and make Parquet" in ran.out


@pytest.mark.needs("glue.catalog")
def test_the_catalogue_is_as_declared(target: Cloud) -> None:
    ran = target.tailrace("doctor", "--stage", target.target)
    found = f"{len(declared())} tables and views of tailrace_ministack are as they are declared"
    assert found in ran.out
