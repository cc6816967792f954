"""Further stages on a target that runs: the same template, already built, with other parameters."""

import json
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.deploy.overrides import as_words, overrides
from infra.deploy.stack import CONFIG, EMULATED, ROOT
from infra.emulators.stack import POLL_S
from pipeline.aws import LOCAL_REGION
from tests.e2e.cloud import Cloud


@dataclass
class Further:
    """Stages beside the target's own; each is deployed once."""

    target: Cloud
    sam: Path
    folder: Path
    made: dict[str, Cloud] = field(default_factory=dict)

    def stage(self, name: str, **parameters: str) -> Cloud:
        """A stage by its name."""
        if name not in self.made:
            self.made[name] = put(self.target, name, self.sam, self.folder, **parameters)
        return self.made[name]


def put(target: Cloud, name: str, sam: Path, folder: Path, **parameters: str) -> Cloud:
    """Deploy a stage by `sam deploy`, as the target's own but for its parameters."""
    config = folder / f"{name}.toml"
    config.write_text(_config(target.target, name, parameters), "utf-8")
    command = (
        *(sam.absolute(), "deploy", "--config-file", config, "--config-env", name),
        *("--template-file", EMULATED / "template.yaml", "--region", LOCAL_REGION),
        "--no-confirm-changeset",
    )
    environment = target.running.environment(SAM_CLI_POLL_DELAY=POLL_S, SAM_CLI_TELEMETRY="0")
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{ran.stdout[-2000:]}{ran.stderr[-4000:]}"
    return Cloud(target.running, stage=name)


def _config(target: str, name: str, parameters: Mapping[str, str]) -> str:
    told: dict[str, Any] = tomllib.loads(CONFIG.read_text("utf-8"))[target]["deploy"]["parameters"]
    own = overrides(told["parameter_overrides"], target)
    words = as_words({**own, "Stage": name, **parameters}, name)
    changed = {"stack_name": f"tailrace-{name}", "s3_prefix": f"tailrace-{name}"}
    told = {**told, **changed, "parameter_overrides": list(words)}
    lines = [
        f"{key} = {json.dumps(value)}" for key, value in told.items() if key != "template_file"
    ]
    return "\n".join(["version = 0.1", f"[{name}.deploy.parameters]", *lines, ""])
