"""The commands about a stack, from the word on the command line to the requests and back."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline import aws
from pipeline.cli.app import app
from pipeline.counters.table import CountersTable
from tests.counters.account import TABLE, Account
from tests.counters.test_counters import delta, of
from tests.deployed.cloud import LAKE, Cloud
from tests.deployed.failed import REFUSED, firehose_errors
from tests.deployed.lake import Lake
from tests.deployed.staging import HOUR_MS, Staging
from tests.homes import Ran, call, flows, run


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staging:
    """A stage that the commands reach."""
    made = Staging(tmp_path / "lake")
    made.cloud.lake = Lake(made.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(aws, "session", lambda target: made.cloud.session())
    return made


def put(cloud: Cloud, key: str, content: bytes) -> None:
    """Store an object in the lake's bucket an hour ago, by the clock that the commands look at."""
    cloud.put(LAKE, key, content, datetime.now(UTC) - timedelta(hours=1))


def test_the_audit_of_a_stage_prints_sums_findings_and_what_it_cost(staging: Staging) -> None:
    staging.bring(flows(1, 2), arrival_ms=round(datetime.now().timestamp() * 1000) - 2 * HOUR_MS)
    put(staging.cloud, REFUSED, firehose_errors(b'{"bytes":1}\n'))
    ran = call("audit", "--stage", "staging", "--since", "5h")
    assert ran.code == 1
    first, _, second, *_, verdict = ran.out.splitlines()
    assert first.split()[:4] == ["source", "arrived", "events", "in"]
    assert second.split()[0] == "vpc-flow"
    assert verdict == "✗ not balanced"
    assert "5 queries · " in ran.err
    assert " · 125 MB scanned · 0.000625 USD · athena, asked anew\n" in ran.err
    assert f"  undelivered: s3://{LAKE}/{REFUSED}: Firehose could not deliver 1 row" in ran.err


def test_without_a_length_of_time_the_last_day_is_audited_and_it_is_said(
    staging: Staging,
) -> None:
    ran = call("audit", "--stage", "staging", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["balanced"] is True
    assert "note: what arrived since 20" in ran.err


def test_the_ranking_of_a_stage_is_compared_with_what_athena_says(staging: Staging) -> None:
    account, minute = Account(), int(time.time()) // 60 - 60
    staging.cloud.outputs["CountersTable"] = TABLE
    staging.cloud.said["Query"] = lambda asked: account.answer("Query", asked)[1]
    ran = call("audit", "--ranking", "--stage", "staging")
    assert (ran.code, ran.out[:24]) == (0, "✓ 0 views in the ranking")
    assert ran.err.startswith("4 queries · ")
    table = CountersTable(account.client, TABLE)
    assert table.add(delta("", "1", of(minute, a=1), minute=minute))
    ran = call("audit", "--ranking", "--stage", "staging", "--json")
    assert (ran.code, json.loads(ran.out)["differences"][1:]) == (
        1,
        [{"where": "a", "table": 0, "counted": 1}],
    )


def test_a_replay_of_a_stage_prints_what_came_of_it(staging: Staging) -> None:
    assert call("replay", "--stage", "staging", "--failed").out == "nothing to replay\n"
    put(staging.cloud, REFUSED, firehose_errors(b'{"bytes":1}\n'))
    dry = call("replay", "--stage", "staging", "--failed", "--dry-run")
    assert (dry.code, staging.cloud.firehose.calls) == (0, [])
    assert "rows that would be sent" in dry.out
    ran = call("replay", "--stage", "staging", "--failed")
    assert (ran.code, ran.out.splitlines()[-1].split()) == (
        0,
        ["errors/vpc_flow", "1", "1", "0", "0", "0"],
    )


def test_a_replay_that_fails_again_ends_with_one_and_says_where(staging: Staging) -> None:
    put(staging.cloud, "errors/door_log/x", b"{}\n")
    ran = call("replay", "--stage", "staging", "--failed")
    assert ran.code == 1
    assert ran.err == (
        f"s3://{LAKE}/errors/door_log/x: there is no table door_log\n"
        "error: 1 object failed again\n  mend what is named, then run it again\n"
    )


def test_what_is_lost_ends_with_one_and_says_what(staging: Staging) -> None:
    put(staging.cloud, REFUSED, b"no json\n")
    ran = call("replay", "--stage", "staging", "--failed")
    assert (ran.code, ran.err.splitlines()[:2]) == (
        1,
        [
            f"s3://{LAKE}/{REFUSED}: 1 record cannot be read",
            "error: 1 object cannot be brought back whole",
        ],
    )


def doctor(cloud: Cloud, **said: object) -> Ran:
    cloud.said |= said
    return call("doctor", "--stage", "staging")


def test_the_doctor_of_a_stage_prints_a_line_for_each_part(staging: Staging) -> None:
    staging.cloud.changed = datetime.now(UTC)
    ran = doctor(staging.cloud)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["✓", name]
        for name in (
            *("identity", "stack", "intake", "function", "mapping", "calls", "alarm", "lookups"),
            *("counters", "stream", "table", "curated", "workgroup", "query", "freshness"),
        )
    ]


