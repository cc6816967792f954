"""The stack on an emulator: what has to be there before, and the same deployment as anywhere."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.deploy.stages import find
from infra.emulators.kinds import ROOT
from infra.emulators.running import Running
from pipeline import aws
from pipeline.errors import TailraceError

CONFIG = ROOT / "samconfig.toml"
# Of SAM's looks at a stack that is being made.
POLL_S = "1"
LOOK_S, END_S = 0.5, 10.0
# Words of the commands that a deployment runs, and what they do.
STEPS = {
    "build": "building the function",
    "deploy": "deploying the stack",
    "doctor": "looking at the stack",
}

Watch = Callable[[str], None]


def deploy(
    running: Running, sam: Path, log: Path, built: bool = False, watch: Watch = lambda step: None
) -> None:
    """Put the stage that is called like the emulator on it; `log`: where its words go.

    built  take what `sam build` left, rather than build anew
    watch  is told again and again which of STEPS it is at

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
    with log.open("wb") as out:
        child = subprocess.Popen(  # noqa: S603 - our own
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        try:
            while child.poll() is None:
                watch(step(log))
                with suppress(subprocess.TimeoutExpired):
                    child.wait(LOOK_S)
        finally:
            _end(child)
    if child.returncode:
        raise TailraceError(f"{running.kind} did not take the stack", f"it says why in {log}")


def step(log: Path) -> str:
    """Which of STEPS a deployment is at, by what it has printed; "" before the first."""
    commands = [line for line in log.read_text("utf-8", "replace").splitlines() if "==> " in line]
    last = commands[-1] if commands else ""
    return next((told for word, told in STEPS.items() if f" {word} " in last), "")


def status(running: Running) -> str:
    """What the emulator says of the stack; "" where it has none."""
    from botocore.exceptions import ClientError

    name = _parameters(running.kind)["stack_name"]
    try:
        found = client(running, "cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return ""
    return str(found[0]["StackStatus"]) if found else ""


def _end(child: "subprocess.Popen[bytes]") -> None:
    """See a deployment end; Ctrl-C has reached it, too, where it came from a terminal."""
    try:
        child.wait(END_S if child.poll() is None else 0)
    except subprocess.TimeoutExpired:
        child.terminate()
        child.wait()


def prepare(running: Running) -> None:
    """Make what a deployment asks for: a bucket for uploads, log groups to subscribe to."""
    chosen = _parameters(running.kind)
    with aws.told(running.kind, f"at {running.endpoint}"):
        client(running, "s3").create_bucket(Bucket=chosen["s3_bucket"])
        logs = client(running, "logs")
        for group in log_groups(running.kind):
            logs.create_log_group(logGroupName=group)


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
