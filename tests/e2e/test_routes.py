"""The other ways in and out: the same template, another LogRoute or Delivery, the same rows."""

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.sample import Sample
from tests.e2e.stages import Further
from tests.e2e.test_chain import embedded, in_order
from tests.homes import run

GROUP, STREAM = "/local/direct", "eni-1235b8ca123456789-all"
FLOWS = "vpc-flow"
# Given by who writes the envelope: ids of log events, and the account.
OF_ENVELOPE = {"record_id", "owner_account_id"}


@pytest.fixture(scope="session")
def direct(target: Cloud, further: Further) -> Cloud:
    """A stage whose function is called by CloudWatch Logs itself."""
    target.client("logs").create_log_group(logGroupName=GROUP)
    sources = f'{{"{GROUP}": "{FLOWS}"}}'
    return further.stage("direct", LogRoute="lambda", LogGroups=GROUP, Sources=sources)


@pytest.fixture(scope="session")
def inbox(further: Further) -> Cloud:
    """A stage that reads files from a bucket."""
    sources = '{"s3://tailrace-inbox*": "vpc-flow"}'
    return further.stage("inbox", LogRoute="s3", LogGroups="", Sources=sources)


@pytest.fixture(scope="session")
def plain(further: Further) -> Cloud:
    """A stage that writes Parquet by itself."""
    sources = f'{{"{GROUP}": "{FLOWS}"}}'
    return further.stage("plain", Delivery="s3", LogGroups="", Sources=sources)


def without_envelope(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of different envelopes of the same log events, in an order."""
    kept = in_order(rows)
    names = sorted(kept[0].keys() - OF_ENVELOPE)
    return sorted(({name: row[name] for name in names} for row in kept), key=repr)


def at_home(folder: Path, name: str, content: bytes) -> list[dict[str, Any]]:
    """Rows of the embedded home, given a file of this name."""
    (path := folder / name).write_bytes(content)
    ran = run("ingest", FLOWS, path, "--home", folder / "home")
    assert ran.code == 0, ran.err
    rows = embedded(folder / "home", "vpc_flow")
    assert len(rows) >= 20
    return rows


def landed(stage: Cloud, count: int) -> list[dict[str, Any]]:
    """Rows of a stage, once there are so many."""
    return until(lambda: rows if len(rows := stage.landed("vpc_flow")) >= count else None, "rows")


@pytest.mark.needs("logs.to_function")
def test_a_subscription_calls_the_function_and_its_rows_are_those_of_the_embedded_home(
    direct: Cloud, tmp_path: Path
) -> None:
    sample, logs = Sample(round(time.time() * 1000) - 30_000), direct.client("logs")
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    events = sample.events(sample.flows)
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    batches = until(lambda: direct.landed("batch") or None, "an entry in the ledger")
    assert [(each["source"], each["events_in"]) for each in batches] == [(FLOWS, len(events))]
    expected = at_home(tmp_path, "flows.gz", sample.envelope(GROUP, sample.flows))
    rows = landed(direct, len(expected))
    assert without_envelope(rows) == without_envelope(expected)


@pytest.mark.needs("s3.to_function")
def test_a_file_is_read_and_its_rows_are_those_of_the_embedded_home(
    inbox: Cloud, tmp_path: Path
) -> None:
    sample = Sample(round(time.time() * 1000) - 30_000)
    content = gzip.compress("\n".join(sample.flows).encode())
    # Notices have keys as a form would send them.
    key = "AWSLogs/000000000000/vpcflowlogs/flows of today.log.gz"
    inbox.client("s3").put_object(Bucket=inbox.outputs["InboxBucket"], Key=key, Body=content)
    until(lambda: inbox.landed("batch") or None, "an entry in the ledger")
    expected = at_home(tmp_path, "flows.log.gz", content)
    assert in_order(landed(inbox, len(expected))) == expected


@pytest.mark.needs("s3.delivery")
def test_rows_that_go_to_the_bucket_by_themselves_are_those_of_the_embedded_home(
    plain: Cloud, tmp_path: Path
) -> None:
    sample = Sample(round(time.time() * 1000) - 30_000)
    envelope = sample.envelope(GROUP, sample.flows)
    plain.client("kinesis").put_record(
        StreamName=plain.outputs["StreamName"], Data=envelope, PartitionKey="any"
    )
    expected = at_home(tmp_path, "flows.gz", envelope)
    assert in_order(landed(plain, len(expected))) == expected
    keys = plain.objects("LakeBucket", "lake/landing/vpc_flow/arrival_dt=")
    assert all(content.startswith(b"PAR1") for content in keys.values())
