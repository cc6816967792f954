"""The four things that are done with the stack of a stage."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra.artifacts import elf
from infra.artifacts.slim import files
from infra.artifacts.target import Target
from infra.deploy.changes import is_missing, told
from infra.deploy.checked import notes, parameters
from infra.deploy.failed import NOTHING_MADE, reasons, stuck, way_on
from infra.deploy.kept import UPLOADS, Kept, commands, kept, sam_bucket
from infra.deploy.nested import all_changes
from infra.deploy.ours import Ours
from infra.deploy.overrides import as_words
from infra.deploy.stages import PRODUCTION, Stage
from infra.deploy.unread import STREAM, Unread, unread, way_out
from infra.surroundings import for_child
from infra.telling import say, table, tell
from pipeline.errors import TailraceError, UsageError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "samconfig.toml"
TEMPLATE = ROOT / "infra" / "template.yaml"
BUILT = ROOT / ".aws-sam" / "build"
# Apart: what an emulator's Python runs is not what is deployed.
EMULATED = ROOT / "build" / "emulators" / "sam"
TAILRACE = Path(sys.executable).with_name("tailrace")
ROUTE, BY_STREAM, INBOX = "LogRoute", "kinesis", "InboxBucket"

Run = Callable[[Sequence[str], Mapping[str, str]], int]


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command from the root of the project, in the open; its exit code."""
    say(f"==> {shlex.join(command)}")
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


@dataclass(frozen=True, slots=True)
class Hands:
    """What a stage is worked on with.

    sam             the command
    region          where it lies
    cloudformation, cloudwatch, functions, s3  clients of that region, the third of Lambda
    run, ask        how a command is run, and a person is asked
    built           SAM's build folder
    now             the clock
    python          the Python that functions are built for; "" for Lambda's
    """

    sam: str
    region: str
    cloudformation: Any
    cloudwatch: Any
    functions: Any
    s3: Any
    run: Run = run
    ask: Callable[[str], str] = input
    built: Path = BUILT
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    python: str = ""


def deploy(stage: Stage, hands: Hands, yes: bool, rebuild: bool, more: Sequence[str] = ()) -> None:
    """Build, deploy and ask the stage how it is.

    Unless `yes`, production asks first, and so does what deletes the stream; with `yes` that is
    done only where all of it has been read.

    Raises TailraceError when a step fails, UsageError when a parameter is wrong or the answer no.
    """
    values = parameters(stage, TEMPLATE)
    described = _described(stage, hands)
    _hold_to_state(stage, hands, described)
    going = _looked_at(stage, hands, values, described)
    if going and yes and not going.none:
        fix = way_out("run it again")
        raise UsageError(f"{going}", "", f"{fix} Or run it without --yes.")
    if (stage.name == PRODUCTION or going) and not yes:
        confirm(f"This deploys to {stage.name}.", stage, hands)
    if rebuild:
        _build(stage, hands)
    hold_to_architecture(stage, hands.built)
    try:
        _sam_deploy(stage, hands, values, "--no-confirm-changeset", *more)
    except TailraceError as error:
        raise _explained(error, stage, hands, described) from error
    # What is quiet may be right: that is said, and the deployment is none the worse for it.
    _do([str(TAILRACE), "doctor", "--stage", stage.name, "--silence-ok"], hands)
    say(f"{stage.stack} is deployed; what is to be looked at is said above")


def diff(stage: Stage, hands: Hands, rebuild: bool) -> None:
    """Print what a deployment would change; then the change sets and their traces are deleted.

    Raises TailraceError when a step fails, UsageError when a parameter is wrong.
    """
    values = parameters(stage, TEMPLATE)
    described = _described(stage, hands)
    _hold_to_state(stage, hands, described)
    _looked_at(stage, hands, values, described)
    if not sam_bucket(hands.cloudformation):
        say("note: what is built is uploaded to a bucket that SAM now makes for itself")
    if rebuild:
        _build(stage, hands)
    client = hands.cloudformation
    ours = Ours.since(client, stage.stack, hands.now())
    try:
        _sam_deploy(stage, hands, values, "--no-execute-changeset")
        of_sam = ours.of_sam()
        found = all_changes(client, hands.s3, of_sam, ours.name, values) if of_sam else []
        tell(told(found))
    finally:
        ours.take_away()


def destroy(stage: Stage, hands: Hands) -> None:
    """Delete the stack of a stage after its name was typed; say before and after what stays.

    Raises UsageError when there is none or the answer is no, TailraceError when it fails.
    """
    client = hands.cloudformation
    described = _described(stage, hands)
    if described is None:
        raise UsageError(f"there is no stack {stage.stack} in {hands.region}")
    staying = [] if described["StackStatus"] == NOTHING_MADE else kept(client, stage.stack)
    if bucket := sam_bucket(client):
        staying.append(Kept(f"{bucket}/{stage.stack}/", UPLOADS))
    say(f"This deletes {stage.stack}; queries and deliveries end at once.")
    rows = [(each.name, each.type) for each in staying]
    say(table(("stays", "type"), rows) if rows else "Nothing of it stays, data included.")
    if STREAM in (outputs := _outputs(described)):
        found = unread(hands.cloudwatch, hands.functions, outputs, hands.now())
        say(f"{found}\n  {way_out('destroy it')}")
    confirm("", stage, hands)
    client.delete_stack(StackName=described["StackId"])
    try:
        client.get_waiter("stack_delete_complete").wait(StackName=described["StackId"])
    except WaiterError as error:
        why = "\n  ".join(reasons(client, described["StackId"]))
        fix = "empty or delete what is named, then run it again"
        raise TailraceError(f"{stage.stack} was not deleted", why, fix) from error
    say(f"{stage.stack} is deleted")
    if staying:
        say("What stays costs what it did. When nobody needs it, for good:")
        say("\n".join(f"  {each}" for each in commands(staying, hands.region)))


