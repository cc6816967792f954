"""What `tailrace estimate` reckons with is what the template makes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bench.base import STACKS
from pipeline.curate import plan
from pipeline.curate.steps import KEPT_FOR
from pipeline.deliver import packing
from pipeline.deployed.erase import LAKE_VERSIONS
from pipeline.derive.machines import definition
from pipeline.estimate import Plan, limits
from tests.infra.stack import ROUTES, Stack

ROOT = Path(__file__).resolve().parents[2]
ALARM, KEY = "AWS::CloudWatch::Alarm", "AWS::KMS::Key"


def default(name: str) -> int:
    return int(Stack().written["Parameters"][name]["Default"])


def count(kind: str, **given: str) -> int:
    return sum(each["Type"] == kind for _, each in Stack(**given).all())


def test_the_estimate_knows_the_defaults_of_the_template() -> None:
    assert default("BatchSize") == limits.BATCH_RECORDS
    assert default("BatchSeconds") == limits.BATCH_WINDOW_S
    assert default("FirehoseBufferSeconds") == limits.FIREHOSE_BUFFER_S
    assert default("QuarantineDays") == limits.QUARANTINE_DAYS
    assert default("LogDays") == limits.OWN_LOG_DAYS
    assert default("CompactionHours") == limits.COMPACTION_HOURS
    assert (KEPT_FOR + LAKE_VERSIONS).days == limits.REPLACED_DAYS
    usual = Plan(1)
    assert default("LakeDays") == usual.lake_days == 0
    assert default("Shards") == usual.shards == 0
    parameters = Stack().written["Parameters"]
    assert (parameters["LogRoute"]["Default"], parameters["Delivery"]["Default"]) == (
        *(usual.route, usual.delivery),
    )


def test_the_wide_flow_log_that_is_measured_is_the_one_that_the_stack_makes() -> None:
    declared = Stack().written["Parameters"]["FlowLogFormat"]["Default"]
    assert re.findall(r"\$\{([a-z-]+)\}", declared) == list(STACKS)
    said = f"{len(STACKS)} fields"
    for path in ("README.md", "pipeline/cli/estimate.py", "pipeline/estimate/workload.py"):
        assert said in (ROOT / path).read_text("utf-8")


def test_the_estimate_knows_the_function_and_the_streams() -> None:
    stack = Stack()
    # What the others cost is said where they are: a few calls a day.
    function = stack.of_type("AWS::Serverless::Function")["LogEtl"]
    assert function["MemorySize"] == limits.MEMORY_MB
    streams = [each for _, each in stack.all() if each["Type"].endswith("DeliveryStream")]
    assert len(streams) == limits.STREAMS
    buffers = {
        each["Properties"]["ExtendedS3DestinationConfiguration"]["BufferingHints"]["SizeInMBs"]
        for each in streams
    }
    assert buffers == {limits.FIREHOSE_BUFFER_BYTES >> 20}


def test_the_estimate_packs_as_the_sink_does() -> None:
    assert packing.RECORD_BYTES == limits.FIREHOSE_RECORD
    assert packing.CALL_BYTES == limits.FIREHOSE_CALL


def test_the_estimate_compacts_as_the_stack_does() -> None:
    assert timedelta(hours=limits.CLOSED_HOURS) == plan.CLOSED_AFTER
    assert plan.FILE_BYTES == limits.CURATED_BYTES
    states = definition("compact")["States"]
    of_table = states["Tables"]["ItemProcessor"]["States"]
    of_day = of_table["Days"]["ItemProcessor"]["States"]
    # On the way where all goes well, with one part of a day.
    assert len(set(states) - {"AnotherIsAtWork", "Failed"}) - 1 == limits.STATES
    assert len(set(of_table) - {"NothingToDo", "TableFailed"}) - 1 == limits.TABLE_STATES
    of_part = of_day["Parts"]["ItemProcessor"]["States"]
    assert len(set(of_day) - {"DayFailed"}) + len(of_part) == limits.DAY_STATES


@pytest.mark.parametrize("route", ROUTES)
def test_the_estimate_counts_alarms_and_keys(route: str) -> None:
    alarms = limits.ALARMS + limits.ROUTE_ALARMS.get(route, 0)
    # With something that writes: silence is an alarm then.
    given = {"LogRoute": route, "FlowLogVpcId": "vpc-0123456789abcdef0"}
    assert count(ALARM, **given) == alarms + limits.STREAMS * limits.STREAM_ALARMS
    assert count(ALARM, Delivery="s3", **given) == alarms
    assert count(KEY, **given) == limits.KEYS
    of_views = count(ALARM, **given, ViewsPerSecond="1") - count(ALARM, **given)
    assert of_views == limits.VIEW_ALARMS
