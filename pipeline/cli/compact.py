"""tailrace compact: fold what has landed into curated files."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import compact_staged, streams
from pipeline.cli.options import Config, Home, Stage, settings_of
from pipeline.cli.output import counted, print_json, say, visible

if TYPE_CHECKING:
    from pipeline.lake.compact import Compacted

# What is told of each table, and what it is called here.
FIGURES = {
    "days": "days",
    "files_in": "files in",
    "rows_in": "rows in",
    "rows_out": "rows out",
    "bytes_before": "bytes before",
    "bytes_after": "bytes after",
}


def compact(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stage: Stage = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """Fold what has landed into curated files: by day of event, sorted, each event once.

    Of a day that was compacted before, its files are read once more; they count as what went in.
    Queries and the audit work beside it. Files that were replaced are deleted once no running query
    can hold them. Ends with 1, and names them, when files are damaged; the rest is done.

    --stage S does it in a deployed stack, with the hours that ended seven hours ago: at once, and
    not when it is due; it says until when all is folded.

    \b
    tailrace compact
    tailrace compact --json | jq '.tables[].rows_out'
    tailrace compact --stage staging
    """
    from pipeline.batch.context import context_of
    from pipeline.enrich.aws_ranges import NONE
    from pipeline.home import LAKE, readable, writing
    from pipeline.lake.compact import compact as fold

    settings = settings_of(config, home)
    if stage:
        compact_staged.compact(settings, stage, as_json)
        return
    folder = settings.home_path
    with readable(folder):
        # A home that was never written to is not made for this.
        pass
    with writing(folder, context_of(settings, aws_ranges=NONE)) as opened:
        done = fold(opened.store, folder, folder / LAKE, int(time.time() * 1000))
    _print(done, as_json)
    damaged = [path for each in done for path in each.damaged]
    if damaged:
        sys.stderr.write(f"error: left out: {counted(len(damaged), 'damaged file')}\n")
        for path in damaged:
            say(visible(f"  {path}: see tailrace audit") + "\n")
        raise typer.Exit(1)


def _print(done: Sequence["Compacted"], as_json: bool) -> None:
    if as_json:
        print_json({"tables": done})
    elif done:
        sys.stdout.write(_table(done))
    else:
        sys.stdout.write("nothing has landed since the last time\n")
    sys.stdout.flush()


def _table(done: Sequence["Compacted"]) -> str:
    from pipeline.cli.table import Column, table

    columns = (
        Column("table", [each.table for each in done]),
        *(
            Column(head, [f"{getattr(each, name):,}" for each in done], number=True)
            for name, head in FIGURES.items()
        ),
        Column("seconds", [f"{each.seconds:.2f}" for each in done], number=True),
    )
    return table(columns, streams.width())
