"""tailrace demo: made-up traffic through the whole embedded pipeline."""

import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Config, Home, settings_of
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cli.console import Live
    from pipeline.demo.run import Demo
    from pipeline.ledger.findings import Audit
    from pipeline.queries import Answer

RATE = 800
LONGEST_S = 31_536_000
EMBEDDED = "embedded"
WINDOW, MOST_PAGES = "5m", 8
_HOT = "Hot pages: the last five minutes against the five before, and ten minutes one by one"

For = Annotated[
    float | None,
    typer.Option("--for", metavar="SECONDS", min=1, help="Stop by itself and print the answers."),
]
Rate = Annotated[int, typer.Option("--rate", metavar="N", min=1, help="Events a second.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Open no browser.")]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="P",
        min=0,
        max=65_535,
        help="Port; 0: any; else 8808 or any that is free.",
    ),
]
Target = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="T",
        help="embedded; ministack or localstack: a sample through the stack of make local-up.",
    ),
]


def demo(
    for_s: For = None,
    rate: Rate = RATE,
    no_open: NoOpen = False,
    port: Port = None,
    target: Target = EMBEDDED,
    config: Config = None,
    home: Home = None,
) -> None:
    """Realistic traffic of a small company feeds the pipeline: logs of all kinds, views of pages.

    Skewed talkers, a growing port scan, a web site with a target that fails and a page that all
    want to see, late and repeated deliveries, a few broken lines. Drawn on a terminal while it
    runs, where q ends it and 1 to 4 choose the ranking. Ends with top talkers, traffic,
    web errors, the pages that are hot, rejects and the audit; Ctrl-C ends it too. It runs on the
    server of "tailrace serve", whose page opens in a browser where there is a screen.

    With an emulator as target a few lines go through the stack on it, and each place that they come
    to is shown, with its seconds.

    \b
    tailrace demo --for 20
    tailrace demo --target ministack
    tailrace demo --rate 5000        then, beside it: tailrace query rejected_ports --since 10m
    """
    from pipeline.cli.browser import open_page
    from pipeline.demo.run import demo as run_demo
    from pipeline.home import audit_of
    from pipeline.lake.folders import DEMO
    from pipeline.store import exists

    if target != EMBEDDED:
        from pipeline.cli.through import through

        if for_s is not None or port is not None or rate != RATE:
            fix = f"leave them out, or leave out --target {target}"
            raise UsageError("--for, --rate and --port are of the demo without AWS", "", fix)
        through(settings_of(config, home), target)
        return
    if for_s is not None and not for_s <= LONGEST_S:
        raise UsageError(f"not a number of seconds: {for_s}", "--for", f"1 to {LONGEST_S:,}")
    settings = settings_of(config, home)
    older = exists(settings.home_path / DEMO)
    with run_demo(settings, rate, port) as running:
        if not no_open:
            open_page(running.url)
        _play(running, rate, for_s, older)
        found = audit_of(running.home)
        _print_answers(running, found)
    if not found.balanced:
        raise typer.Exit(1)


def _play(running: "Demo", rate: int, for_s: float | None, older: bool) -> None:
    """Send it all and bring it in; Ctrl-C ends what would go on without end."""
    from pipeline.cli.console import Live
    from pipeline.cli.top import terminal

    if terminal.moves(sys.stderr):
        from pipeline.cli.top.playing import play

        play(running, rate, for_s, older)
        running.landed()
        return
    live = Live()
    live.say(f"Tailrace demo on {running.url}, home {running.home.folder}")
    if older:
        live.say("the data of the demo before is thrown away")
    try:
        _history(running, rate, live)
        _live(running, for_s, live)
    except KeyboardInterrupt:
        live.close()
        if for_s is not None:
            raise
    running.landed()


def _history(running: "Demo", rate: int, live: "Live") -> None:
    from pipeline.demo.run import HISTORY_S

    started = time.monotonic()
    what = f"the last {HISTORY_S / 60:.0f} minutes of {rate:,} events/s"
    if not sys.stderr.isatty():
        live.say(f"sending {what}")

    def progress() -> str:
        done = running.worker.rows
        return f"sending the past: {done:,} rows, {time.monotonic() - started:.0f} s"

    with live.watching(progress):
        running.history()
    live.say(f"sent {what}: {running.worker.rows:,} rows, {time.monotonic() - started:.1f} s")


