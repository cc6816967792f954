"""tailrace replay --stage S, from the word on the command line to the requests and back."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import aws
from pipeline.backfill import Request
from pipeline.cli import backfill as command
from pipeline.deployed.erased import objects_key
from tests.backfill.account import LOGS, MACHINE, NOW, Account, Stage
from tests.backfill.machine import run
from tests.deployed.cloud import LAKE
from tests.deployed.staging import lines
from tests.homes import Ran, call

KEY = "AWSLogs/1/vpcflowlogs/a.log.gz"
PREFIX = f"s3://{LOGS}/AWSLogs/"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage that the command reaches, and a bucket with two files of flows."""
    made = Stage(tmp_path / "lake", Account(now=datetime.now(UTC)))
    for name in "ab":
        content = gzip.compress(lines(ord(name)))
        made.cloud.put(LOGS, KEY.replace("a.log", f"{name}.log"), content, NOW)

    def runs(said: Any) -> str:
        request = msgspec.convert(said["request"], Request)
        ended = run(made.backfill(), request, said["begun_ms"])
        return "FAILED" if ended["failed"] else "SUCCEEDED"

    made.cloud.runs = runs
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(aws, "session", lambda target: made.cloud.session())
    return made


def replay(*words: str) -> Ran:
    return call("replay", "--stage", "staging", *words)


def test_a_backfill_says_what_there_is_runs_and_says_what_came_of_it(stage: Stage) -> None:
    ran = replay("--prefix", PREFIX)
    assert ran.code == 0, ran.err
    first, last = ran.out.splitlines()
    size = sum(
        len(content) for (bucket, _), (content, _) in stage.cloud.objects.items() if bucket == LOGS
    )
    assert first.startswith(f"2 objects of vpc-flow · {size} B · 1 batch · about 0.00")
    assert last.startswith(f"2 objects · 2 rows · 0 refused · {size} B · ")
    assert last.endswith(" USD")
    (arn,) = stage.cloud.executions
    assert ran.err == f"execution {arn}\n1 of 1 batches\n"


def test_a_dry_run_says_what_there_is_and_begins_nothing(stage: Stage) -> None:
    ran = replay("--prefix", PREFIX, "--dry-run")
    assert (ran.code, ran.err, stage.cloud.executions) == (0, "", {})
    assert ran.out.startswith("2 objects of vpc-flow")
    nothing = replay("--prefix", PREFIX, "--from", "2026-11-26", "--to", "2026-11-27")
    assert (nothing.code, nothing.out, stage.cloud.executions) == (0, "nothing to take\n", {})


def test_it_is_said_that_what_was_erased_may_come_in_again(stage: Stage) -> None:
    hour = timedelta(hours=1)
    name = f"erasures/{stage.cloud.now - 2 * hour:%Y%m%dT%H%M%SZ}-1a2b3c4d"
    for key in (f"{name}.json", objects_key(name.partition("/")[2])):
        stage.cloud.put(LAKE, key, b"{}", NOW)
    ran = replay("--prefix", PREFIX, "--dry-run")
    assert ran.err == (
        "note: rows that 1 erasure removed come in again where they still are: run tailrace erase"
        " --stage staging once more behind it\n"
    )
    later = f"{stage.cloud.now - hour:%Y-%m-%dT%H:%M:%SZ}"
    assert replay("--prefix", PREFIX, "--from", later, "--dry-run").err == ""


def test_a_bucket_that_the_stack_may_not_read_is_refused_with_what_allows_it(stage: Stage) -> None:
    ran = replay("--prefix", "s3://elsewhere/AWSLogs/")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "error: the stack tailrace-staging may not read the bucket elsewhere",
        "  --prefix",
        "  allow it: 'BackfillBucket=elsewhere' among the overrides in samconfig.toml, then make"
        " deploy STAGE=staging",
    ]


def test_what_the_function_was_called_with_itself_is_kept_nowhere(stage: Stage) -> None:
    stage.cloud.outputs["LogRoute"] = "lambda"
    ran = replay("--since", "2h")
    assert ran.code == 2
    assert "keeps nothing that could be taken again" in ran.err


def test_of_a_stream_it_is_said_what_has_left_it(stage: Stage) -> None:
    stage.cloud.add("shardId-000000000000", lines(5), stage.cloud.now - timedelta(minutes=20))
    ran = replay("--since", "3d", "--dry-run")
    assert ran.code == 0, ran.err
    assert ran.err.startswith("gone: what arrived before 20")
    assert ran.err.endswith(" has left the stream\n")
    assert ran.out.startswith("1 shard · 4 MB · 25 batches · about 0.0")


def test_the_inbox_of_the_stack_is_what_the_route_s3_still_has(stage: Stage) -> None:
    stage.cloud.outputs |= {"LogRoute": "s3", "InboxBucket": "inbox"}
    stage.cloud.put("inbox", "AWSLogs/x.log", lines(4), stage.cloud.now - timedelta(hours=1))
    ran = replay("--since", "2h")
    assert (ran.code, ran.out.splitlines()[1].split(" · ")[:2]) == (0, ["1 object", "1 row"])


