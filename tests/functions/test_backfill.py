"""The steps of a backfill, as Step Functions calls Lambda."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.backfill import Request
from tests.deployed.staging import lines
from tests.functions.services import Services, serving
from tests.functions.test_log_etl import RUNTIME, environ

REQUEST = {"bucket": "logs", "prefix": "AWSLogs/"}
FOLDER = "lake/backfill"
BATCH = {"number": 1, "objects": [["AWSLogs/a.log.gz", 99, 1_795_615_200_000]]}


def called(services: Services, event: dict[str, Any], folder: Path) -> tuple[Any, list[Any]]:
    """What the function answers to a step, and what it has logged."""
    ran = subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME.replace("log_etl import", "backfill import")],
        input=json.dumps(event) + "\n",
        capture_output=True,
        text=True,
        env=environ(services, TAILRACE_DELIVERY_MODE="s3"),
        cwd=folder,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    *logged, last = [json.loads(line) for line in ran.stdout.splitlines()]
    return last["answers"][0], logged


def test_a_batch_is_taken_and_what_was_refused_of_it_is_counted(tmp_path: Path) -> None:
    with serving() as services:
        services.lists = True
        name = Request(**REQUEST).id
        part = json.dumps({"batches": [BATCH]}).encode()
        services.objects[f"{FOLDER}/{name}/plan/00000001-00000001.json"] = part
        services.objects["logs/AWSLogs/a.log.gz"] = gzip.compress(lines(7) + b"bad\n")
        step = {"step": "take", "request": REQUEST, "begun_ms": 1_795_615_300_000}
        place = {"part": "00000001-00000001.json", "number": 1}
        answer, logged = called(services, {**step, **place}, tmp_path)
        assert answer == {"more": False, "rejected": 1}
        (metric,) = [line for line in logged if "_aws" in line]
        assert metric["rejected"] == [1.0]
        done = json.loads(services.objects[f"{FOLDER}/{name}/done/00000001.json"])
        assert (done["objects"], done["rows"], done["rejected"]) == (1, 1, 1)
        written = {key.split("/")[3] for key in services.objects if "/landing/" in key}
        assert written == {"vpc_flow", "reject", "batch"}