def logs(stage: Stage, hands: Hands) -> None:
    """Follow the logs of all functions of a stage until Ctrl-C."""
    _sam("logs", hands, "--stack-name", stage.stack, "--tail")


def confirm(text: str, stage: Stage, hands: Hands) -> None:
    """Go on only when the stage's name is typed. Raises UsageError when it is not."""
    try:
        typed = hands.ask(f"{text} Type {stage.name} to go on: ".lstrip())
    except EOFError:
        typed = ""
    if typed.strip() != stage.name:
        raise UsageError(f"{stage.name} was not typed; nothing was done")


def hold_to_architecture(stage: Stage, built: Path) -> None:
    """Refuse what was built for another processor, which SAM does not see.

    Raises UsageError for that, and where nothing was built.
    """
    if not (built / "template.yaml").is_file():
        raise UsageError("nothing was built", f"in {built}", "deploy it without --built")
    wanted = Target(stage.architecture).elf_machine
    for path in files(built):
        found = elf.read(path)
        if found and found.machine != wanted:
            what = f"what was built is not for {stage.architecture}"
            fix = f"ARCHITECTURE={stage.architecture} sam build, or make deploy without --built"
            raise UsageError(what, f"in {path.relative_to(built)}", fix)


def _looked_at(
    stage: Stage, hands: Hands, values: Mapping[str, str], described: Mapping[str, Any] | None
) -> Unread | None:
    """Say what is to be noted before a deployment, and what becomes of a stream that it deletes.

    Raises UsageError for a parameter that is wrong.
    """
    said = described or {}
    given = said.get("Parameters", [])
    before = {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}
    outputs = _outputs(said)
    for note in notes(stage, values, before, outputs.get(INBOX, "")):
        say(f"note: {note}")
    if STREAM not in outputs or values[ROUTE] == BY_STREAM:
        return None
    found = unread(hands.cloudwatch, hands.functions, outputs, hands.now())
    say(f"{found}\n  {way_out('change LogRoute')}")
    return found


def _hold_to_state(stage: Stage, hands: Hands, described: Mapping[str, Any] | None) -> None:
    """Raise UsageError for a stack that takes no deployment, with the reasons."""
    status = described["StackStatus"] if described else ""
    if stuck(status):
        why = "\n  ".join(reasons(hands.cloudformation, stage.stack))
        fix = way_on(status, stage, hands.region)
        raise UsageError(f"{stage.stack} stands in {status}", why, fix)


def _explained(
    error: TailraceError, stage: Stage, hands: Hands, before: Mapping[str, Any] | None
) -> TailraceError:
    """A deployment that failed, with the reasons of CloudFormation and what to do."""
    described = _described(stage, hands)
    if described is None or described == before:
        return error
    status = described["StackStatus"]
    why = [f"{stage.stack} stands in {status}", *reasons(hands.cloudformation, stage.stack)]
    return TailraceError(error.what, "\n  ".join(why), way_on(status, stage, hands.region))


def _described(stage: Stage, hands: Hands) -> Mapping[str, Any] | None:
    """The stack as CloudFormation has it; None where there is none."""
    try:
        (described,) = hands.cloudformation.describe_stacks(StackName=stage.stack)["Stacks"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    found: Mapping[str, Any] = described
    return found


def _outputs(described: Mapping[str, Any]) -> Mapping[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}


def _build(stage: Stage, hands: Hands) -> None:
    # In source: SAM would copy the whole project first, .venv and data included.
    words = ("--template-file", str(TEMPLATE), "--build-dir", str(hands.built), "--build-in-source")
    _sam("build", hands, *words, *_config(stage), **_makes(stage, hands))


def _makes(stage: Stage, hands: Hands) -> dict[str, str]:
    """What make reads from the environment when SAM calls it."""
    return {"ARCHITECTURE": stage.architecture, "FUNCTION_PYTHON": hands.python}


def _sam_deploy(stage: Stage, hands: Hands, values: Mapping[str, str], *more: str) -> None:
    words = ("--template-file", str(hands.built / "template.yaml"), "--stack-name", stage.stack)
    # All of them: SAM leaves what is not named as the stack has it.
    given = ("--parameter-overrides", *as_words(values, stage.where))
    _sam("deploy", hands, *words, *_config(stage), *given, "--no-fail-on-empty-changeset", *more)


def _config(stage: Stage) -> tuple[str, ...]:
    return ("--config-file", str(CONFIG), "--config-env", stage.name)


def _sam(command: str, hands: Hands, *words: str, **environment: str) -> None:
    _do([hands.sam, command, *words, "--region", hands.region], hands, **environment)


def _do(command: Sequence[str], hands: Hands, **environment: str) -> None:
    # Our own commands take the region from AWS_REGION, AWS's from AWS_DEFAULT_REGION.
    region = {"AWS_REGION": hands.region, "AWS_DEFAULT_REGION": hands.region}
    status = hands.run(command, for_child(**region, **environment))
    if status:
        what = f"{' '.join(command[:2])} ended with {status}"
        raise TailraceError(what, "", "what it says above")
