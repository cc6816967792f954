"""Deleting a stage, or its stream: what stays and what is lost is said before."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from infra.deploy.stack import deploy, destroy, diff
from infra.deploy.stages import Stage
from pipeline.errors import TailraceError, UsageError
from tests.infra.stack_service import CHANGE_SET, STACK, Metrics, Service
from tests.infra.workplace import NOW, STAGING, Shell, a_stack, changed, hands


def test_a_stage_is_destroyed_when_its_name_was_typed_after_what_stays_was_said(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    destroy(STAGING, hands(service := a_stack(), Shell(), built, "staging"))
    said = capsys.readouterr().err
    assert "tailrace-lake-1  AWS::S3::Bucket\n" in said
    assert "key-1            AWS::KMS::Key\n" in said
    assert "inbox" not in said
    assert "tailrace-staging is deleted\nWhat stays costs what it did." in said
    deleted = [words["StackName"] for name, words in service.asked if name == "DeleteStack"]
    assert deleted == [STACK]


def test_who_destroys_a_stage_is_told_how_to_delete_what_stays(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = a_stack()
    service.sam_bucket = "sam-bucket"
    destroy(STAGING, hands(service, Shell(), built, "staging"))
    said = capsys.readouterr().err
    assert "sam-bucket/tailrace-staging/  uploads of SAM\n" in said
    made = "b = boto3.resource('s3', region_name='eu-west-1').Bucket"
    assert said.splitlines()[-3:] == [
        f"  .venv/bin/python -c \"import boto3; {made}('sam-bucket'); "
        "b.object_versions.filter(Prefix='tailrace-staging/').delete()\"",
        f"  .venv/bin/python -c \"import boto3; {made}('tailrace-lake-1'); "
        'b.object_versions.delete(); b.delete()"',
        "  aws kms schedule-key-deletion --key-id key-1 --pending-window-in-days 30"
        " --region eu-west-1",
    ]


def test_what_a_failed_deployment_has_taken_back_does_not_stay(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = a_stack()
    service.resources["tailrace-staging"] = [
        ("Lake", "tailrace-lake-1", "AWS::S3::Bucket", "DELETE_COMPLETE"),
    ]
    destroy(STAGING, hands(service, Shell(), built, "staging"))
    assert "Nothing of it stays" in capsys.readouterr().err


def test_a_stack_that_holds_nothing_is_destroyed(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(status="REVIEW_IN_PROGRESS")
    destroy(STAGING, hands(service, Shell(), built, "staging"))
    assert "Nothing of it stays" in capsys.readouterr().err
    assert "GetTemplate" not in service.operations()


def test_a_stage_is_not_destroyed_by_another_word(built: Path) -> None:
    service = a_stack()
    with pytest.raises(UsageError, match="staging was not typed; nothing was done"):
        destroy(STAGING, hands(service, Shell(), built, "yes"))
    assert "DeleteStack" not in service.operations()


def test_a_stage_that_is_not_there_is_not_destroyed(built: Path) -> None:
    with pytest.raises(UsageError, match="there is no stack tailrace-staging in eu-west-1"):
        destroy(STAGING, hands(Service(status=""), Shell(), built))


def test_a_stage_that_was_not_destroyed_says_what_stands_in_the_way(built: Path) -> None:
    service = a_stack()
    service.undeletable = {"Results": "The bucket is not empty"}
    with pytest.raises(TailraceError, match="tailrace-staging was not deleted") as caught:
        destroy(STAGING, hands(service, Shell(), built, "staging"))
    assert caught.value.where == "Results: The bucket is not empty"


def streaming() -> Service:
    """A stack of the route kinesis."""
    service = a_stack()
    service.outputs = {
        "StreamName": "tailrace-staging-logs",
        "FunctionName": "tailrace-staging-log-etl",
    }
    service.parameters = {"LogRoute": "kinesis"}
    return service


def aged(*ages_ms: float, given_ms: Sequence[float] = (), late: int = 0) -> Metrics:
    """CloudWatch with an age for each of the last minutes, the newest first."""
    of_stream, of_function = (
        [(NOW - timedelta(minutes=1 + late + at), age) for at, age in enumerate(ages)]
        for ages in (ages_ms, given_ms)
    )
    return Metrics(of_stream, of_function)


BY_FILES = Stage("staging", overrides={"LogRoute": "s3"})


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (aged(0, 0), "At 12:02 UTC: all had been read (GetRecords.IteratorAgeMilliseconds)."),
        (aged(0, 5_000), "At 12:02 UTC: 5 s unread within 15 minutes ("),
        (aged(4_321_000, 0), "At 12:02 UTC: 4,321 s unread"),
        (aged(0, 0, late=6), "not known: nobody has read it since 11:56 UTC."),
        (
            aged(0, given_ms=[0, 0, 7_500]),
            "UTC: tailrace-staging-log-etl was given records 7.5 s old within 15 minutes (GetRec",
        ),
        (Metrics(), "How many those are is not known: nobody has read it for 15 minutes."),
        (Metrics(error=NoCredentialsError()), "not known: AWS does not say (Unable to"),
    ],
)
def test_who_destroys_a_stage_is_told_what_nobody_has_read(
    metrics: Metrics, said: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="staging was not typed; nothing was done"):
        destroy(STAGING, hands(streaming(), Shell(), built, "no", metrics))
    err = capsys.readouterr().err
    assert "The stream tailrace-staging-logs is deleted, with every record that nobody" in err
    assert said in err
    assert 'To lose none: deploy it with LogGroups="" and FlowLogVpcId=""' in err
    asked = metrics.asked[0]
    assert asked["Dimensions"] == [{"Name": "StreamName", "Value": "tailrace-staging-logs"}]
    assert asked["StartTime"] == NOW - timedelta(minutes=15)


def test_a_stage_without_a_stream_is_destroyed_without_a_word_of_it(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    destroy(STAGING, hands(a_stack(), Shell(), built, "staging", metrics := Metrics()))
    assert "is deleted, with every record" not in capsys.readouterr().err
    assert metrics.asked == []


def test_a_deployment_that_deletes_the_stream_asks_first(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell()
    with pytest.raises(UsageError, match="staging was not typed; nothing was done"):
        deploy(BY_FILES, hands(streaming(), shell, built, "yes", aged(9_000)), False, False)
    assert shell.ran == []
    assert "At 12:02 UTC: 9 s unread" in capsys.readouterr().err
    deploy(BY_FILES, hands(streaming(), shell, built, "staging", aged(9_000)), False, False)
    assert shell.words() == ["sam deploy", "tailrace doctor"]


@pytest.mark.parametrize(
    ("metrics", "last"),
    [
        (aged(1), "OK"),
        (Metrics(), "OK"),
        (aged(0, 9_000), "OK"),
        (aged(0, given_ms=[60_000]), "OK"),
        (aged(0), "PROBLEM: Function call failed"),
    ],
)
def test_a_deployment_unasked_deletes_no_stream_that_was_not_read(
    metrics: Metrics, last: str, built: Path
) -> None:
    shell = Shell()
    with pytest.raises(UsageError, match="is deleted, with every record that nobody has read"):
        deploy(BY_FILES, hands(streaming(), shell, built, None, metrics, last), True, False)
    assert shell.ran == []
    read = aged(0, 0, given_ms=[0])
    deploy(BY_FILES, hands(streaming(), shell, built, None, read), True, False)
    assert shell.words() == ["sam deploy", "tailrace doctor"]


@pytest.mark.parametrize(
    ("service", "overrides"),
    [
        (streaming(), {}),  # the template's default
        (streaming(), {"LogRoute": "kinesis"}),
        (a_stack(), {"LogRoute": "lambda"}),
        (Service(status=""), {"LogRoute": "s3"}),
    ],
)
def test_a_deployment_that_keeps_the_stream_asks_nothing(
    service: Service, overrides: dict[str, str], built: Path
) -> None:
    stage = Stage("staging", overrides=overrides)
    deploy(stage, hands(service, Shell(), built, None, metrics := Metrics()), False, False)
    assert metrics.asked == []


def test_a_diff_says_what_the_deployment_would_lose(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = streaming()
    shell = Shell(service, deploying={CHANGE_SET: [[changed("Remove", "LogStream")]]})
    diff(BY_FILES, hands(service, shell, built, None, aged(0)), rebuild=False)
    assert "is deleted, with every record that nobody has read" in capsys.readouterr().err
