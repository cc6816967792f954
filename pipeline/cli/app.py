"""All commands, put together. What a command needs beyond typer it imports when it runs."""

from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli import (
    audit,
    compact,
    dashboard,
    demo,
    doctor,
    erase,
    estimate,
    ingest,
    lookups,
    parse,
    query,
    replay,
    serve,
    tables,
    top,
)
from pipeline.cli.usage import Plain

app = typer.Typer(
    name="tailrace",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
_debug = False


def debugging() -> bool:
    """Whether --debug was given: errors then come with their traceback."""
    return _debug


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tailrace {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Logs become answers while they are still warm.

    \b
    tailrace demo --for 20                    realistic traffic through it all
    tailrace serve                            take logs over HTTP, answer queries
    tailrace ingest vpc-flow flows.log.gz     a file into the lake
    tailrace query top_talkers --since 1h     ask it
    tailrace top                              what is hot now, beside a server
    tailrace audit                            does every event stand somewhere?
    """
    global _debug
    _debug = debug
    del version


app.command("demo", short_help="Made-up traffic through the whole pipeline.")(demo.demo)
app.command("serve", short_help="Take logs over HTTP, answer queries.")(serve.serve)
app.command("dashboard", short_help="The page over a stack, or a home.")(dashboard.dashboard)
app.command("ingest", cls=Plain, short_help="Bring files into the lake.")(ingest.ingest)
app.command("parse", cls=Plain, short_help="Lines in, JSON out; nothing is kept.")(parse.parse)
app.command("query", short_help="Ask a saved query, or SQL.")(query.query)
app.command("top", short_help="What is hot now, in the terminal.")(top.top)
app.command("audit", short_help="Does every event stand somewhere?")(audit.audit)
app.command("replay", short_help="Run again what was refused or failed.")(replay.replay)
app.command("compact", short_help="Fold what has landed into days of events.")(compact.compact)
app.command("erase", short_help="Remove a person's data.")(erase.erase)
app.command("lookups", short_help="AWS's address ranges: what is kept, and fetch them.")(
    lookups.lookups
)
app.command("tables", short_help="What can be asked: tables and columns.")(tables.tables)
app.command("doctor", short_help="Check the machine, the home and the settings.")(doctor.doctor)
app.command("estimate", short_help="What the stack on AWS costs a month.")(estimate.estimate)
