"""tailrace erase --stage: a person's data leaves a deployed stack."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import typer

from pipeline.cli import let_all_in
from pipeline.cli.asking import ask, must_be_asked
from pipeline.cli.output import say
from pipeline.cli.receipts import NOTHING, Telling, tell

if TYPE_CHECKING:
    from pipeline.deployed.erase import Hands, Progress
    from pipeline.erase.subject import Subject
    from pipeline.settings import Settings

# What a person is told of a phase; before the first one it lists the lake, or a compaction runs.
WORDS = {
    "": "waiting for its turn, or listing the lake",
    "landing": "searching what has landed",
    "curated": "searching days of events",
    "days": "beginning days anew",
    "pieces": "writing days anew",
    "swaps": "showing the new days",
}


def erase(settings: "Settings", stage: str, subject: "Subject", yes: bool, how: Telling) -> None:
    """Erase a subject from a stage, and print the receipt.

    Raises UsageError where nobody can be asked, TailraceError where a service does not do its part.
    """
    from pipeline.deployed.erase import begin, watch

    let_all_in()
    if not (yes or how.dry_run):
        must_be_asked()
        say("--dry-run says how many rows these are\n")
        ask(f"Erase {subject.name} {subject.value} from {stage} for good?", NOTHING)
    hands = _hands(settings, stage)
    begun = begin(hands, subject, secrets.token_bytes(16), how.dry_run)
    say(f"erasure {begun.id}: {begun.execution}\n")
    try:
        with _shown() as show:
            done = watch(hands, begun, time.sleep, show)
    except KeyboardInterrupt:
        say(f"it goes on without you; the receipt will be s3://{hands.lake.name}/erasures/\n")
        raise
    tell(subject, done, replace(how, where=f"s3://{hands.lake.name}"), done.empty)
    if done.unsearched:
        raise typer.Exit(1)


def _hands(settings: "Settings", stage: str) -> "Hands":
    from pipeline import aws
    from pipeline.deployed.erase import Hands
    from pipeline.deployed.function import stack_of
    from pipeline.deployed.replay import reader
    from pipeline.deployed.stage import find

    session = aws.session(settings.target)
    deployed = find(session, stage)
    return Hands(
        deployed,
        session.client("s3", config=aws.patience()),
        cache(lambda: reader(session, deployed, "tailrace-erase")),
        session.client("stepfunctions", config=aws.patience()),
        lambda: stack_of(session, deployed).context,
        datetime.now(UTC),
    )


@contextmanager
def _shown() -> "Iterator[Callable[[Progress], None]]":
    """What to call with how far it is: a line on a terminal, one for each phase elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(WORDS[""]) as status:
            yield lambda progress: status.update(_words(progress))
        return
    told: set[str] = set()

    def show(progress: "Progress") -> None:
        if progress.phase not in told:
            told.add(progress.phase)
            say(f"{_words(progress)}\n")

    yield show


def _words(progress: "Progress") -> str:
    left = f": {progress.left:,} parts left" if progress.left else ""
    return f"{WORDS[progress.phase]}{left}"
