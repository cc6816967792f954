"""Deploying, comparing and deleting a stage: nothing is done by mistake."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from infra.deploy.changes import Change, changes, told
from infra.deploy.failed import reasons, stuck, way_on
from infra.deploy.kept import read_template
from infra.deploy.nested import TEMPLATE_BYTES
from infra.deploy.stack import TEMPLATE as TEMPLATE_FILE
from infra.deploy.stack import Hands, deploy, destroy, diff, logs
from infra.deploy.stages import Stage
from pipeline.errors import TailraceError, UsageError
from tests.infra.compiled import AARCH64, X86_64, shared_object
from tests.infra.stack import Stack
from tests.infra.stack_service import CHANGE_SET, OPENED, STACK, Metrics, Service

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


NOW = datetime(2026, 11, 27, 12, 3, tzinfo=UTC)


def hands(
    service: Service,
    shell: Shell,
    built: Path,
    typed: str | None = None,
    metrics: Metrics | None = None,
) -> Hands:
    """Hands of somebody who types a word when asked, and is not asked when it is None."""

    def ask(question: str) -> str:
        assert typed is not None, question
        return typed

    metrics = metrics or Metrics()
    return Hands("sam", "eu-west-1", service.client(), metrics, shell, ask, built, lambda: NOW)


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


NESTED_STACK = {"ResourceType": "AWS::CloudFormation::Stack"}
STREAM = {"ResourceType": "AWS::KinesisFirehose::DeliveryStream", "Replacement": "True"}
OF_SAM = {CHANGE_SET: [[changed("Modify", "Deliveries", **NESTED_STACK), changed("Add", "New")]]}
INSIDE = {
    OPENED: [
        [
            changed("Modify", "Deliveries", **NESTED_STACK, ChangeSetId="arn:a"),
            changed("Add", "Health", **NESTED_STACK, ChangeSetId="arn:b"),
            changed("Remove", "Old", ResourceType="AWS::IAM::Policy"),
        ]
    ],
    "arn:a": [[changed("Modify", "Alb", **STREAM, Details=[{"Target": {"Name": "S3"}}])]],
    "arn:b": [[changed("Add", "Alarm", ResourceType="AWS::CloudWatch::Alarm")]],
}


def test_a_diff_shows_what_changes_inside_of_nested_stacks(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(inside=INSIDE, templates={CHANGE_SET: "Resources:\n  A: !Ref B\n"})
    shell = Shell(service, deploying=OF_SAM)
    diff(Stage("staging", overrides={"LogDays": "7"}), hands(service, shell, built), False)
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["replaced", "Deliveries/Alb", "AWS::KinesisFirehose::DeliveryStream", "S3"],
        ["removed", "Old", "AWS::IAM::Policy"],
        ["added", "Health", "AWS::CloudFormation::Stack"],
        ["added", "Health/Alarm", "AWS::CloudWatch::Alarm"],
        [],
        ["1", "removed,", "1", "replaced,", "2", "added"],
    ]
    assert "what takes a value from another stack is said to change" in err
    ((_, asked),) = [each for each in service.asked if each[0] == "CreateChangeSet"]
    assert asked["IncludeNestedStacks"] == "true"
    assert asked["TemplateBody"] == '{"Resources":{"A":{"Ref":"B"}}}'
    assert asked["Capabilities.member.1"] == "CAPABILITY_IAM"
    assert asked["Tags.member.1.Value"] == "staging"
    values = {asked[key] for key in asked if key.endswith("ParameterValue")}
    assert values >= {"staging", "7", "kinesis"}
    assert service.change_sets == {}


@pytest.mark.parametrize(
    ("refused", "out", "err"),
    [
        ("The submitted information didn't contain changes.", "no changes\n", ""),
        (
            "Template error: Fn::Select cannot select",
            "modified  Deliveries  AWS::CloudFormation::Stack  what is inside is not shown",
            "note: CloudFormation does not say what changes inside of nested stacks: Template err",
        ),
    ],
)
def test_a_diff_says_where_what_is_inside_cannot_be_known(
    refused: str, out: str, err: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(refused=refused, templates={CHANGE_SET: '{"Resources": {}}'})
    diff(STAGING, hands(service, Shell(service, deploying=OF_SAM), built), rebuild=False)
    said = capsys.readouterr()
    assert out in said.out
    assert err in said.err
    assert service.change_sets == {}


def test_a_diff_of_what_is_not_there_yet_opens_nothing(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(status="REVIEW_IN_PROGRESS")
    new = {CHANGE_SET: [[changed("Add", "Deliveries", **NESTED_STACK)]]}
    diff(STAGING, hands(service, Shell(service, deploying=new), built), rebuild=False)
    assert "the stack is new, and all that is inside" in capsys.readouterr().err
    assert "CreateChangeSet" not in service.operations()


@pytest.mark.parametrize(("bucket", "noted"), [("", True), ("sam-bucket", False)])
def test_a_diff_says_when_sam_makes_its_bucket(
    bucket: str, noted: bool, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diff(STAGING, hands(service := Service(sam_bucket=bucket), Shell(service), built), False)
    said = "what is built is uploaded to a bucket that SAM now makes for itself"
    assert (said in capsys.readouterr().err) is noted


def test_the_template_is_short_enough_to_be_opened_without_a_bucket() -> None:
    written = read_template(TEMPLATE_FILE.read_text("utf-8"))
    # SAM's uploads make the addresses of code and nested templates longer.
    assert len(json.dumps(written, separators=(",", ":"))) < TEMPLATE_BYTES - 10_000


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


STAYS = '{"DeletionPolicy": "RetainExceptOnCreate"}'
TEMPLATE = f'{{"Resources": {{"Lake": {STAYS}, "Inbox": {{}}, "Catalog": {{}}}}}}'
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
    service.outputs = {"StreamName": "tailrace-staging-logs"}
    service.parameters = {"LogRoute": "kinesis"}
    return service


def aged(*ages_ms: float) -> Metrics:
    """CloudWatch with an age for each of the last minutes, the newest first."""
    ages = [(NOW - timedelta(minutes=1 + at), age) for at, age in enumerate(ages_ms)]
    return Metrics(ages)


BY_FILES = Stage("staging", overrides={"LogRoute": "s3"})


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (aged(0, 5_000), "At 12:02 UTC: all had been read (GetRecords.IteratorAgeMilliseconds)."),
        (aged(4_321_000, 0), "At 12:02 UTC: 4,321 s unread"),
        (Metrics(), "How many those are is not known: nobody has read it for 15 minutes."),
        (Metrics(error=NoCredentialsError()), "not known: CloudWatch does not say (Unable to"),
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
    (asked,) = metrics.asked
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


@pytest.mark.parametrize("metrics", [aged(1), Metrics()])
def test_a_deployment_unasked_deletes_no_stream_that_was_not_read(
    metrics: Metrics, built: Path
) -> None:
    with pytest.raises(UsageError, match="is deleted, with every record that nobody has read"):
        deploy(BY_FILES, hands(streaming(), shell := Shell(), built, None, metrics), True, False)
    assert shell.ran == []
    deploy(BY_FILES, hands(streaming(), shell, built, None, aged(0)), True, False)
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
