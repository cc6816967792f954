"""An emulator with the stack on it, to work with: `make local-up`, `make local-down`."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.emulators import running as runs
from infra.emulators.kinds import KINDS, LOCALSTACK, ROOT, Kind, find
from infra.emulators.stack import deploy, log_groups, status
from infra.surroundings import for_child
from infra.telling import say, tell
from pipeline.cli.console import Live
from pipeline.errors import TailraceError, UsageError

PORT = 4566
FOLDER = ROOT / "build" / "emulators"
# boto3 and aws read AWS_DEFAULT_REGION alone, others AWS_REGION.
SHOWN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
# With these the shown ones would not lead to the emulator, or show it what is somebody's own.
MISLEADING = (
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
)
OF_ONE_SERVICE = "AWS_ENDPOINT_URL_"
TAKEN = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
LINES = 40


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; 0, or the exit code of the error that is told."""
    asked = _parser().parse_args(words)
    try:
        kind = find(asked.target)
        with runs.alone(FOLDER / f"{kind.name}.lock"):
            if asked.command == "up":
                up(kind, asked)
            else:
                down(kind)
    except TailraceError as error:
        say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        fix = "mend its permissions, or make room"
        what = f"the emulator's folder cannot be used: {error.strerror or error}"
        say(f"error: {TailraceError(what, str(error.filename or FOLDER), fix)}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def up(kind: Kind, asked: argparse.Namespace) -> None:
    """Start an emulator and deploy to it; it goes on running, unless that fails.

    Where it runs already with the stack, it is only said how to reach it.

    Raises UsageError when one runs without the stack, TailraceError as starting and deploying do.
    """
    if already := runs.noted(_note(kind)):
        _hold_to_stack(already)
        say(f"{kind.name} {already.version} runs already, with the stack, at {already.endpoint}")
        say(f"after a change: {_anew(kind)}")
        _print_variables(already)
        return
    # Whether the stage can be read is known before anything is started.
    log_groups(kind.name)
    start = runs.start_docker if asked.docker else runs.start
    long = "some minutes with its image" if asked.docker else "10 s"
    say(f"starting {kind.name}, usually {long}")
    try:
        running = start(kind, FOLDER / kind.name, asked.port, _note(kind))
        say(f"{kind.name} {running.version} runs at {running.endpoint}")
        say(f"  its log: {_log(running)}")
        _deploy(running, asked.sam)
    except BaseException:
        _clear(kind)
        raise
    _print_variables(running)


def _deploy(running: runs.Running, sam: Path) -> None:
    log = Path(running.folder) / "deploy.log"
    say("building and deploying, usually a minute")
    say(f"  what that prints: {_near(log)}")
    live, started, steps = Live(), time.monotonic(), [""]

    def watch(step: str) -> None:
        if step not in steps:
            steps.append(step)
            live.say(f"{step} ...")
        live.show(f"  {time.monotonic() - started:.0f} s")

    try:
        deploy(running, sam, log, watch=watch)
    except TailraceError:
        live.say(runs.tail(log, LINES))
        raise
    finally:
        live.close()
    say(f"the stack is there after {time.monotonic() - started:.0f} s")


def _print_variables(running: runs.Running) -> None:
    """For `eval`: what leads to the emulator, and away with what of this shell would not."""
    name, theirs = running.kind, for_child()
    away = [each for each in theirs if each in MISLEADING or each.startswith(OF_ONE_SERVICE)]
    if away:
        tell(f"unset {' '.join(sorted(away))}")
    nobody = {each: runs.NOBODY[each] for each in SHOWN}
    for each, text in (nobody | {"AWS_ENDPOINT_URL": running.endpoint}).items():
        tell(f"export {each}={text}")
    sys.stdout.flush()
    if sys.stdout.isatty():
        say(f'for this shell, and any other: eval "$(make local-up TARGET={name})"')
    say(f"it subscribes to {', '.join(log_groups(name))}")
    say(f"then: .venv/bin/tailrace demo --target {name}")


def _anew(kind: Kind) -> str:
    if kind is LOCALSTACK:
        # It makes no change set for a stack that it has.
        return f"make local-down TARGET={kind.name}, then make local-up TARGET={kind.name}"
    return f"make deploy STAGE={kind.name} TARGET={kind.name}"


def _hold_to_stack(running: runs.Running) -> None:
    """Raise UsageError where an emulator runs without the stack."""
    if (found := status(running)) not in TAKEN:
        fix = (
            "wait for the make local-up that deploys it, or end it:"
            f" make local-down TARGET={running.kind}"
        )
        what = f"{running.kind} runs already, and the stack is {found or 'not there'}"
        raise UsageError(what, f"at {running.endpoint}", fix)


def _clear(kind: Kind) -> None:
    """End what has been started, if anything was."""
    if runs.noted(_note(kind)):
        down(kind)
    _note(kind).unlink(missing_ok=True)


def down(kind: Kind) -> None:
    """End an emulator; what it held is gone. Nothing is done where none runs.

    Raises TailraceError where it cannot be known whether one does.
    """
    if running := runs.noted(_note(kind)):
        say(f"ending {kind.name} at {running.endpoint}, up to {runs.END_S:.0f} s")
        runs.stop(running)
        say(f"{kind.name} has ended")
    else:
        say(f"no {kind.name} runs that was started here: nothing to end{_others(kind)}")
    _note(kind).unlink(missing_ok=True)


def _others(kind: Kind) -> str:
    """A hint at those that do run: to leave out TARGET means the first one."""
    running = [name for name, other in KINDS.items() if name != kind.name and _runs(other)]
    return "".join(f"; {name} does: make local-down TARGET={name}" for name in running)


def _runs(kind: Kind) -> bool:
    return runs.noted(_note(kind)) is not None


def _log(running: runs.Running) -> str:
    return "docker logs tailrace-localstack-1" if running.docker else _near(running.log)


def _near(path: Path) -> str:
    """A path, from the folder where one is if it lies there."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _note(kind: Kind) -> Path:
    return FOLDER / f"{kind.name}.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.emulators", description=__doc__)
    parser.add_argument("--target", default=next(iter(KINDS)), help="ministack or localstack")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up")
    start.add_argument(
        "--sam", type=Path, default=Path("sam"), help="the SAM command (%(default)s)"
    )
    start.add_argument("--port", type=int, default=PORT, help="0 for any (%(default)s)")
    start.add_argument("--docker", action="store_true", help="in a container (LocalStack)")
    commands.add_parser("down")
    return parser


if __name__ == "__main__":
    sys.exit(main())
