"""An emulator with the stack on it, to work with: `make local-up`, `make local-down`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.deploy.stack import ROOT
from infra.emulators import running as runs
from infra.emulators.kinds import KINDS, Kind, find
from infra.emulators.stack import deploy, log_groups
from infra.telling import say, tell
from pipeline.errors import TailraceError, UsageError

PORT = 4566
FOLDER = ROOT / "build" / "emulators"
SHOWN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")


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

    Raises UsageError when one runs already, TailraceError as starting and deploying do.
    """
    if already := runs.noted(_note(kind)):
        fix = f"make local-down TARGET={kind.name}"
        raise UsageError(f"{kind.name} runs already", already.endpoint, fix)
    groups = log_groups(kind.name)
    if asked.docker:
        running = runs.start_docker(kind, FOLDER / kind.name, asked.port)
        runs.note(running, _note(kind))
    else:
        running = runs.start(kind, FOLDER / kind.name, asked.port, _note(kind))
    try:
        deploy(running, asked.sam)
    except BaseException:
        say(runs.tail(running.log))
        down(kind)
        raise
    nobody = {name: text for name, text in runs.NOBODY.items() if text and name in SHOWN}
    for name, text in (nobody | {"AWS_ENDPOINT_URL": running.endpoint}).items():
        tell(f"export {name}={text}")
    say(f"It subscribes to {', '.join(groups)}; its log is {_log(running)}")
    say(f"With these variables set: tailrace demo --target {kind.name}")


def down(kind: Kind) -> None:
    """End an emulator; what it held is gone. Nothing is done where none runs.

    Raises TailraceError where it cannot be known whether one does.
    """
    if running := runs.noted(_note(kind)):
        runs.stop(running)
        say(f"{kind.name} at {running.endpoint} has ended")
    else:
        say(f"{kind.name} does not run: nothing to end")
    _note(kind).unlink(missing_ok=True)


def _log(running: runs.Running) -> str:
    return "docker logs tailrace-localstack-1" if running.docker else str(running.log)


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