def test_what_could_not_be_taken_ends_with_one_and_says_how_to_go_on(stage: Stage) -> None:
    stage.cloud.unreadable = {KEY}
    ran = replay("--prefix", PREFIX, "--source", "vpc-flow", "--from", "2026-11-25")
    assert ran.code == 1
    (arn,) = stage.cloud.executions
    assert ran.err.splitlines()[-4:] == [
        f"s3://{LOGS}/{KEY}: s3://{LOGS}/{KEY} refuses: AccessDenied",
        "error: the execution has failed; 1 of 1 batches are not done",
        f"  at {arn}",
        f"  mend it, and go on: tailrace replay --stage staging --prefix {PREFIX} --source vpc-flow"
        " --from 2026-11-25T00:00:00Z",
    ]
    stage.cloud.unreadable.clear()
    stage.cloud.executions.clear()
    again = replay("--prefix", PREFIX, "--source", "vpc-flow", "--from", "2026-11-25")
    assert (again.code, again.out.splitlines()[1].split(" · ")[:2]) == (0, ["2 objects", "2 rows"])


def test_one_that_runs_is_watched_and_ctrl_c_ends_the_watching(stage: Stage) -> None:
    request = Request(LOGS, "AWSLogs/")
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{request.id}-20261125T140000"
    stage.cloud.executions[arn] = "RUNNING"

    def interrupted(asked: Any) -> Any:
        raise KeyboardInterrupt

    stage.cloud.said["DescribeExecution"] = interrupted
    ran = replay("--prefix", PREFIX)
    assert (ran.code, len(stage.cloud.executions)) == (130, 1)
    assert ran.err.splitlines() == [
        "it runs already; watching it",
        f"execution {arn}",
        "",
        f"the backfill goes on; watch it again: tailrace replay --stage staging --prefix {PREFIX}",
        f"  end it: aws stepfunctions stop-execution --execution-arn {arn}",
        "interrupted",
    ]


def test_an_execution_that_went_on_in_another_one_is_followed(stage: Stage) -> None:
    request = Request(LOGS, "AWSLogs/")
    run(stage.backfill(), request, 0)
    notes = stage.notes(request)
    # As the last one has left it, while the first is still being looked at.
    notes.set_sum(msgspec.structs.replace(notes.sum(), more=False, behind=800))
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{request.id}-20261125T140000"
    stage.cloud.executions |= {arn: "RUNNING", f"{arn}-400": "SUCCEEDED", f"{arn}-800": "FAILED"}
    stage.cloud.outputs_of = {
        arn: {"execution": f"{arn}-400"},
        f"{arn}-400": {"execution": f"{arn}-800"},
    }

    def look(name: str) -> None:
        if name == "DescribeExecution":
            stage.cloud.executions[arn] = "SUCCEEDED"

    stage.cloud.before = look
    ran = replay("--prefix", PREFIX)
    assert ran.code == 1
    assert f"  at {arn}-800" in ran.err.splitlines()


def test_an_execution_that_has_left_batches_is_not_called_done(stage: Stage) -> None:
    request = Request(LOGS, "AWSLogs/")
    run(stage.backfill(), request, 0)
    del stage.cloud.objects[LAKE, f"{stage.notes(request).folder}done/00000001.json"]
    stage.cloud.runs = lambda said: "SUCCEEDED"
    ran = replay("--prefix", PREFIX)
    assert ran.code == 1
    assert "1 of 1 batches are not done" in ran.err


def test_without_waiting_it_is_started_and_named(stage: Stage) -> None:
    ran = replay("--prefix", PREFIX, "--no-wait", "--concurrency", "4")
    (arn,) = stage.cloud.executions
    assert (ran.code, ran.err) == (0, f"execution {arn}\n")


def test_what_is_costly_is_asked_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "COSTLY_USD", 0.0)
    ran = replay("--prefix", PREFIX)
    assert (ran.code, stage.cloud.executions) == (2, {})
    assert ran.err.startswith("error: nobody can be asked\n")
    assert replay("--prefix", PREFIX, "--yes").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--prefix", "logs/AWSLogs"), "not a place in S3: 'logs/AWSLogs'"),
        (("--prefix", PREFIX, "--failed"), "--prefix names objects of its own"),
        (("--failed", "--source", "alb"), "what failed in a stack has no source"),
        (("--failed", "--no-wait"), "--concurrency, --no-wait and --yes are about a backfill"),
        (("--quarantine", "--yes"), "--concurrency, --no-wait and --yes are about a backfill"),
        ((), "nothing was named to be replayed"),
    ],
)
def test_what_cannot_be_asked_is_refused(stage: Stage, words: tuple[str, ...], said: str) -> None:
    ran = replay(*words)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {said}\n")


def test_of_a_home_nothing_of_a_stack_can_be_asked() -> None:
    ran = call("replay", "--prefix", PREFIX)
    assert ran.code == 2
    assert "--no-wait and --yes are about a stack" in ran.err
