"""tailrace erase: a person's data leaves the home."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import streams
from pipeline.cli.options import Config, Home, settings_of
from pipeline.cli.output import counted, say, visible
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.erase.embedded import Plan
    from pipeline.erase.receipt import Receipt
    from pipeline.erase.subject import Subject

SHOWN_DAYS = 20


def erase(
    visitor: Annotated[
        str,
        typer.Option("--visitor", metavar="H", help="Hash of a visitor.", show_default=False),
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
    config: Config = None,
    home: Home = None,
) -> None:
    """Remove every row and every refused line that holds a visitor or an address, for good.

    Rows go whole, also where the address is a word of a text like a message or a query string. The
    receipt is kept in the home, without the subject; it says what still holds something and until
    when. What comes in later is kept: this is no block list. No server may run meanwhile; queries
    may, and are waited for. Broken off, it is simply run again.

    \b
    tailrace erase --ip 203.0.113.9 --dry-run
    tailrace erase --ip 2001:db8::9 --yes --json
    tailrace erase --visitor 5f2b8c01d3a94e67
    """
    from pipeline.batch.context import context_of
    from pipeline.erase import embedded
    from pipeline.home import MACHINE, erasure_at, readable, writing
    from pipeline.home import erase as erase_from

    subject = _subject(visitor, ip)
    settings = settings_of(config, home)
    folder, context, salt = settings.home_path, context_of(settings), secrets.token_bytes(16)
    with readable(folder) as opened:
        # A home that was never written to is not made for this.
        if dry_run:
            scope = erasure_at(opened, context, MACHINE)
            planned = embedded.plan(scope, subject)
            _print(subject, planned, embedded.told(scope, planned, salt), as_json, dry_run)
            waiting = opened.store.rows(_WAITING)[0][0]
            if waiting:
                say(f"note: {counted(waiting, 'record')} of the log came in later than the lake\n")
            return
    if not (yes or sys.stdin.isatty()):
        raise UsageError("nobody can be asked", "standard input is no terminal", "give --yes")
    with writing(folder, context) as home_opened:
        home_opened.worker.drain()
        scope = erasure_at(home_opened, context, MACHINE)
        planned = embedded.plan(scope, subject)
        if not (yes or planned.empty):
            _ask(subject, planned)
        done = erase_from(home_opened, scope, planned, salt, lambda text: say(f"{text}\n"))
    _print(subject, planned, done, as_json, dry_run)
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


def _ask(subject: "Subject", planned: "Plan") -> None:
    """Ask on the terminal; whoever does not say yes is done."""
    rows = sum(day.rows for found in planned.tables for day in found.days())
    kept = planned.kept
    say(
        f"{subject.name} {subject.value}: {counted(rows, 'row')} and"
        f" {counted(kept.lines, 'refused line')} would go for good\n"
    )
    try:
        if typer.confirm("Erase them?", err=True):
            return
    except typer.Abort:
        # Ctrl-C and Ctrl-D are a no as well.
        say("\n")
    say("nothing was erased\n")
    raise typer.Exit(1)


def _print(
    subject: "Subject", planned: "Plan", done: "Receipt", as_json: bool, dry_run: bool
) -> None:
    from pipeline.erase.receipt import FOLDER, encoded

    if as_json:
        streams.as_data(sys.stdout)
        sys.stdout.write(encoded(done).decode())
    else:
        sys.stdout.write(_text(subject, planned, done, dry_run))
    sys.stdout.flush()
    for path in done.unsearched:
        say(visible(f"not searched, or left as it is: {path}: see tailrace audit") + "\n")
    if not dry_run:
        say(f"receipt {done.id}: {FOLDER}/{done.id}.json in the home\n")


def _text(subject: "Subject", planned: "Plan", done: "Receipt", dry_run: bool) -> str:
    from pipeline.cli.table import Column, table

    would = "would be " if dry_run else ""
    head = f"{subject.name} {subject.value}: "
    if planned.empty:
        return f"{head}nothing of it is there\n"
    kept = done.quarantine
    shown = list(done.rows)[:SHOWN_DAYS]
    columns = (
        Column("table", [each.table for each in shown]),
        Column("day", [each.day for each in shown]),
        Column("rows", [f"{each.rows:,}" for each in shown], number=True),
    )
    lines = [
        f"{head}{counted(done.row_count, 'row')} {would}removed,"
        f" {counted(done.files, 'file')} {would}rewritten",
        *([table(columns, streams.width()).rstrip("\n")] if shown else []),
        *(
            [f"and {len(done.rows) - len(shown):,} more days"]
            if len(done.rows) > len(shown)
            else []
        ),
        f"quarantine: {counted(kept.lines, 'line')} {would}removed,"
        f" {counted(kept.rewritten, 'object')} {would}rewritten, {kept.removed:,} {would}deleted",
        *(f"still in {each.what}; until {each.until}" for each in done.held_by),
    ]
    return "\n".join(lines) + "\n"
