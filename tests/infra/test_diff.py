"""Comparing a stage with what would be deployed: all is told, and nothing stays behind."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploy.changes import Change, changes, told
from infra.deploy.nested import POLL
from infra.deploy.ours import OF_SAM as OF_SAM_NAMES
from infra.deploy.stack import ROOT, diff
from infra.deploy.stages import Stage
from pipeline.errors import TailraceError
from tests.infra.stack_service import CHANGE_SET, OPENED, Service
from tests.infra.workplace import STAGING, Shell, changed, hands


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


def test_a_diff_waits_until_a_change_set_is_made_to_delete_it(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POLL, "Delay", 0)
    service = Service(being_made={CHANGE_SET: 3})
    shell = Shell(service, failing="deploy", deploying={CHANGE_SET: []})
    with pytest.raises(TailraceError, match="sam deploy ended with 1"):
        diff(STAGING, hands(service, shell, built), rebuild=False)
    assert service.change_sets == {}
    assert "waiting until a change set is made, to delete it" in capsys.readouterr().err


def test_a_diff_that_somebody_breaks_off_leaves_no_change_set(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POLL, "Delay", 0)
    service = Service(being_made={CHANGE_SET: 3})

    def breaks_off(command: Sequence[str], _: Mapping[str, str]) -> int:
        service.change_sets[CHANGE_SET] = []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        diff(STAGING, replace(hands(service, Shell(), built), run=breaks_off), rebuild=False)
    assert service.change_sets == {}


DELETES = "`aws cloudformation delete-change-set --change-set-name {} --region eu-west-1`"


@pytest.mark.parametrize(
    "service",
    [
        Service(being_made={CHANGE_SET: 100}),
        Service(errors={"DeleteChangeSet": [(403, "AccessDenied", "not you")]}),
        Service(errors={"DescribeChangeSet": [(403, "AccessDenied", "not you")]}),
    ],
)
def test_what_a_diff_cannot_delete_is_said_and_hides_no_cause(
    service: Service,
    built: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(POLL, "Delay", 0)
    monkeypatch.setitem(POLL, "MaxAttempts", 3)
    shell = Shell(service, failing="deploy", deploying={CHANGE_SET: []})
    with pytest.raises(TailraceError, match="sam deploy ended with 1"):
        diff(STAGING, hands(service, shell, built), rebuild=False)
    said = capsys.readouterr().err
    assert f"note: a change set stays, delete it by {DELETES.format(CHANGE_SET)}: " in said


def test_that_change_sets_cannot_be_listed_hides_no_cause(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()

    def fails(command: Sequence[str], _: Mapping[str, str]) -> int:
        service.errors["ListChangeSets"] = [(403, "AccessDenied", "not you")]
        return 1

    with pytest.raises(TailraceError, match="sam deploy ended with 1"):
        diff(STAGING, replace(hands(service, Shell(), built), run=fails), rebuild=False)
    assert "aws cloudformation list-change-sets --stack-name tailrace-st" in capsys.readouterr().err


def test_a_diff_tells_its_changes_whatever_comes_of_deleting_them(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that opens nested stacks takes for ever; SAM's is deleted all the same."""
    monkeypatch.setitem(POLL, "Delay", 0)
    monkeypatch.setitem(POLL, "MaxAttempts", 3)
    template = {CHANGE_SET: '{"Resources": {}}'}
    service = Service(templates=template, being_made={OPENED: 100})
    diff(STAGING, hands(service, Shell(service, deploying=OF_SAM), built), rebuild=False)
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "1 modified, 1 added"
    assert "CloudFormation does not say what changes inside of nested stacks" in err
    assert f"note: a change set stays, delete it by {DELETES.format(OPENED)}: " in err
    assert list(service.change_sets) == [OPENED]


OTHERS = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/{}/2"


@pytest.mark.parametrize("name", ["of-a-colleague", "samcli-deploy1795780979"])
def test_a_diff_deletes_no_change_set_that_somebody_made_meanwhile(
    name: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service, theirs = Service(), OTHERS.format(name)
    both = {CHANGE_SET: [[changed("Add", "Ours")]], theirs: [[changed("Remove", "Theirs")]]}
    diff(STAGING, hands(service, Shell(service, deploying=both), built), rebuild=False)
    assert "Theirs" not in capsys.readouterr().out
    assert list(service.change_sets) == [theirs]


def test_of_two_change_sets_by_sam_that_may_be_ours_none_is_deleted(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service, theirs = Service(), OTHERS.format("samcli-deploy1795780985")
    shell = Shell(service, deploying={CHANGE_SET: [], theirs: []})
    with pytest.raises(TailraceError, match="somebody else had SAM make a change set of tailrace"):
        diff(STAGING, hands(service, shell, built), rebuild=False)
    assert set(service.change_sets) == {CHANGE_SET, theirs}
    said = capsys.readouterr().err
    assert DELETES.format(CHANGE_SET) in said
    assert DELETES.format(theirs) in said


def test_a_stack_with_a_change_set_of_somebody_else_is_not_deleted(built: Path) -> None:
    service, theirs = Service(status="REVIEW_IN_PROGRESS"), OTHERS.format("of-a-colleague")
    shell = Shell(service, deploying={CHANGE_SET: [[changed("Add", "X")]], theirs: []})
    diff(STAGING, hands(service, shell, built), rebuild=False)
    assert "DeleteStack" not in service.operations()


PREFIX = "import samcli.lib.deploy.deployer as d; print(d.Deployer(None).changeset_prefix)"


def test_sam_calls_its_change_sets_as_we_know_them() -> None:
    python = ROOT / "build" / "venv-sam" / "bin" / "python"
    if not python.exists():
        pytest.skip("build/venv-sam, where SAM lives, is not there: make infra-check makes it")
    ran = subprocess.run(
        [str(python), "-c", PREFIX], capture_output=True, text=True, timeout=120, check=True
    )
    assert OF_SAM_NAMES.fullmatch(f"{ran.stdout.strip()}1795780981")
