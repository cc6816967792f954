"""A backfill by the real state machine and the function; broken at each state, run twice."""

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from pipeline import aws
from pipeline.backfill import Request
from pipeline.deployed.backfill import Outside, Seen
from pipeline.deployed.executions import RUNNING, SUCCEEDED, Machine
from pipeline.deployed.stage import find
from pipeline.schema import HOUR_MS
from tests.e2e.cloud import Cloud, until
from tests.e2e.sample import Sample
from tests.e2e.stages import Further
from tests.homes import Ran

GROUP, NAME, ELSEWHERE = "/local/again", "again", "tailrace-e2e-elsewhere"
PREFIX = f"s3://{ELSEWHERE}/AWSLogs/"
FILES = 3
FAIL = {"Type": "Fail", "Error": "Injected", "Cause": "as asked"}
COUNTS = (
    "SELECT (SELECT count(*) FROM vpc_flow) AS flows, (SELECT count(*) FROM reject) AS rejects,"
    " (SELECT count(*) FROM batch) AS records"
)


@dataclass
class Again:
    """A stage, and a bucket of somebody's in which there are flow logs."""

    stage: Cloud

    def replay(self, *words: str) -> Ran:
        return self.stage.tailrace("replay", "--stage", NAME, *words)

    def counts(self) -> dict[str, int]:
        """What the views hold."""
        ran = self.stage.tailrace(
            *("query", "--sql", COUNTS, "--full-scan", "--engine", "athena"),
            *("--stage", NAME, "--output", "jsonl"),
        )
        assert ran.code == 0, ran.err
        found: dict[str, int] = json.loads(ran.out)
        return found

    def landed(self) -> set[str]:
        """Keys of all that has landed."""
        return set(self.stage.objects("LakeBucket", "lake/landing/"))

    def run_broken(self, state: str) -> str:
        """How an execution of the same machine ends in which a state fails."""
        states = self.stage.client("stepfunctions")
        machine = states.describe_state_machine(
            stateMachineArn=self.stage.outputs["BackfillMachineArn"]
        )
        definition = json.loads(machine["definition"])
        assert _break(definition["States"], state)
        made = states.create_state_machine(
            name=f"broken-at-{state}",
            definition=json.dumps(definition),
            roleArn=machine["roleArn"],
        )
        said = {
            "request": {"bucket": ELSEWHERE, "prefix": "AWSLogs/"},
            "begun_ms": round(time.time() * 1000),
            "concurrency": 2,
            "name": "broken",
            "behind": 0,
        }
        started = states.start_execution(
            stateMachineArn=made["stateMachineArn"], input=json.dumps(said)
        )["executionArn"]

        def ended() -> str | None:
            status = states.describe_execution(executionArn=started)["status"]
            return status if status != "RUNNING" else None

        return until(ended, "the end of an execution", 120)

    def followed(self, request: Request) -> list[Seen]:
        """What is seen last of each execution of a request, each of which takes one batch."""
        session = aws.at(self.stage.running.endpoint)
        outside = Outside(session, find(session, NAME), request)
        said = {
            "request": msgspec.to_builtins(request),
            "begun_ms": round(time.time() * 1000),
            "concurrency": 1,
            "name": f"{request.id}-pieces",
            "behind": 0,
            "batches": 1,
        }
        arn = Machine(
            self.stage.client("stepfunctions"), self.stage.outputs["BackfillMachineArn"]
        ).start(f"{request.id}-pieces", said)
        found: dict[str, Seen] = {}
        watching = outside.watched(arn)

        def ended() -> list[Seen] | None:
            for seen in watching:
                found[seen.execution] = seen
                if seen.status == RUNNING:
                    return None
            return list(found.values())

        return until(ended, "the end of the last execution", 240)


def _break(states: dict[str, Any], name: str) -> bool:
    if name in states:
        states[name] = FAIL
        return True
    inner = [each["ItemProcessor"]["States"] for each in states.values() if "ItemProcessor" in each]
    return any(_break(each, name) for each in inner)


def _files() -> Iterator[tuple[str, bytes]]:
    for number in range(FILES):
        sample = Sample(round(time.time() * 1000) - 60_000 * number)
        yield (
            f"AWSLogs/1/vpcflowlogs/{number}.log.gz",
            gzip.compress("\n".join([*sample.flows, ""]).encode()),
        )


@pytest.fixture(scope="session")
def again(further: Further) -> Again:
    """Flow logs that were delivered before there was the stage."""
    sources = f'{{"{GROUP}": "vpc-flow"}}'
    stage = further.stage(
        NAME, Delivery="s3", LogGroups="", Sources=sources, BackfillBucket=ELSEWHERE
    )
    s3 = stage.client("s3")
    s3.create_bucket(Bucket=ELSEWHERE)
    for key, content in _files():
        s3.put_object(Bucket=ELSEWHERE, Key=key, Body=content)
    return Again(stage)


@pytest.mark.needs("states.backfill", "athena.answers")
def test_objects_of_another_bucket_become_rows_whatever_failed_before_and_once(
    target: Cloud, again: Again
) -> None:
    for state in ("Plan", "Round", "Take", "Sum"):
        assert again.run_broken(state) == "FAILED", state
    first = again.replay("--prefix", PREFIX)
    assert first.code == 0, first.err
    assert first.out.startswith(f"{FILES} objects of vpc-flow · ")
    assert first.out.splitlines()[-1].startswith(f"{FILES} objects · {FILES * 26} rows · ")
    assert again.counts() == {"flows": FILES * 26, "rejects": FILES * 2, "records": FILES}
    before = again.landed()
    second = again.replay("--prefix", PREFIX)
    assert (second.code, again.landed()) == (0, before), second.err


@pytest.mark.needs("states.backfill", "athena.answers")
def test_records_that_the_stream_still_has_are_no_news(target: Cloud, again: Again) -> None:
    before = again.counts()
    sample = Sample(round(time.time() * 1000) - 30_000)
    again.stage.client("kinesis").put_record(
        StreamName=again.stage.outputs["StreamName"],
        Data=sample.envelope(GROUP, sample.flows),
        PartitionKey="any",
    )

    def taken() -> dict[str, int] | None:
        found = again.counts()
        return found if found["records"] > before["records"] else None

    after = until(taken, "the record in the lake")
    keys = again.landed()
    ran = again.replay("--since", "1h")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].startswith("1 record · 26 rows · 2 refused · ")
    assert again.landed() > keys
    assert again.counts() == after


@pytest.mark.needs("states.backfill")
def test_what_is_too_much_for_an_execution_is_taken_by_the_next(
    target: Cloud, again: Again
) -> None:
    now_ms = round(time.time() * 1000)
    stream = again.stage.outputs["StreamArn"]
    found = again.followed(Request(stream=stream, from_ms=now_ms - HOUR_MS, to_ms=now_ms))
    names = [seen.execution.rpartition(":")[2] for seen in found]
    assert len(found) > 1
    assert names[1:] == [f"{names[0]}-{number}" for number in range(1, len(found))]
    assert {seen.status for seen in found} == {SUCCEEDED}
    assert found[-1].done == found[-1].planned == len(found)
