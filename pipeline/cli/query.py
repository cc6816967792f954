"""tailrace query: saved questions and free SQL."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, From, Home, Since, Stage, To, no_stack, settings_of
from pipeline.cli.output import say
from pipeline.errors import UsageError
from pipeline.settings import Prices, Settings

if TYPE_CHECKING:
    from pipeline.queries import Answer, Window

FORM = "--output"
DUCKDB = "duckdb"

Name = Annotated[str, typer.Argument(metavar="NAME", help="A saved query.")]
Given = Annotated[
    list[str] | None, typer.Option("-p", metavar="KEY=VALUE", help="A parameter; repeat it.")
]
Form = Annotated[
    str, typer.Option(FORM, metavar="FORM", help="table, csv, json, jsonl or parquet.")
]
Sql = Annotated[
    str | None, typer.Option("--sql", metavar="TEXT", help="Free SQL in Athena's dialect.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Print the SQL, ask nothing.")]
Engine = Annotated[str, typer.Option("--engine", metavar="E", help="duckdb.")]


def query(
    name: Name = "",
    since: Since = None,
    from_time: From = None,
    to_time: To = None,
    given: Given = None,
    output: Form = "table",
    sql: Sql = None,
    explain: Explain = False,
    engine: Engine = DUCKDB,
    stage: Stage = "",
    config: Config = None,
    home: Home = None,
) -> None:
    """Ask a saved query, or anything in SQL; without a name, list the saved queries.

    Without --since or --from a saved query reads its default window, most of them the last 1h (of
    the event's time, not of its arrival); SQL reads all that there is.

    json is one object: name, columns ({name, type, unit}), rows (lists in the order of columns),
    from, to, as_of, seconds, bytes_scanned, engine. jsonl is one object a row.

    \b
    tailrace query
    tailrace query top_talkers --since 1h -p top=5
    tailrace query rejected_ports --from 2026-11-25 --to 2026-11-26 --output csv
    tailrace query --sql "SELECT count(*) FROM vpc_flow WHERE action = 'REJECT'"
    """
    from pipeline.cli.render import check_form
    from pipeline.queries import parse

    check_form(output, FORM)
    now = datetime.now(UTC)
    window = parse(now, since, from_time, to_time)
    asked = _Asked(name, sql, _parameters(given or ()), window, now)
    if engine != DUCKDB or stage:
        asked.check()
        raise no_stack("--stage" if stage else f"--engine {engine}")
    if not name and sql is None:
        sys.stdout.write(_catalogue(settings_of(config, home).prices))
    elif explain:
        sys.stdout.write(asked.explained(settings_of(config, home).prices))
    else:
        _answer(asked, settings_of(config, home), output)


@dataclass(frozen=True, slots=True)
class _Asked:
    name: str
    sql: str | None
    params: dict[str, str]
    window: "Window | None"
    now: datetime

    def __post_init__(self) -> None:
        if self.sql is not None and self.name:
            raise UsageError("a name and --sql were both given", "", "give one of them")

    def check(self) -> None:
        """Raise UsageError for what no engine would answer."""
        from pipeline.queries import check

        if self.name or self.sql is not None:
            check(self.name or None, sql=self.sql, params=self.params)

    def answer(self, home: Path, prices: Prices) -> "Answer":
        """What a home answers."""
        from pipeline.queries import run

        return run(
            self.name or None,
            sql=self.sql,
            params=self.params,
            window=self.window,
            home=home,
            now=self.now,
            prices=prices,
        )

    def explained(self, prices: Prices) -> str:
        """The SQL of it."""
        from pipeline.cli.explained import explained

        return explained(self.name, self.sql, self.params, self.window, self.now, prices)

    def why_empty(self, answer: "Answer") -> str:
        """Why there is no row."""
        from pipeline.cli.footer import why_empty
        from pipeline.queries import catalogue

        if self.sql is not None:
            return why_empty(answer, self.sql, "")
        query = catalogue.find(self.name)
        return why_empty(answer, query.sql, "" if self.window else query.since)


def _answer(asked: _Asked, settings: Settings, output: str) -> None:
    from pipeline.cli import render
    from pipeline.cli.footer import demo_note, footer

    home = settings.home_path
    answer = asked.answer(home, settings.prices)
    render.write(answer, output)
    if answer.home != home:
        say(demo_note(answer.home))
    if not len(answer.table):
        say(asked.why_empty(answer))
    sys.stderr.write(footer(answer))


def _parameters(given: Sequence[str]) -> dict[str, str]:
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"not a parameter: {text!r}", "-p", "write it as -p top=5")
        params[key] = value
    return params


def _catalogue(prices: Prices) -> str:
    from pipeline.cli.catalogue import catalogue
    from pipeline.cli.streams import width
    from pipeline.queries import load

    return (
        f"{catalogue(load(prices), width())}\n"
        "tailrace query top_talkers --since 1h -p top=5\n"
        "all take --since, --from, --to, --output, --explain\n"
    )
