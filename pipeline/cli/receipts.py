"""What an erasure says of itself, of a home and of a stage."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli import streams
from pipeline.cli.output import as_json, counted, say, visible

if TYPE_CHECKING:
    from pipeline.erase.receipt import Receipt
    from pipeline.erase.subject import Subject

SHOWN_DAYS = 20
NOTHING = "nothing was erased"
NONE = "nothing of it is in the lake or the quarantine"


@dataclass(frozen=True, slots=True)
class Telling:
    """How a receipt is told.

    where  what its receipts are kept in: a home, or the URI of a bucket
    """

    where: str
    as_json: bool = False
    dry_run: bool = False


def tell(subject: "Subject", done: "Receipt", telling: Telling, empty: bool) -> None:
    """Print a receipt; `empty`: nothing of the subject was found."""
    from pipeline.erase.receipt import FOLDER, encoded

    if telling.as_json:
        streams.as_data(sys.stdout)
        sys.stdout.write(as_json(encoded(done).decode(), sys.stdout))
    else:
        head = f"{subject.name} {subject.value}: "
        told = f"{NONE}\n" if empty else _text(done, telling.dry_run)
        sys.stdout.write(head + told + _held(done))
    sys.stdout.flush()
    for path in done.unsearched:
        say(visible(f"not searched, or left as it is: {path}: see tailrace audit") + "\n")
    if not telling.dry_run:
        say(f"receipt: {telling.where}/{FOLDER}/{done.id}.json\n")


def _text(done: "Receipt", dry_run: bool) -> str:
    from pipeline.cli.table import Column, table

    would = "would be " if dry_run else ""
    kept = done.quarantine
    shown = list(done.rows)[:SHOWN_DAYS]
    columns = (
        Column("table", [each.table for each in shown]),
        Column("day", [each.day for each in shown]),
        Column("rows", [f"{each.rows:,}" for each in shown], number=True),
    )
    lines = [
        f"{counted(done.row_count, 'row')} {would}removed,"
        f" {counted(done.files, 'file')} {would}rewritten",
        *([table(columns, streams.width()).rstrip("\n")] if shown else []),
        *(
            [f"and {len(done.rows) - len(shown):,} more days"]
            if len(done.rows) > len(shown)
            else []
        ),
        f"quarantine: {counted(kept.lines, 'line')} {would}removed;"
        f" {counted(kept.rewritten, 'object')} {would}rewritten,"
        f" {counted(kept.removed, 'object')} {would}deleted",
    ]
    return "\n".join(lines) + "\n"


def _held(done: "Receipt") -> str:
    """What may hold something of it still: also where nothing of it was found."""
    lines = (f"it may still be in {each.what}; until {each.until}" for each in done.held_by)
    return "".join(visible(line) + "\n" for line in lines)
