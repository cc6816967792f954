"""Deploying a stage: nothing is done by mistake, and what fails is explained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploy.failed import reasons, stuck, way_on
from infra.deploy.stack import deploy, diff, logs
from infra.deploy.stages import Stage
from pipeline.errors import TailraceError, UsageError
from tests.infra.compiled import X86_64, shared_object
from tests.infra.stack import Stack
from tests.infra.stack_service import STACK, Service
from tests.infra.workplace import PRODUCTION, STAGING, Shell, hands


def test_a_deployment_builds_deploys_and_asks_the_stage_how_it_is(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--yes STAGE=staging")
    deploy(STAGING, hands(Service(), shell := Shell(), built), yes=False, rebuild=True)
    assert shell.words() == ["sam build", "sam deploy", "tailrace doctor"]
    (sam_build, building), (deploying, _), (asking, _) = shell.ran
    assert "--build-in-source" in sam_build
    assert building["ARCHITECTURE"] == "arm64"
    assert building["AWS_REGION"] == building["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "MAKEFLAGS" not in building
    assert deploying[deploying.index("--config-env") + 1] == "staging"
    assert deploying[deploying.index("--stack-name") + 1] == "tailrace-staging"
    assert list(asking[1:]) == ["doctor", "--stage", "staging", "--silence-ok"]


def test_a_deployment_names_every_parameter_so_that_none_stays_as_it_was(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(parameters={"Stage": "staging", "LogGroups": "/shop", "LogDays": "14"})
    stage = Stage("staging", overrides={"Sources": '{"/a": "waf"}'})
    deploy(stage, hands(service, shell := Shell(), built), yes=False, rebuild=False)
    (deploying, _), _ = shell.ran
    at = list(deploying).index("--parameter-overrides")
    given = deploying[at + 1 : deploying.index("--no-fail-on-empty-changeset")]
    assert given[0] == "Stage=staging"
    assert 'LogGroups=""' in given
    assert "FlowLogSeconds=60" in given
    assert 'Sources="{\\"/a\\":\\ \\"waf\\"}"' in given
    assert len(given) == len(Stack().written["Parameters"])
    assert "note: LogGroups was /shop, and becomes empty" in capsys.readouterr().err


FAILED_EVENTS = {
    "tailrace-staging": [
        ("tailrace-staging", STACK, "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", ""),
        ("Lake", "", "AWS::S3::Bucket", "CREATE_FAILED", "Resource creation cancelled"),
        ("Deliveries", "arn:in", "AWS::CloudFormation::Stack", "CREATE_FAILED", "see it"),
        ("tailrace-staging", STACK, "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", ""),
        ("Older", "", "AWS::S3::Bucket", "CREATE_FAILED", "of the time before"),
    ],
    "arn:in": [
        ("Deliveries", "arn:in", "AWS::CloudFormation::Stack", "CREATE_FAILED", "The following"),
        ("Alb", "", "AWS::KinesisFirehose::DeliveryStream", "CREATE_FAILED", "no such role"),
    ],
}


def test_a_deployment_that_fails_says_what_failed_and_what_to_do(built: Path) -> None:
    service = Service(status="", events=FAILED_EVENTS)

    def fails(command: Sequence[str], _: Mapping[str, str]) -> int:
        service.status = "ROLLBACK_COMPLETE"
        return 1

    with pytest.raises(TailraceError, match="sam deploy ended with 1") as caught:
        deploy(STAGING, replace(hands(service, Shell(), built), run=fails), True, False)
    assert caught.value.where == (
        "tailrace-staging stands in ROLLBACK_COMPLETE\n  Deliveries/Alb: no such role"
    )
    assert caught.value.fix == (
        "mend that, then `make destroy STAGE=staging` and `make deploy STAGE=staging`"
    )


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("ROLLBACK_COMPLETE", "mend that, then `make destroy STAGE=staging` and `make deploy"),
        ("UPDATE_ROLLBACK_FAILED", "mend that, then `aws cloudformation continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "wait until that is done, then `make deploy STAGE=staging`"),
    ],
)
def test_a_stack_that_takes_no_deployment_is_told_before_anything_is_built(
    status: str, fix: str, built: Path
) -> None:
    service = Service(status=status, events=FAILED_EVENTS)
    for work in (
        lambda hands: deploy(STAGING, hands, yes=True, rebuild=True),
        lambda hands: diff(STAGING, hands, rebuild=True),
    ):
        with pytest.raises(UsageError, match=f"tailrace-staging stands in {status}") as caught:
            work(hands(service, shell := Shell(), built))
        assert shell.ran == []
        assert caught.value.where == "Deliveries/Alb: no such role"
        assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("REVIEW_IN_PROGRESS", "nothing was made: mend that, and `make deploy STAGE=staging`; "),
        ("UPDATE_ROLLBACK_COMPLETE", "the stack is as it was before: mend that, and `make deploy"),
    ],
)
def test_a_deployment_may_be_tried_again_where_that_is_all(status: str, fix: str) -> None:
    assert not stuck(status)
    assert way_on(status, STAGING, "eu-west-1").startswith(fix)


def test_reasons_that_nobody_may_read_hide_no_failure() -> None:
    service = Service(errors={"DescribeStackEvents": [(403, "AccessDenied", "not you")] * 9})
    (said,) = reasons(service.client(), "tailrace-staging")
    assert said.startswith("the events of tailrace-staging cannot be read: ")


@pytest.mark.parametrize("typed", ["", "y", "yes", "staging", "Production"])
def test_production_is_not_deployed_to_before_its_name_is_typed(built: Path, typed: str) -> None:
    shell = Shell()
    with pytest.raises(UsageError, match="production was not typed; nothing was done"):
        deploy(PRODUCTION, hands(Service(), shell, built, typed), yes=False, rebuild=True)
    assert shell.ran == []


@pytest.mark.parametrize(
    ("typed", "yes"), [("production", False), (" production\n", False), (None, True)]
)
def test_production_is_deployed_to_when_somebody_means_it(
    built: Path, typed: str | None, yes: bool
) -> None:
    shell = Shell()
    deploy(PRODUCTION, hands(Service(), shell, built, typed), yes=yes, rebuild=False)
    assert shell.words() == ["sam deploy", "tailrace doctor"]


@pytest.mark.parametrize(
    ("failing", "said", "ran"),
    [
        ("build", "sam build ended with 1", 1),
        ("deploy", "sam deploy ended with 1", 2),
        ("doctor", "tailrace doctor ended with 1", 3),
    ],
)
def test_a_step_that_fails_is_the_last_one(built: Path, failing: str, said: str, ran: int) -> None:
    shell = Shell(failing=failing)
    with pytest.raises(TailraceError, match=said):
        deploy(STAGING, hands(Service(), shell, built), yes=False, rebuild=True)
    assert len(shell.ran) == ran


def test_what_was_built_for_another_processor_is_not_deployed(built: Path) -> None:
    (built / "LogEtl" / "x.so").write_bytes(shared_object(X86_64))
    shell = Shell()
    with pytest.raises(UsageError, match="what was built is not for arm64") as caught:
        deploy(STAGING, hands(Service(), shell, built), yes=False, rebuild=False)
    assert caught.value.where == "in LogEtl/x.so"
    assert shell.ran == []


def test_what_was_not_built_is_not_deployed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was built"):
        deploy(STAGING, hands(Service(), Shell(), tmp_path), yes=False, rebuild=False)


WRONG = Stage("staging", overrides={"Sources": '{"/aws/waf": "wav"}'})


def test_a_wrong_parameter_ends_it_before_sam_is_run(built: Path) -> None:
    for work in (
        lambda hands: deploy(WRONG, hands, yes=True, rebuild=True),
        lambda hands: diff(WRONG, hands, rebuild=True),
    ):
        with pytest.raises(UsageError, match="there is no source called wav"):
            work(hands(Service(), shell := Shell(), built))
        assert shell.ran == []


def test_logs_are_those_of_the_stack(built: Path) -> None:
    logs(STAGING, hands(Service(), shell := Shell(), built))
    (command, _) = shell.ran[0]
    assert list(command) == [
        *("sam", "logs", "--stack-name", "tailrace-staging", "--tail"),
        *("--region", "eu-west-1"),
    ]
