"""tailrace demo: made-up traffic through the whole embedded pipeline."""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, settings_of

if TYPE_CHECKING:
    from pipeline.demo.run import Demo
    from pipeline.ledger.audit import Audit
    from pipeline.queries import Answer

RATE = 800


def demo(
    for_s: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="SECONDS", min=1, help="Stop by itself and print the answers."
        ),
    ] = None,
    rate: Annotated[
        int, typer.Option("--rate", metavar="N", min=1, help="Events a second.")
    ] = RATE,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    port: Annotated[int, typer.Option("--port", metavar="P", help="Port of the page.")] = 8808,
    config: Config = None,
    home: Home = None,
) -> None:
    """Realistic traffic of a small company feeds the whole pipeline: flow logs, application logs.

    Skewed talkers, a growing port scan, late and repeated deliveries, a few broken lines. Ends
    with top talkers, traffic, rejects and the audit; Ctrl-C ends it too. The page comes with a
    later version: --port and --no-open are taken, and serve nothing yet.

    \b
    tailrace demo --for 20
    tailrace demo --rate 5000        then, beside it: tailrace query rejected_ports --since 10m
    """
    from pipeline.cli.console import Live
    from pipeline.demo.run import HISTORY_S
    from pipeline.demo.run import demo as run_demo
    from pipeline.home import audit_of

    del no_open, port
    settings = settings_of(config, home)
    with run_demo(settings, rate) as running:
        folder = running.home.folder
        sys.stderr.write(f"Tailrace demo, home {folder}\n")
        sys.stderr.write(f"sending the last {HISTORY_S / 60:.0f} minutes of {rate} events/s\n")
        with Live() as live:
            try:
                running.history()
                for seconds in running.ticks(for_s):
                    live.show(_status(running, seconds, for_s))
            except KeyboardInterrupt:
                if for_s is not None:
                    raise
        running.home.worker.drain()
        found = audit_of(running.home)
        _print_answers(running, found)
    if not found.balanced:
        raise typer.Exit(1)


def _status(running: "Demo", seconds: float, for_s: float | None) -> str:
    worker = running.home.worker
    of = f" of {for_s:.0f}" if for_s is not None else ""
    return (
        f"{seconds:4.0f}{of} s live  {worker.rows:,} rows  {worker.rejected:,} rejected  "
        f"{worker.dropped:,} dropped  Ctrl-C stops and prints the audit"
    )


def _print_answers(running: "Demo", found: "Audit") -> None:
    from pipeline.cli.audit import table_of
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
    ):
        sys.stdout.write(f"{title}\n\n{answer_table(answer)}\n")
    sys.stdout.write(f"Rejected lines by reason\n\n{_rejects(found)}\n")
    sys.stdout.write(f"Audit\n\n{table_of(found)}\n")
    repeats = sum(hour.duplicates for hour in found.hours)
    sys.stdout.write(
        f"{repeats:,} repeats seen, none counted twice.  Ask on: tailrace query --home {folder}\n"
    )


def _rejects(found: "Audit") -> str:
    from pipeline.cli.output import table

    counts: Counter[tuple[str, str]] = Counter()
    for hour in found.hours:
        for reason, count in hour.reasons.items():
            counts[hour.source, reason] += count
    rows = [(s, r, f"{n:,}") for (s, r), n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
    return table(("source", "reason", "lines"), rows, (False, False, True))
