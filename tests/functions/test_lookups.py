"""Address ranges in a stack, as Lambda calls it: one function renews them, one looks them up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import BufferReader, parquet

from tests.carriers import awslogs_event, envelope, gzipped, log_events
from tests.functions.services import Services, serving
from tests.functions.test_log_etl import RUNTIME, called, environ
from tests.lookups import server
from tests.lookups.ranges import LATER, TOKEN, as_json

OBJECT = "lake/lookups/aws-ip-ranges.json"
FLOW = (
    "2 123456789010 eni-1 10.0.0.7 198.19.7.9 50000 443 6 10 4000 1795615000 1795615060 ACCEPT OK"
)
EVENT = awslogs_event(gzipped(envelope(log_events([FLOW]))))


def given(services: Services, url: str = "") -> dict[str, str]:
    return environ(
        services,
        TAILRACE_DELIVERY_MODE="s3",
        TAILRACE_LOOKUPS_FOLDER="s3://lake/lookups",
        **({"TAILRACE_LOOKUPS_AWS_RANGES": url} if url else {}),
    )


def renewed(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME.replace("log_etl import", "lookups import")],
        input="{}\n",
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=120,
    )


def delivered(services: Services, folder: Path) -> tuple[list[Any], str]:
    """Services of the destinations that came to the lake, and what was told of the ranges."""
    _, logged = called([EVENT], given(services), folder)
    (told,) = (line["ranges"] for line in logged if line.get("message") == "taken")
    (key,) = (key for key in services.objects if "/vpc_flow/" in key)
    table = parquet.read_table(BufferReader(services.objects[key]))
    return table["pkt_dst_aws_service"].to_pylist(), told


def test_ranges_are_fetched_kept_and_looked_up(tmp_path: Path) -> None:
    with serving() as services, server.serving(as_json()) as served:
        ran = renewed(given(services, served.url), tmp_path)
        *logged, last = [json.loads(line) for line in ran.stdout.splitlines()]
        assert last["answers"] == [{"token": TOKEN, "ranges": 519, "changed": True}]
        assert [line["token"] for line in logged if line.get("message")] == [TOKEN]
        kept = json.loads(services.objects[OBJECT])
        assert (kept["token"], kept["etag"]) == (TOKEN, '"one"')
        found = delivered(services, tmp_path)
    assert found == (["S3"], "1764000000 of 2026-11-24T16:00:00Z")


def test_the_same_version_is_only_asked_for_and_its_age_begins_anew(tmp_path: Path) -> None:
    with serving() as services, server.serving(as_json()) as served:
        renewed(given(services, served.url), tmp_path)
        first = json.loads(services.objects[OBJECT])
        ran = renewed(given(services, served.url), tmp_path)
        second = json.loads(services.objects[OBJECT])
    assert json.loads(ran.stdout.splitlines()[-1])["answers"][0]["changed"] is False
    assert served.asked == ["", '"one"']
    assert second["checked_ms"] > first["checked_ms"]
    assert {**second, "checked_ms": 0} == {**first, "checked_ms": 0}


@pytest.mark.parametrize("content", [b"<html>", as_json(syncToken=LATER, prefixes=[])])
def test_a_document_that_is_refused_ends_the_call_and_the_old_one_stays(
    tmp_path: Path, content: bytes
) -> None:
    with serving() as services, server.serving(as_json()) as served:
        renewed(given(services, served.url), tmp_path)
        before = services.objects[OBJECT]
        served.content, served.etag = content, '"two"'
        ran = renewed(given(services, served.url), tmp_path)
        assert ran.returncode == 1
        assert "the address ranges are refused" in ran.stderr
        assert services.objects[OBJECT] == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "none were fetched"),
        (b"{", "the address ranges that are kept are damaged: Input data was truncated"),
    ],
)
def test_a_batch_goes_through_without_ranges_and_that_is_told(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    with serving() as services:
        if content is not None:
            services.objects[OBJECT] = content
        assert delivered(services, tmp_path) == ([None], told)


def test_without_a_place_to_keep_them_it_says_what_sets_it(tmp_path: Path) -> None:
    with serving() as services:
        ran = renewed(environ(services), tmp_path)
    assert ran.returncode == 1
    assert "TAILRACE_LOOKUPS_FOLDER is not set" in ran.stderr
