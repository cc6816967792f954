"""An erasure by the command, the real state machine and the function, of a day that was folded."""

import gzip
import json
import time
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.curate.catalog import Catalog, Shown
from pipeline.lake import glue
from pipeline.lake.tables import find_table
from tests.e2e.cloud import Cloud, until
from tests.e2e.sample import Sample
from tests.e2e.stages import Further

GROUP, NAME, HER = "/local/gone", "gone", "172.31.16.139"
SQL = "SELECT event_time, record_id, srcaddr, dstaddr, bytes FROM vpc_flow ORDER BY 1, 2"


@pytest.fixture(scope="session")
def gone(further: Further) -> Cloud:
    """The sample's flows, in landing and in a day of curated."""
    sources = f'{{"{GROUP}": "vpc-flow"}}'
    stage = further.stage(NAME, Delivery="s3", LogGroups="", Sources=sources)
    sample = Sample(round(time.time() * 1000) - 30_000)
    stage.client("kinesis").put_record(
        StreamName=stage.outputs["StreamName"],
        Data=sample.envelope(GROUP, sample.flows),
        PartitionKey="any",
    )
    prefix = "lake/landing/vpc_flow/"
    landed = until(lambda: stage.objects("LakeBucket", prefix) or None, "a file")
    (content,) = landed.values()
    _fold(stage, content)
    return stage


def _fold(stage: Cloud, content: bytes) -> None:
    """Show the rows of a file as a day, as a compaction does it."""
    table, bucket = find_table("vpc_flow"), stage.outputs["LakeBucket"]
    (day,) = {
        f"{each:%Y-%m-%d}" for each in pq.read_table(BytesIO(content))["event_time"].to_pylist()
    }
    lake = f"s3://{bucket}/lake"
    key = glue.location_of(table, lake, day, "v1").removeprefix(f"s3://{bucket}/")
    stage.client("s3").put_object(Bucket=bucket, Key=f"{key}hours=00-24/0", Body=content)
    catalog = Catalog(stage.client("glue"), f"tailrace_{NAME}")
    catalog.show(table, day, Shown("v1", "a plan"), lake)


def rows(stage: Cloud) -> list[dict[str, Any]]:
    """What the view answers."""
    ran = stage.tailrace(
        *("query", "--sql", SQL, "--full-scan", "--engine", "athena"),
        *("--stage", NAME, "--output", "jsonl"),
    )
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def _held(stage: Cloud) -> list[str]:
    """Objects of lake and quarantine that hold her, in any version."""
    s3, found = stage.client("s3"), []
    for bucket in ("LakeBucket", "QuarantineBucket"):
        name = stage.outputs[bucket]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in page.get("Versions", []):
                named = {"Key": each["Key"], "VersionId": each["VersionId"]}
                content = s3.get_object(Bucket=name, **named)["Body"].read()
                if HER in _plain(content):
                    found.append(each["Key"])
    return found


def _plain(content: bytes) -> str:
    if content.startswith(b"PAR1"):
        return repr(pq.read_table(BytesIO(content)).to_pylist())
    return gzip.decompress(content).decode() if content.startswith(b"\x1f\x8b") else str(content)


@pytest.mark.needs("states.erasure", "athena.answers")
def test_a_person_leaves_the_stack_and_others_stay(target: Cloud, gone: Cloud) -> None:
    before = rows(gone)
    others = [row for row in before if HER not in (row["srcaddr"], row["dstaddr"])]
    assert len(before) - len(others) == 2
    words = ("erase", "--stage", NAME, "--ip", HER)
    dry = gone.tailrace(*words, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert rows(gone) == before
    ran = gone.tailrace(*words, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert rows(gone) == others
    told, said = json.loads(dry.out), json.loads(ran.out)
    assert (told["rows"], told["files"]) == (said["rows"], said["files"])
    assert [each["rows"] for each in said["rows"] if each["table"] == "vpc_flow"] == [2]
    assert (said["state"], said["waiting"]) == ("waiting", 1)
    assert all("/curated/" in key for key in _held(gone))
    # A day later, by the state that waits for it.
    gone.client("lambda").invoke(
        FunctionName=f"tailrace-{NAME}-erase",
        Payload=json.dumps({"step": "remove", "id": said["id"], "execution": "by hand"}),
    )
    assert _held(gone) == []
    assert rows(gone) == others
    (receipt,) = gone.objects("LakeBucket", f"erasures/{said['id']}.json").values()
    assert json.loads(receipt)["state"] == "done"
    audit = gone.tailrace("audit", "--stage", NAME, "--since", "12h", "--json")
    assert "erasure_unfinished" not in audit.out