def _live(running: "Demo", for_s: float | None, live: "Live") -> None:
    how_long = f"for {for_s:.0f} s" if for_s is not None else "until Ctrl-C"
    if not sys.stderr.isatty():
        live.say(f"live {how_long}")
    seconds = 0.0
    for seconds in running.ticks(for_s):
        live.show(_status(running, seconds, for_s))
    live.say(_status(running, seconds, for_s))


def _status(running: "Demo", seconds: float, for_s: float | None) -> str:
    worker = running.worker
    counts = f"{worker.rows:,} rows  {worker.rejected:,} rejected  {worker.dropped:,} dropped"
    if for_s is None:
        return f"live {seconds:.0f} s  {counts}  Ctrl-C ends it"
    return f"live {seconds:.0f} of {for_s:.0f} s  {counts}"


def _print_answers(running: "Demo", found: "Audit") -> None:
    from pipeline.cli.audit import table_of
    from pipeline.cli.output import counted, visible
    from pipeline.cli.render import answer_table
    from pipeline.queries import run, window

    now = datetime.now(UTC)
    last = window.Window(now - timedelta(hours=1), now + timedelta(minutes=1))
    folder = running.home.folder

    def ask(name: str, **params: object) -> "Answer":
        return run(name, params=params, window=last, home=folder, now=now)

    for title, answer in (
        ("Top talkers", ask("top_talkers", top=8)),
        ("Accepted and rejected traffic", ask("traffic_by_action")),
        ("Rejected ports", ask("rejected_ports", top=5)),
        ("Web errors", ask("web_errors", top=3)),
    ):
        sys.stdout.write(f"{title}\n\n{answer_table(answer)}\n")
    sys.stdout.write(f"{_HOT}\n\n{_pages(running.ranking(WINDOW, MOST_PAGES))}\n")
    sys.stdout.write(f"Rejected lines by reason\n\n{_rejects(found)}\n")
    sys.stdout.write(f"Audit\n\n{table_of(found)}\n")
    repeats = sum(hour.duplicates for hour in found.hours)
    sys.stdout.write(f"{counted(repeats, 'repeat')} seen, none counted twice.\n")
    sys.stdout.write(f"Ask on: {_command()} query {visible(_options(folder))}\n")


def _pages(answered: Mapping[str, Any]) -> str:
    """A ranking as a table."""
    from pipeline.cli.output import sparkline
    from pipeline.cli.streams import width
    from pipeline.cli.table import Column, table

    items = answered["items"]
    columns = (
        Column("rank", [f"{each['rank']}" for each in items], number=True),
        Column("moved", [_moved(each["rank"], each["previous_rank"]) for each in items], True),
        Column("page", [each["key"] for each in items]),
        Column("title", [each["title"] for each in items]),
        Column("views", [f"{each['count']:,}" for each in items], number=True),
        Column("share", [f"{each['share']:.1%}" for each in items], number=True),
        Column("trend", [sparkline(each["trend"]) for each in items]),
    )
    return table(columns, width())


def _moved(rank: int, before: int | None) -> str:
    if before is None:
        return "new"
    return f"{before - rank:+d}" if before != rank else "="


def _options(home: Path) -> str:
    """With which any other command reads the demo's home as the demo did."""
    from pipeline.settings.reading import CONFIG_NAME

    return shlex.join(["--home", str(home), "--config", str(home / CONFIG_NAME)])


def _command() -> str:
    """Tailrace as it can be called again: as it was, where its name alone leads nowhere."""
    called = sys.argv[0]
    return "tailrace" if shutil.which("tailrace") or Path(called).name != "tailrace" else called


def _rejects(found: "Audit") -> str:
    from pipeline.cli.streams import width
    from pipeline.cli.table import Column, table

    counts: Counter[tuple[str, str]] = Counter()
    for hour in found.hours:
        for reason, count in hour.reasons.items():
            counts[hour.source, reason] += count
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    columns = (
        Column("source", [source for (source, _), _ in ordered]),
        Column("reason", [reason for (_, reason), _ in ordered]),
        Column("lines", [f"{count:,}" for _, count in ordered], number=True),
    )
    return table(columns, width())
