"""What emulators say and do not do; a probe that fails means that one has got better.

Then its line in capabilities.py becomes HAS, and the tests of that capability run on it.
"""

import time

import pytest

from tests.e2e.cloud import LANDING, PARQUET, Cloud
from tests.e2e.conftest import Sent
from tests.e2e.sample import FLOWS
from tests.homes import Ran

WAIT_S = 5


def athena(target: Cloud, sql: str) -> Ran:
    words = ("--sql", sql, "--output", "jsonl", "--engine", "athena", "--stage", target.target)
    return target.tailrace("query", *words)


@pytest.mark.probe("logs.to_kinesis")
def test_a_subscription_to_a_stream_delivers_nothing(target: Cloud, sent: Sent) -> None:
    logs, before = target.client("logs"), len(target.records())
    filters = logs.describe_subscription_filters(logGroupName=FLOWS)["subscriptionFilters"]
    assert [each["destinationArn"] for each in filters] == [target.outputs["StreamArn"]]
    logs.create_log_stream(logGroupName=FLOWS, logStreamName="probe")
    event = {"timestamp": round(time.time() * 1000), "message": "nobody hears it"}
    logs.put_log_events(logGroupName=FLOWS, logStreamName="probe", logEvents=[event])
    time.sleep(WAIT_S)
    assert len(target.records()) == before


@pytest.mark.probe("firehose.parquet")
def test_what_is_called_parquet_is_json(target: Cloud, sent: Sent) -> None:
    objects = target.objects("LakeBucket", f"{LANDING}/vpc_flow/")
    assert all(key.endswith(".parquet") for key in objects)
    assert not any(content.startswith(PARQUET) for content in objects.values())


@pytest.mark.probe("firehose.prefix")
def test_prefixes_stay_as_they_are_written(target: Cloud, sent: Sent) -> None:
    (key, *_) = target.objects("LakeBucket", f"{LANDING}/vpc_flow/")
    assert "/arrival_dt=!{timestamp:yyyy-MM-dd}/" in key


@pytest.mark.probe("athena.trino")
def test_whole_numbers_are_divided_as_by_duckdb(target: Cloud) -> None:
    ran = athena(target, "SELECT 1 + 1 AS two, 1 / 2 AS half")
    assert (ran.code, ran.out) == (0, '{"two":2,"half":0.5}\n')