def test_the_doctor_of_a_stage_that_is_not_well_ends_with_one_and_says_what_to_do(
    staging: Staging,
) -> None:
    ran = doctor(staging.cloud, ListEventSourceMappings={"EventSourceMappings": []})
    assert ran.code == 1
    assert "✗ mapping   nothing calls tailrace-staging-log-etl" in ran.out
    assert "\n            deploy it anew: make deploy STAGE=staging\n" in ran.out


def test_a_stage_to_which_nothing_comes_ends_with_one_unless_silence_is_ok(
    staging: Staging,
) -> None:
    ran = doctor(staging.cloud)
    assert ran.code == 1
    (said,) = [line for line in ran.out.splitlines() if not line.startswith(("✓", " "))]
    assert said.startswith("! freshness nothing has come since 20")
    ran = call("doctor", "--stage", "staging", "--silence-ok")
    assert (ran.code, said in ran.out) == (0, True)
    staging.cloud.said["ListEventSourceMappings"] = {"EventSourceMappings": []}
    assert call("doctor", "--stage", "staging", "--silence-ok").code == 1


def test_of_a_home_silence_cannot_be_ok() -> None:
    ran = call("doctor", "--silence-ok")
    assert ran.code == 2
    assert ran.err.startswith("error: --silence-ok is about a stack, not a home\n")


@pytest.mark.parametrize("words", [["audit"], ["dashboard"], ["doctor"], ["replay", "--failed"]])
def test_without_a_stack_every_command_ends_with_three(staging: Staging, words: list[str]) -> None:
    staging.cloud.status = ""
    ran = call(*words, "--stage", "staging")
    assert ran.code == 3
    assert ran.err.startswith("error: there is no stack tailrace-staging in eu-west-1\n")


STAGED = [
    ("audit",),
    ("compact",),
    ("dashboard", "--no-open", "--port", "0"),
    ("doctor",),
    ("erase", "--ip", "203.0.113.9", "--yes"),
    ("query", "top_talkers", "--engine", "athena"),
    ("replay", "--failed"),
    ("replay", "--quarantine"),
    ("replay", "--since", "1h"),
    ("replay", "--prefix", "s3://logs/"),
]


def test_every_command_that_takes_a_stage_is_tried_without_one() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    staged = [
        name
        for name, each in commands.items()
        if any("--stage" in parameter.opts for parameter in each.params)
    ]
    assert sorted(staged) == sorted({words[0] for words in STAGED})


@pytest.mark.fault("F33")
@pytest.mark.parametrize("words", STAGED, ids=" ".join)
def test_a_command_gets_as_far_as_aws_and_says_what_it_lacks(words: tuple[str, ...]) -> None:
    nobody = {
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/none",
        "AWS_SHARED_CREDENTIALS_FILE": "/none",
    }
    ran = run(*words, "--stage", "staging", **nobody)
    assert (ran.code, ran.out) == (3, "")
    assert "error: Unable to locate credentials\n" in ran.err
