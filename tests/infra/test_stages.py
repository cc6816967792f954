"""Stages: they differ in parameters, and every parameter is one of the template."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import Stack

STAGES = ("staging", "production")
CONFIG = tomllib.loads((Path(__file__).parents[2] / "samconfig.toml").read_text("utf-8"))


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
