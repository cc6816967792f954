"""tailrace query: saved questions and free SQL."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, Since, settings_of
from pipeline.errors import NotConfigured, UsageError

if TYPE_CHECKING:
    from pipeline.queries import Answer

FORM = "--output"


def query(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A saved query.")] = "",
    since: Since = None,
    from_time: Annotated[
        str | None, typer.Option("--from", metavar="T", help="First moment, ISO-8601, UTC.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Up to, not including.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("-p", metavar="KEY=VALUE", help="A parameter; repeat it.")
    ] = None,
    output: Annotated[
        str, typer.Option(FORM, metavar="FORM", help="table, csv, json, jsonl or parquet.")
    ] = "table",
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="TEXT", help="Free SQL in Athena's dialect.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Print the SQL, ask nothing.")] = False,
    engine: Annotated[str, typer.Option("--engine", metavar="E", help="duckdb.")] = "duckdb",
    stage: Annotated[str, typer.Option("--stage", metavar="S", hidden=True)] = "",
    config: Config = None,
    home: Home = None,
) -> None:
    """Ask a saved query, or anything in SQL; without a name, list the saved queries.

    \b
    tailrace query
    tailrace query top_talkers --since 1h -p top=5
    tailrace query rejected_ports --from 2026-11-25 --to 2026-11-26 --output csv
    tailrace query --sql "SELECT count(*) FROM vpc_flow WHERE action = 'REJECT'"
    """
    from pipeline.cli import render

    if output not in render.FORMS:
        raise UsageError(f"there is no form {output!r}", FORM, f"one of {', '.join(render.FORMS)}")
    if engine != "duckdb" or stage:
        raise NotConfigured(
            "this needs a deployed stack, which this version does not have yet",
            "",
            "leave out --engine and --stage: the local engine answers",
        )
    if sql is not None and name:
        raise UsageError("a name and --sql were both given", "", "give one of them")
    if not name and sql is None:
        sys.stdout.write(_catalogue())
        return
    if explain:
        sys.stdout.write(_explained(name, sql))
        return
    settings = settings_of(config, home)
    answer = _ask(name, sql, (since, from_time, to_time), _parameters(given or ()), settings.home)
    render.write(answer, output)
    sys.stdout.flush()
    if answer.home != settings.home_path:
        sys.stderr.write(render.demo_note(answer.home))
    if not len(answer.table):
        sys.stderr.write(_why_empty(answer))
    sys.stderr.write(render.footer(answer))


def _ask(
    name: str,
    sql: str | None,
    times: tuple[str | None, str | None, str | None],
    params: dict[str, str],
    home: str,
) -> "Answer":
    from pathlib import Path

    from pipeline.queries import run, window

    now = datetime.now(UTC)
    asked = window.parse(now, *times)
    return run(name or None, sql=sql, params=params, window=asked, home=Path(home), now=now)


def _parameters(given: Sequence[str]) -> dict[str, str]:
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"not a parameter: {text!r}", "-p", "write it as -p top=5")
        params[key] = value
    return params


def _catalogue() -> str:
    from pipeline.cli.output import table
    from pipeline.queries import catalogue

    rows = []
    for each in catalogue.load().values():
        params = " ".join(f"{p.name}={p.default or ''}" for p in each.params)
        rows.append((each.name, each.description, params))
    listing = table(("name", "answers", "parameters"), rows, (False,) * 3)
    first = next(iter(catalogue.load()))
    return (
        f"{listing}\ntailrace query {first} --since 1h -p top=5"
        "     all take --since, --from, --to, --output, --explain\n"
    )


def _explained(name: str, sql: str | None) -> str:
    from pipeline.queries import catalogue, explain

    text = sql if sql is not None else catalogue.find(name).sql
    duckdb = explain(name or None, sql=sql)
    return f"-- as written (Athena)\n{text.strip()}\n\n-- for duckdb\n{duckdb.strip()}\n"


def _why_empty(answer: "Answer") -> str:
    from pipeline.cli.output import iso

    if answer.newest is None:
        return "no rows: its tables hold nothing yet\n"
    return f"no rows: the newest event is of {iso(answer.newest)}; try a longer --since\n"
