"""The stack on an emulator: what has to be there before, and the same deployment as anywhere."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.deploy.stack import CONFIG, ROOT
from infra.deploy.stages import find
from infra.emulators.running import Running
from infra.telling import say
from pipeline import aws
from pipeline.errors import TailraceError

# Of SAM's looks at a stack that is being made.
POLL_S = "1"


def deploy(running: Running, sam: Path, log: Path | None = None, built: bool = False) -> None:
    """Put the stage that is called like the emulator on it; `log`: where its words go.

    built  take what `sam build` left, rather than build anew

    Raises TailraceError when that does not go well.
    """
    prepare(running)
    command = [sys.executable, "-m", "infra.deploy", "--sam", str(sam)]
    command += ["--stage", running.kind, "--target", running.kind, "deploy"]
    command += ["--built"] if built else []
    command += ["--containers"] if running.docker else []
    environment = running.environment(
        SAM_CLI_POLL_DELAY=POLL_S,
        SAM_CLI_TELEMETRY="0",
        # Whoever holds their own commands to AWS means others than this one.
        TAILRACE_TARGET=running.kind,
    )
    if log is None:
        # What is printed of the stack is no data here: those are the variables.
        ran = subprocess.run(  # noqa: S603 - our own
            command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False
        )
    else:
        with log.open("wb") as out:
            ran = subprocess.run(  # noqa: S603 - our own
                command, cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
            )
    if ran.returncode:
        where = f"it says why in {log}" if log else "it says why above"
        raise TailraceError(f"{running.kind} did not take the stack", where)


def prepare(running: Running) -> None:
    """Make what a deployment asks for: a bucket for uploads, log groups to subscribe to."""
    chosen = _parameters(running.kind)
    with aws.told(running.kind, f"at {running.endpoint}"):
        client(running, "s3").create_bucket(Bucket=chosen["s3_bucket"])
        logs = client(running, "logs")
        for group in log_groups(running.kind):
            logs.create_log_group(logGroupName=group)
    say(f"{running.kind} {running.version} runs at {running.endpoint}")


def log_groups(stage: str) -> list[str]:
    """The log groups that a stage subscribes to. Raises UsageError as reading the stage does."""
    given = find(stage, CONFIG).overrides
    return [name for name in given.get("LogGroups", "").split(",") if name]


def client(running: Running, service: str) -> Any:
    """A client of an emulator, whatever the environment says."""
    make: Callable[..., Any] = aws.at(running.endpoint).client
    return make(service)


def _parameters(stage: str) -> dict[str, Any]:
    read = tomllib.loads(CONFIG.read_text("utf-8"))
    found: dict[str, Any] = read[stage]["deploy"]["parameters"]
    return found
