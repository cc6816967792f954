"""tailrace query: saved questions and free SQL."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import leave_out, let_all_in
from pipeline.cli.options import Config, From, Home, Since, Stage, To, settings_of
from pipeline.cli.output import say
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.queries import Engine, Question, Window
    from pipeline.settings import Prices, Settings

FORM = "--output"
DUCKDB, ATHENA = "duckdb", "athena"
TABLE = "table"

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
EngineName = Annotated[
    str, typer.Option("--engine", metavar="E", help="duckdb, or with a deployed stack athena.")
]
FullScan = Annotated[
    bool, typer.Option("--full-scan", help="Let SQL on Athena read all days, and pay for it.")
]
Help = Annotated[
    bool, typer.Option("--help", "-h", help="This; with NAME what it takes, answers and asks.")
]


def query(
    context: typer.Context,
    name: Name = "",
    since: Since = None,
    from_time: From = None,
    to_time: To = None,
    given: Given = None,
    output: Form = TABLE,
    sql: Sql = None,
    explain: Explain = False,
    engine: EngineName = "",
    stage: Stage = None,
    full_scan: FullScan = False,
    config: Config = None,
    home: Home = None,
    help_: Help = False,
) -> None:
    """Ask a saved query, or anything in SQL; without a name, list the saved queries.

    Without --since or --from a saved query reads its default window, most of them the last 1h (of
    the event's time, not of its arrival); SQL reads all that there is.

    json is one object: name, columns ({name, type, unit}), rows (lists in the order of columns),
    from, to, as_of, seconds, bytes_scanned, engine. jsonl is one object a row.

    --engine athena asks the deployed stack that --stage names, as who you are to AWS: AWS_PROFILE,
    AWS_REGION.

    \b
    tailrace query
    tailrace query top_talkers --help
    tailrace query top_talkers --since 1h -p top=5
    tailrace query rejected_ports --from 2026-11-25 --to 2026-11-26 --output csv
    tailrace query --sql "SELECT count(*) FROM vpc_flow WHERE action = 'REJECT'"
    """
    from pipeline.cli.render import check_form
    from pipeline.queries import parse

    if help_:
        shown = _page(name, settings_of(config, home).prices) if name else context.get_help() + "\n"
        sys.stdout.write(shown)
        return
    check_form(output, FORM)
    now = datetime.now(UTC)
    window = parse(now, since, from_time, to_time)
    asked = _Asked(name or None, sql, _parameters(given or ()), window, now)
    chosen = _chosen(engine, stage)
    if asked.nothing:
        if window or asked.params or explain or output != TABLE:
            fix = "name one, or --sql TEXT; all of them: tailrace query"
            raise UsageError("no question was asked", "", fix)
        sys.stdout.write(_catalogue(settings_of(config, home).prices))
        return
    asked.check()
    settings = settings_of(config, home)
    if explain:
        sys.stdout.write(_explained(asked.question(settings.prices)))
        return
    question = asked.question(settings.prices)
    if chosen == DUCKDB and question.prepared:
        # Only parsers of sources need it, and who types a translation: 0.1 s of CPU.
        leave_out("numpy")
    answering = _engine(settings, chosen, stage, full_scan)
    default = "" if window is not None else question.query.since
    _answer(question, answering, output, asked.now, default)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked, before any SQL is read."""

    name: str | None
    sql: str | None
    params: Mapping[str, str]
    window: "Window | None"
    now: datetime

    def __post_init__(self) -> None:
        if self.sql is not None and self.name:
            raise UsageError("a name and --sql were both given", "", "give one of them")

    @property
    def nothing(self) -> bool:
        return self.name is None and self.sql is None

    def check(self) -> None:
        """Raise UsageError for what no engine would answer."""
        from pipeline.queries import check

        check(self.name, sql=self.sql, params=self.params)

    def question(self, prices: "Prices") -> "Question":
        from pipeline.queries import ask

        return ask(
            self.name,
            sql=self.sql,
            params=self.params,
            window=self.window,
            now=self.now,
            prices=prices,
        )


def _explained(question: "Question") -> str:
    from pipeline.cli.explained import explained

    return explained(question)


def _answer(
    question: "Question", engine: "Engine", output: str, now: datetime, default: str
) -> None:
    """Write the answer, and beneath it on stderr what there is to say about it.

    default  length of the window, where none was asked for
    """
    from pipeline.cli import render
    from pipeline.cli.footer import demo_note, footer, why_empty
    from pipeline.cli.waiting import waiting
    from pipeline.queries.runner import answered

    with waiting(engine.name) as watch:
        answer = answered(question, engine, watch=watch)
    render.write(answer, output)
    if answer.cost.demo:
        say(demo_note(answer.cost.home))
    if not len(answer.table):
        say(why_empty(answer, question, now, default))
    sys.stderr.write(footer(answer, question.values.get("top")))


def _engine(settings: "Settings", name: str, stage: str | None, full_scan: bool) -> "Engine":
    if name == ATHENA:
        from pipeline.queries.engines import athena

        let_all_in()
        return athena.of_stage(settings, stage or "", full_scan)
    from pipeline.queries.engines.duckdb import DuckDb

    return DuckDb(settings.home_path)


def _chosen(engine: str, stage: str | None) -> str:
    """Name of the engine: a stack is asked by Athena."""
    chosen = engine or (ATHENA if stage else DUCKDB)
    if chosen not in (DUCKDB, ATHENA):
        raise UsageError(f"there is no engine called {engine}", "--engine", "duckdb or athena")
    if chosen == DUCKDB and stage:
        raise UsageError("DuckDB answers from a home, not from a stack", "--stage", "leave one out")
    return chosen


def _parameters(given: Sequence[str]) -> dict[str, str]:
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"not a parameter: {text!r}", "-p", "write it as -p top=5")
        params[key] = value
    return params


def _catalogue(prices: "Prices") -> str:
    from pipeline.cli.catalogue import catalogue
    from pipeline.cli.streams import width
    from pipeline.queries import load

    return (
        f"{catalogue(load(prices), width())}\n"
        "tailrace query top_talkers --since 1h -p top=5\n"
        "all take --since, --from, --to, --output, --explain; more of one: --help\n"
    )


def _page(name: str, prices: "Prices") -> str:
    from pipeline.cli.page import page
    from pipeline.queries import find

    return page(find(name, prices))
