"""Who deploys, where to and to which stage: known before anything is done."""

from pathlib import Path

import pytest

from infra.deploy.__main__ import main
from infra.deploy.account import identity
from infra.deploy.stages import Stage, find
from pipeline.errors import NotConfigured, UsageError
from tests.infra.stack_service import Service

CONFIG = """\
version = 0.1
[default.global.parameters]
template_file = "infra/template.yaml"
[staging.global.parameters]
region = "eu-north-1"
[staging.deploy.parameters]
parameter_overrides = ["Stage=staging", "Architecture=x86_64"]
[production.deploy.parameters]
parameter_overrides = "Stage=production LogDays=30"
[other.deploy.parameters]
profile = "somebody"
"""


def test_a_stage_is_an_environment_of_samconfig(tmp_path: Path) -> None:
    (config := tmp_path / "samconfig.toml").write_text(CONFIG)
    given = {"Stage": "staging", "Architecture": "x86_64"}
    assert find("staging", config) == Stage("staging", "eu-north-1", "x86_64", given)
    given = {"Stage": "production", "LogDays": "30"}
    assert find("production", config) == Stage("production", "", "arm64", given)
    assert find("production", config).stack == "tailrace-production"


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("stagin", "there is no stage called stagin", "did you mean STAGE=staging?"),
        (
            "default",
            "there is no stage called default",
            "STAGE=staging (known: staging, production",
        ),
        ("", "no stage is named", "STAGE=staging (known: staging, production, other)"),
        ("other", "the stage other names a profile", "take it out and set AWS_PROFILE"),
    ],
)
def test_a_stage_that_is_none_is_refused(tmp_path: Path, name: str, what: str, fix: str) -> None:
    (config := tmp_path / "samconfig.toml").write_text(CONFIG)
    with pytest.raises(UsageError, match=what) as caught:
        find(name, config)
    assert caught.value.fix.startswith(fix)


def test_without_samconfig_there_is_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"samconfig\.toml is missing"):
        find("staging", tmp_path / "samconfig.toml")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('[staging.deploy.parameters]\nparameter_overrides = [\n  "A=1"\n  "B=2"\n]', "line 4"),
        ("[staging.deploy.parameters]\nparameter_overrides = [\n  A=1,\n]", "line 3"),
    ],
)
def test_a_samconfig_that_is_no_toml_is_told_with_file_and_line(
    broken: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config := tmp_path / "samconfig.toml").write_text(broken)
    assert main(["--stage", "staging", "deploy"], config) == 2
    told_ = capsys.readouterr().err
    assert said in told_
    assert f"in {config}\n" in told_
    assert "each entry in quotes, a comma behind it" in told_


def test_what_is_no_table_of_samconfig_is_no_stage(tmp_path: Path) -> None:
    (config := tmp_path / "samconfig.toml").write_text("x = 7\n[y]\ndeploy = 7\n")
    assert find("y", config) == Stage("y")
    with pytest.raises(UsageError, match="there is no stage called x"):
        find("x", config)


def test_overrides_are_read_only_for_what_deploys_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    wrong = '[x.deploy.parameters]\nregion = "r"\nparameter_overrides = ["Sources={\\"a\\"}"]'
    (config := tmp_path / "samconfig.toml").write_text(wrong)
    with pytest.raises(UsageError, match="SAM would not read this override"):
        find("x", config)
    assert find("x", config, with_overrides=False) == Stage("x", "r")
    for command, said in {
        "deploy": "SAM would not read this override",
        "diff": "SAM would not read this override",
        "destroy": "requests would not go to AWS",
        "logs": "requests would not go to AWS",
    }.items():
        assert main(["--stage", "x", command], config) == 2
        assert capsys.readouterr().err.startswith(f"error: {said}")


def test_who_deploys_is_told_with_account_and_region() -> None:
    told_ = str(identity(Service().session(), "eu-north-1"))
    assert told_ == "account 123456789012, region eu-north-1, as arn:aws:iam::123456789012:user/ada"


def test_somebody_whom_aws_does_not_know_gets_no_further() -> None:
    service = Service(errors={"GetCallerIdentity": [(403, "ExpiredToken", "it has expired")] * 9})
    with pytest.raises(NotConfigured, match="STS: it has expired") as caught:
        identity(service.session(), "eu-west-1")
    assert "aws sso login" in caught.value.fix


@pytest.mark.parametrize(
    ("stage", "endpoint", "said"),
    [
        ("nowhere", "", "there is no stage called nowhere"),
        ("staging", "http://localhost:4566", "requests would not go to AWS"),
    ],
)
def test_a_command_that_is_wrong_ends_with_2_before_anybody_is_asked(
    stage: str,
    endpoint: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (config := tmp_path / "samconfig.toml").write_text(CONFIG)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert main(["--stage", stage, "deploy"], config) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}\n")
