"""Deploy a stage, look at what that would change, delete it, follow its logs: thin make targets."""

import argparse
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.artifacts.target import MACHINES
from infra.deploy.account import identity
from infra.deploy.stack import CONFIG, EMULATED, Hands, deploy, destroy, diff, logs
from infra.deploy.stages import Stage, find
from infra.telling import say
from pipeline.aws import patience, session
from pipeline.errors import NotConfigured, TailraceError
from pipeline.targets import AWS, TARGETS, hold_to

# What reads the overrides of a stage.
DEPLOYING = ("deploy", "diff")


def main(words: Sequence[str] | None = None, config: Path = CONFIG) -> int:
    """Do what the words say; 0, or the exit code of the error that is told."""
    asked = _parser().parse_args(words)
    try:
        stage = find(asked.stage, config, with_overrides=asked.command in DEPLOYING)
        stage = _placed(stage, asked.target)
        _do(asked, stage, _hands(asked, stage))
    except TailraceError as error:
        say(f"error: {error}")
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        say(f"error: AWS says: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.deploy", description=__doc__)
    parser.add_argument("--stage", default="", help="a stage of samconfig.toml")
    parser.add_argument("--sam", default="sam", help="the SAM command (%(default)s)")
    parser.add_argument("--target", choices=TARGETS, default=AWS, help="AWS, or an emulator")
    parser.set_defaults(containers=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("deploy", "diff", "destroy", "logs"):
        command = commands.add_parser(name)
        if name in DEPLOYING:
            command.add_argument(
                "--containers", action="store_true", help="an emulator that has Lambda's Python"
            )
            command.add_argument("--built", action="store_true", help="take what sam build left")
        if name == "deploy":
            command.add_argument("--yes", action="store_true", help="unasked")
            command.add_argument("--role-arn", help="the role that CloudFormation works in")
    return parser


def _hands(asked: argparse.Namespace, stage: Stage) -> Hands:
    """What to work with; says who we are and where, before anything is done.

    Raises UsageError when requests would go elsewhere, NotConfigured when AWS knows us not.
    """
    made = session()
    hold_to(asked.target, made)
    region = stage.region or made.region_name
    say(f"{stage.stack}: {identity(made, region)}")
    sam = shutil.which(asked.sam) or ""
    if not sam and asked.command != "destroy":
        raise NotConfigured(f"{asked.sam} is missing", "", "make deploy installs it")
    clients: Iterator[Any] = (
        made.client(service, region_name=region, config=patience())
        for service in ("cloudformation", "cloudwatch", "lambda", "s3")
    )
    hands = Hands(sam, region, *clients)
    if asked.target == AWS:
        return hands
    python = "" if asked.containers else f"{sys.version_info.major}.{sys.version_info.minor}"
    return replace(hands, built=EMULATED, python=python)


def _placed(stage: Stage, target: str) -> Stage:
    """The stage, with functions for this processor where an emulator runs them here."""
    if target == AWS:
        return stage
    machines = {machine: name for name, (machine, _) in MACHINES.items()}
    return replace(stage, architecture=machines.get(platform.machine(), stage.architecture))


def _do(asked: argparse.Namespace, stage: Stage, hands: Hands) -> None:
    if asked.command == "deploy":
        role = ("--role-arn", asked.role_arn) if asked.role_arn else ()
        deploy(stage, hands, asked.yes, not asked.built, role)
    elif asked.command == "diff":
        diff(stage, hands, not asked.built)
    elif asked.command == "destroy":
        destroy(stage, hands)
    else:
        logs(stage, hands)


if __name__ == "__main__":
    sys.exit(main())
