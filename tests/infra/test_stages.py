"""Stages: they differ in parameters, and every parameter is one of the template."""

import re
import subprocess
import tomllib
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from infra.deploy.checked import parameters
from infra.deploy.stack import TEMPLATE
from infra.deploy.stages import find
from infra.surroundings import for_child
from tests.infra.stack import Stack

STAGES = ("staging", "production")
ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "samconfig.toml").read_text("utf-8")
CONFIG = tomllib.loads(WRITTEN)


def deployed(stage: str) -> dict[str, Any]:
    found: dict[str, Any] = CONFIG[stage]["deploy"]["parameters"]
    return found


def chosen(stage: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in deployed(stage)["parameter_overrides"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_deployed_by_parameters_that_the_template_has(stage: str) -> None:
    assert Stack(**chosen(stage)).values["Stage"] == stage
    assert deployed(stage)["stack_name"] == f"tailrace-{stage}"


def test_stages_set_the_same_parameters() -> None:
    assert set(chosen("staging")) == set(chosen("production"))


def test_stages_differ_in_their_parameters_and_in_being_asked() -> None:
    staging, production = (
        {
            key: str(value).replace(stage, "STAGE")
            for key, value in deployed(stage).items()
            if key != "parameter_overrides"
        }
        for stage in STAGES
    )
    assert production.pop("confirm_changeset") == "True"
    assert staging == production


@pytest.mark.parametrize("stage", ["Staging", "a", "x" * 17, "1st", "my-stage"])
def test_a_stage_whose_name_does_not_fit_everywhere_is_refused(stage: str) -> None:
    with pytest.raises(ValueError, match="Stage: "):
        Stack(Stage=stage)


def test_a_third_stage_is_three_sections_with_its_name(tmp_path: Path) -> None:
    """As samconfig.toml says."""
    sections = re.findall(r"^\[staging\..*?(?=^\[(?!staging))", WRITTEN, re.M | re.S)
    assert "".join(sections).count("[staging.") == 3
    third = "".join(sections).replace("staging", "heron")
    (config := tmp_path / "samconfig.toml").write_text(f"{WRITTEN}\n{third}")
    stage = find("heron", config)
    assert stage.stack == tomllib.loads(third)["heron"]["deploy"]["parameters"]["stack_name"]
    assert parameters(stage, TEMPLATE)["Stage"] == "heron"


@pytest.mark.parametrize("target", ["deploy", "diff", "destroy", "logs"])
@pytest.mark.parametrize(
    ("stage", "said"), [("", "no stage is named"), ("heron", "samconfig.toml has no stage heron")]
)
def test_make_asks_for_the_stage_before_anything_is_installed(
    target: str, stage: str, said: str
) -> None:
    ran = subprocess.run(
        [str(which("make")), target, f"STAGE={stage}"],
        cwd=ROOT,
        env=for_child(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[0] == f"error: {said}; say which: make {target} STAGE=staging"
