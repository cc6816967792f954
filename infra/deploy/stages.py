"""Stages: the environments of samconfig.toml, and what they say that we have to know.

Source: AWS SAM Developer Guide, "AWS SAM CLI configuration file".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from infra.artifacts.target import ARCHITECTURES
from infra.deploy.overrides import overrides
from pipeline.errors import NotConfigured, UsageError

PRODUCTION = "production"
# What SAM's file holds beside stages.
NO_STAGE = frozenset({"version", "default"})


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    region        where it lies, if the file says so; "" for where we are
    architecture  of its functions; the template's default where the file names none
    overrides     parameters of the template, by name, as SAM will read them
    """

    name: str
    region: str = ""
    architecture: str = ARCHITECTURES[0]
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """The name of its stack in CloudFormation."""
        return f"tailrace-{self.name}"

    @property
    def where(self) -> str:
        """Where its parameters are said."""
        return place(self.name)


def find(name: str, config: Path, with_overrides: bool = True) -> Stage:
    """The stage of this name; its overrides are read only for what deploys them.

    Raises UsageError for one that the file does not have, or that cannot be read.
    """
    stages = _read(config)
    if name not in stages:
        near = get_close_matches(name, stages, 1)
        first = near or list(stages)[:1] or ["staging"]
        hint = f"did you mean STAGE={near[0]}?" if near else f"STAGE={first[0]}"
        what = f"there is no stage called {name}" if name else "no stage is named"
        raise UsageError(what, f"in {config.name}", f"{hint} (known: {', '.join(stages)})")
    parameters = _parameters(stages[name])
    if "profile" in parameters:
        fix = "take it out and set AWS_PROFILE, so that who is printed is who deploys"
        raise UsageError(f"the stage {name} names a profile", f"in {config.name}", fix)
    region = str(parameters.get("region", ""))
    if not with_overrides:
        return Stage(name, region)
    given = overrides(parameters.get("parameter_overrides", ""), place(name))
    architecture = given.get("Architecture", ARCHITECTURES[0])
    return Stage(name, region, architecture, given)


def place(stage: str) -> str:
    """Where the parameters of a stage are said."""
    return f"in parameter_overrides of [{stage}.deploy.parameters], samconfig.toml"


def _read(config: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        read = tomllib.loads(config.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotConfigured(f"{config.name} is missing", f"in {config.parent}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fix = "mend it there, or the line before: each entry in quotes, a comma behind it"
        raise UsageError(f"{config.name} is no TOML: {error}", f"in {config}", fix) from error
    return {
        name: value
        for name, value in read.items()
        if name not in NO_STAGE and isinstance(value, Mapping)
    }


def _parameters(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `sam deploy` is told, where `global` is told to every command."""
    return {**_table(stage, "global"), **_table(stage, "deploy")}


def _table(stage: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    said = stage.get(command)
    found = said.get("parameters") if isinstance(said, Mapping) else None
    return found if isinstance(found, Mapping) else {}
