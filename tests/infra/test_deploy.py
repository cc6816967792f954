"""Deploying, comparing and deleting a stage: nothing is done by mistake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.changes import Change, changes, told
from infra.deploy.stack import Hands, deploy, destroy, diff, logs
from infra.deploy.stages import Stage
from pipeline.errors import TailraceError, UsageError
from tests.infra.compiled import AARCH64, X86_64, shared_object
from tests.infra.stack_service import CHANGE_SET, STACK, Service

STAGING, PRODUCTION = Stage("staging"), Stage("production")


@dataclass
class Shell:
    """Runs nothing, and keeps what it should have run; some words end a command with 1.

    deploying  change sets that appear when SAM is asked for one
    """

    service: Service | None = None
    failing: str = ""
    deploying: Mapping[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    ran: list[tuple[Sequence[str], Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        self.ran.append((command, environment))
        if self.service and "deploy" in command:
            self.service.change_sets.update(self.deploying)
        return int(bool(self.failing) and self.failing in command)

    def words(self) -> list[str]:
        """Name and first word of each command."""
        return [f"{Path(command[0]).name} {command[1]}" for command, _ in self.ran]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What `sam build` leaves, for arm64."""
    (tmp_path / "template.yaml").touch()
    (tmp_path / "LogEtl").mkdir()
    (tmp_path / "LogEtl" / "x.so").write_bytes(shared_object(AARCH64))
    return tmp_path


def hands(service: Service, shell: Shell, built: Path, typed: str | None = None) -> Hands:
    """Hands of somebody who types a word when asked, and is not asked when it is None."""

    def ask(question: str) -> str:
        assert typed is not None, question
        return typed

    return Hands("sam", "eu-west-1", service.client(), shell, ask, built)


def changed(action: str, resource: str, **more: Any) -> dict[str, Any]:
    """A change of a change set."""
    kind = {"LogicalResourceId": resource, "ResourceType": "AWS::S3::Bucket"}
    return {"Action": action, **kind, **more}


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
    assert list(asking[1:]) == ["doctor", "--stage", "staging"]


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


def test_changes_are_told_the_most_dangerous_first() -> None:
    pages = [
        [changed("Add", "New"), changed("Modify", "Same", Replacement="False")],
        [
            changed("Modify", "Maybe", Replacement="Conditional"),
            changed(
                "Modify", "Lake", Replacement="True", Details=[{"Target": {"Name": "BucketName"}}]
            ),
            changed("Remove", "Old"),
        ],
    ]
    found = changes(Service(change_sets={CHANGE_SET: pages}).client(), CHANGE_SET)
    assert [(each.kind, each.resource) for each in found] == [
        ("removed", "Old"),
        ("replaced", "Lake"),
        ("perhaps replaced", "Maybe"),
        ("modified", "Same"),
        ("added", "New"),
    ]
    assert found[1].parts == ("BucketName",)


def test_changes_are_a_table_with_its_sum() -> None:
    found = [
        Change("replaced", "Lake", "AWS::S3::Bucket", ("BucketName", "Tags")),
        Change("added", "X", "AWS::KMS::Key"),
    ]
    assert told(found) == (
        "change    resource  type             what of it\n"
        "replaced  Lake      AWS::S3::Bucket  BucketName, Tags\n"
        "added     X         AWS::KMS::Key\n"
        "\n"
        "1 replaced, 1 added"
    )
    assert told([]) == "no changes"


def test_a_diff_shows_its_change_set_and_deletes_that_one_alone(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(change_sets={"arn:of:somebody:else": [[changed("Remove", "Theirs")]]})
    shell = Shell(service, deploying={CHANGE_SET: [[changed("Add", "Ours")]]})
    diff(STAGING, hands(service, shell, built), rebuild=False)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "added   Ours      AWS::S3::Bucket",
        "",
        "1 added",
    ]
    assert "--no-execute-changeset" in shell.ran[0][0]
    assert list(service.change_sets) == ["arn:of:somebody:else"]
    assert "DeleteStack" not in service.operations()


@pytest.mark.parametrize(
    ("status", "deleted"), [("REVIEW_IN_PROGRESS", True), ("CREATE_COMPLETE", False)]
)
def test_a_diff_leaves_no_stack_that_was_not_there(built: Path, status: str, deleted: bool) -> None:
    service = Service(status=status)
    shell = Shell(service, deploying={CHANGE_SET: [[changed("Add", "X")]]})
    diff(STAGING, hands(service, shell, built), rebuild=False)
    assert ("DeleteStack" in service.operations()) is deleted


def test_a_diff_that_fails_leaves_no_change_set(built: Path) -> None:
    service = Service()
    shell = Shell(service, failing="deploy", deploying={CHANGE_SET: []})
    with pytest.raises(TailraceError, match="sam deploy ended with 1"):
        diff(STAGING, hands(service, shell, built), rebuild=False)
    assert service.change_sets == {}


TEMPLATE = '{"Resources": {"Lake": {"DeletionPolicy": "Retain"}, "Inbox": {}, "Catalog": {}}}'
NESTED = "Resources:\n  Keys:\n    DeletionPolicy: Retain\n    Name: !Sub x-${Stage}\n  Table: {}\n"


def a_stack() -> Service:
    """A stack with a bucket that stays, and a nested one with a key that stays."""
    resources = {
        "tailrace-staging": [
            ("Lake", "tailrace-lake-1", "AWS::S3::Bucket"),
            ("Inbox", "inbox", "AWS::SQS::Queue"),
            ("Catalog", "arn:nested", "AWS::CloudFormation::Stack"),
        ],
        "arn:nested": [("Keys", "key-1", "AWS::KMS::Key"), ("Table", "t", "AWS::Glue::Table")],
    }
    templates = {"tailrace-staging": TEMPLATE, "arn:nested": NESTED}
    return Service(templates=templates, resources=resources)


def test_a_stage_is_destroyed_when_its_name_was_typed_after_what_stays_was_said(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    destroy(STAGING, hands(service := a_stack(), Shell(), built, "staging"))
    said = capsys.readouterr().err
    assert "tailrace-lake-1  AWS::S3::Bucket\n" in said
    assert "key-1            AWS::KMS::Key\n" in said
    assert "inbox" not in said
    assert said.splitlines()[-2] == "tailrace-staging is deleted"
    deleted = [words["StackName"] for name, words in service.asked if name == "DeleteStack"]
    assert deleted == [STACK]


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


def test_logs_are_those_of_the_stack(built: Path) -> None:
    logs(STAGING, hands(Service(), shell := Shell(), built))
    (command, _) = shell.ran[0]
    assert list(command) == [
        *("sam", "logs", "--stack-name", "tailrace-staging", "--tail"),
        *("--region", "eu-west-1"),
    ]
