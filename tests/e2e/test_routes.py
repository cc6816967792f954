"""The other two ways in: the same template, another LogRoute, the same rows."""

import gzip
import time
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.sample import Sample
from tests.e2e.stages import Further
from tests.e2e.test_chain import embedded, in_order
from tests.homes import run

GROUP, STREAM = "/local/direct", "eni-1235b8ca123456789-all"
FLOWS = "vpc-flow"


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


@pytest.mark.needs("logs.to_function")
def test_a_subscription_calls_the_function(direct: Cloud) -> None:
    sample, logs = Sample(round(time.time() * 1000) - 30_000), direct.client("logs")
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    events = sample.events(sample.flows)
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    batches = until(lambda: direct.landed("batch") or None, "an entry in the ledger")
    assert [(each["source"], each["events_in"]) for each in batches] == [(FLOWS, len(events))]
    rows = until(lambda: direct.landed("vpc_flow") or None, "rows")
    assert len(rows) == batches[0]["rows"] >= 20
    assert {row["log_group"] for row in rows} == {GROUP}


@pytest.mark.needs("s3.to_function")
def test_a_file_is_read_and_its_rows_are_those_of_the_embedded_home(
    inbox: Cloud, tmp_path: Path
) -> None:
    sample = Sample(round(time.time() * 1000) - 30_000)
    content = gzip.compress("\n".join(sample.flows).encode())
    key = "AWSLogs/000000000000/vpcflowlogs/flows.log.gz"
    inbox.client("s3").put_object(Bucket=inbox.outputs["InboxBucket"], Key=key, Body=content)
    until(lambda: inbox.landed("batch") or None, "an entry in the ledger")
    (path := tmp_path / "flows.log.gz").write_bytes(content)
    assert run("ingest", FLOWS, path, "--home", tmp_path / "home").code == 0
    expected = embedded(tmp_path / "home", "vpc_flow")
    found = until(
        lambda: rows if len(rows := inbox.landed("vpc_flow")) >= len(expected) else None, "rows"
    )
    assert in_order(found) == expected
