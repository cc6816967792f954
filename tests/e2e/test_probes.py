"""What emulators say and do not do; a probe that fails means that one has got better.

Then its line in capabilities.py becomes HAS, and the tests of that capability run on it.
"""

import json
import time

import pytest

from pipeline.beacon import FORM, TEXT
from tests.e2e.cloud import LANDING, PARQUET, Cloud
from tests.e2e.conftest import Sent
from tests.e2e.sample import FLOWS
from tests.e2e.test_views import gateway, post, view
from tests.homes import Ran

__all__ = ["gateway"]  # a fixture
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


@pytest.mark.probe("views.types")
def test_a_form_of_views_is_taken_for_json_that_is_none(target: Cloud, gateway: Cloud) -> None:
    assert post(gateway, b"path=%2Fform", FORM).status_code == 400
    text = json.dumps(view("with a charset")).encode()
    assert post(gateway, text, f"{TEXT};charset=UTF-8").status_code == 415
