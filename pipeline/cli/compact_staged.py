"""tailrace compact --stage: hours of a stack's landing that have closed are folded now."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.cli import let_all_in
from pipeline.cli.output import print_json, say
from pipeline.errors import TailraceError
from pipeline.queries.forms import iso

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.deployed.executions import Machine, Status
    from pipeline.deployed.stage import Deployed
    from pipeline.settings import Settings

POLL_S = 3.0


def compact(settings: "Settings", stage: str, as_json: bool) -> None:
    """Start the machine of a stage, or watch it where it runs, and print how far it has come.

    Raises TailraceError where the execution ends otherwise than well, or a service does not answer.
    """
    from pipeline import aws
    from pipeline.deployed.executions import SUCCEEDED, Machine
    from pipeline.deployed.folded import MACHINE
    from pipeline.deployed.stage import find

    let_all_in()
    session = aws.session(settings.target)
    deployed = find(session, stage)
    machine = Machine(
        session.client("stepfunctions", config=aws.patience()), deployed.output(MACHINE)
    )
    started, execution = time.monotonic(), _execution(machine)
    say(f"execution {execution}\n")
    status = _watched(machine, execution)
    if status.state != SUCCEEDED:
        fix = f"answers are right; mend it, and run it again: tailrace compact --stage {stage}"
        where = f"at {execution}: {status.cause}" if status.cause else f"at {execution}"
        raise TailraceError(f"the compaction has {status.state.lower()}", where, fix)
    _print(session.client("s3", config=aws.patience()), deployed, as_json)
    say(f"{time.monotonic() - started:.0f} s\n")


def _execution(machine: "Machine") -> str:
    for running in machine.running():
        say("it runs already; watching it\n")
        return running.arn
    return machine.start(f"asked-{datetime.now(UTC):%Y%m%dT%H%M%S}", {})


def _watched(machine: "Machine", execution: str) -> "Status":
    from pipeline.deployed.executions import RUNNING

    try:
        with _shown() as show:
            while (status := machine.status(execution)).state == RUNNING:
                show()
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        end = f"aws stepfunctions stop-execution --execution-arn {execution}"
        say(f"\nit goes on without you; end it, which harms nothing: {end}\n")
        raise
    return status


@contextmanager
def _shown() -> "Iterator[Callable[[], None]]":
    """What to call while it runs: a terminal shows for how long, elsewhere nothing is said."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console

    started = time.monotonic()
    with Console(stderr=True).status("folding") as status:
        yield lambda: status.update(f"folding, {time.monotonic() - started:,.0f} s")


def _print(s3: "S3Client", deployed: "Deployed", as_json: bool) -> None:
    from pipeline.deployed.folded import watermarks

    found = watermarks(s3, deployed.lake_bucket)
    if as_json:
        tables = [{"table": name, "folded_until": iso(mark)} for name, mark in found.items()]
        print_json({"tables": tables})
    else:
        for name, mark in found.items():
            sys.stdout.write(f"{name}: what arrived before {iso(mark)} is folded\n")
        if not found:
            sys.stdout.write("nothing has closed yet that could be folded\n")
    sys.stdout.flush()
