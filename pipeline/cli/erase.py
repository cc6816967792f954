"""tailrace erase: a person's data leaves the home."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.asking import ask, must_be_asked
from pipeline.cli.options import Config, Home, Stage, settings_of
from pipeline.cli.output import counted, say
from pipeline.cli.receipts import NOTHING, Telling, tell
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.erase.embedded import Plan
    from pipeline.erase.subject import Subject
    from pipeline.settings import Settings


def erase(
    visitor: Annotated[
        str,
        typer.Option(
            "--visitor",
            metavar="H",
            help="A visitor's id, as the logs have it.",
            show_default=False,
        ),
    ] = "",
    ip: Annotated[
        str,
        typer.Option(
            "--ip", metavar="A", help="IPv4 or IPv6 address, in any spelling.", show_default=False
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
    stage: Stage = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """Remove every row and every refused line that holds a visitor or an address, for good.

    Rows go whole, also where the address is a word of a text like a message or a query string. The
    receipt is kept in the home, without the subject; it says what still holds something and until
    when. What comes in later is kept: this is no block list. No server may run meanwhile; queries
    may, and are waited for. Broken off, it is simply run again.

    --stage erases from a deployed stack: from the quarantine at once, from the lake by a state
    machine, whose progress is shown. What running queries may still read goes a day later.

    \b
    tailrace erase --ip 203.0.113.9 --dry-run
    tailrace erase --ip 2001:db8::9 --yes --json
    tailrace erase --visitor 5f2b8c01d3a94e67
    tailrace erase --stage staging --ip 203.0.113.9 --dry-run
    """
    subject = _subject(visitor, ip)
    settings = settings_of(config, home)
    how = Telling(str(settings.home_path), as_json, dry_run)
    if stage:
        from pipeline.cli import erase_staged

        erase_staged.erase(settings, stage, subject, yes, how)
    elif dry_run:
        _say_what_would_go(settings, subject, how)
    else:
        _erase_from_home(settings, subject, yes, how)


def _say_what_would_go(settings: "Settings", subject: "Subject", how: Telling) -> None:
    from pipeline.batch.context import context_of
    from pipeline.erase import embedded
    from pipeline.home import MACHINE, erasure_at, readable

    with readable(settings.home_path) as opened:
        scope = erasure_at(opened, context_of(settings), MACHINE)
        planned = embedded.plan(scope, subject)
        found = embedded.told(scope, planned, _salt())
        tell(subject, found, how, planned.empty)
        waiting = opened.store.rows(_WAITING)[0][0]
        if waiting:
            say(f"note: {counted(waiting, 'record')} of the log came in later than the lake\n")
    if found.unsearched:
        raise typer.Exit(1)


def _erase_from_home(settings: "Settings", subject: "Subject", yes: bool, how: Telling) -> None:
    from pipeline.batch.context import context_of
    from pipeline.erase import embedded
    from pipeline.home import MACHINE, erasure_at, readable, writing
    from pipeline.home import erase as erase_from

    folder, context = settings.home_path, context_of(settings)
    # A home that was never written to is not made for this.
    with readable(folder):
        pass
    if not yes:
        must_be_asked()
    with writing(folder, context) as opened:
        opened.worker.drain()
        scope = erasure_at(opened, context, MACHINE)
        planned = embedded.plan(scope, subject)
        if not (yes or planned.empty):
            ask(_question(subject, planned), NOTHING)
        done = erase_from(opened, scope, planned, _salt(), lambda text: say(f"{text}\n"))
    tell(subject, done, how, planned.empty)
    if done.unsearched:
        raise typer.Exit(1)


_WAITING = """
select count(*) from record r left join checkpoint c on c.shard = r.shard
where r.seq > coalesce(c.seq, 0)
"""


def _subject(visitor: str, ip: str) -> "Subject":
    from pipeline.erase.subject import of_address, of_visitor

    if bool(visitor) == bool(ip):
        raise UsageError("erase whom?", "", "give --visitor or --ip, one of them")
    return of_visitor(visitor) if visitor else of_address(ip)


def _salt() -> bytes:
    from pipeline.erase.receipt import SALT_BYTES

    return secrets.token_bytes(SALT_BYTES)


def _question(subject: "Subject", planned: "Plan") -> str:
    rows = sum(day.rows for found in planned.tables for day in found.days())
    say(
        f"{subject.name} {subject.value}: {counted(rows, 'row')} and"
        f" {counted(planned.kept.lines, 'refused line')} would go for good\n"
    )
    return "Erase them?"
