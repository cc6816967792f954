"""tailrace audit: does every accepted event stand where the ledger says?"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import streams
from pipeline.cli.options import Config, Home, Since, Stage, settings_of
from pipeline.cli.output import as_json as json_for
from pipeline.cli.output import counted, say, visible

if TYPE_CHECKING:
    from pipeline.ledger.findings import Audit, Finding
    from pipeline.queries import Window

SHOWN = 20
# The ledger's sums and what follows from them, and what they are called here.
SUMS = {
    "events_in": "events in",
    "rows": "rows",
    "rejected": "rejected",
    "dropped": "dropped",
    "erased": "erased",
    "duplicates": "repeats",
    "unaccounted": "unaccounted",
}


def audit(
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ranking: Annotated[
        bool,
        typer.Option("--ranking", help="Compare the live ranking with page_view instead."),
    ] = False,
    stage: Stage = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """Compare what came in with what is there: rows, rejects, drops, files, quarantine objects.

    Ends with 1, and names the place, when it does not balance. Hours are hours of arrival.

    --stage audits a deployed stack instead of a home: by asking Athena, which bills what it scans,
    so without --since only the last day.

    --ranking asks page_trend, top_pages and referrers what they say of the last two hours and a
    half, and compares it with what the live ranking has counted, minute by minute and page by page.
    A view that was sent again at another ts, or without one, is two rows and counts once.

    \b
    tailrace audit
    tailrace audit --since 1d --json | jq .balanced
    tailrace audit --stage staging
    tailrace audit --ranking
    """
    from pipeline.cli.footer import demo_note
    from pipeline.cli.homes import to_read
    from pipeline.home import audit_of, readable

    window = _window(since)
    settings = settings_of(config, home)
    if ranking:
        from pipeline.cli import ranked

        ranked.ranking(settings, stage, window, as_json)
        return
    if stage:
        from pipeline.cli import staged

        _tell(staged.audited(settings, stage, window), as_json)
        return
    read = to_read(settings.home_path)
    with readable(read) as opened:
        found = audit_of(opened, window.bounds_ms[0] if window else 0)
    note = demo_note(read) if read != settings.home_path else ""
    _tell(found, as_json, note)


def _tell(found: "Audit", as_json: bool, note: str = "") -> None:
    """Print an audit; ends with 1 where it does not balance."""
    import msgspec

    if as_json:
        streams.as_data(sys.stdout)
        text = msgspec.json.format(msgspec.json.encode(found.as_json())).decode()
        sys.stdout.write(json_for(text + "\n", sys.stdout))
    else:
        sys.stdout.write(table_of(found))
    sys.stdout.flush()
    if note:
        say(note)
    _say(found.findings)
    if not found.balanced:
        raise typer.Exit(1)


def _say(findings: Sequence["Finding"]) -> None:
    notes = [finding for finding in findings if not finding.unbalances]
    wrong = [finding for finding in findings if finding.unbalances]
    for finding in notes[:SHOWN]:
        say(visible(f"note: {finding.where}: {finding.detail}") + "\n")
    if len(notes) > SHOWN:
        sys.stderr.write(f"note: and {len(notes) - SHOWN:,} more; all with --json\n")
    if wrong:
        sys.stderr.write(f"error: not balanced: {counted(len(wrong), 'finding')}\n")
    for finding in wrong[:SHOWN]:
        say(visible(f"  {finding.kind}: {finding.where}: {finding.detail}") + "\n")


def _window(since: str | None) -> "Window | None":
    """What --since asks for; None for all."""
    from pipeline.queries import window

    return window.parse(datetime.now(UTC), since)


def _sums(found: "Audit") -> dict[str, str]:
    """The figures that are shown, and what they are called.

    Few homes have anything erased. Where one has, the table would be wider than 80 columns: there
    `unaccounted` stands only where it says more than the verdict.
    """
    left_out = set() if any(hour.erased for hour in found.hours) else {"erased"}
    if not left_out and not any(hour.unaccounted for hour in found.hours):
        left_out = {"unaccounted"}
    return {name: head for name, head in SUMS.items() if name not in left_out}


def table_of(found: "Audit") -> str:
    """The sums by source and hour and over all as a table, and the verdict."""
    from pipeline.cli.table import Column, table
    from pipeline.ledger.findings import COUNTS, Hour

    total = Hour("all", 0, balanced=found.balanced)
    sums = _sums(found)
    for hour in found.hours:
        for name in COUNTS:
            setattr(total, name, getattr(total, name) + getattr(hour, name))
    hours = [*found.hours, total]
    arrived = [datetime.fromisoformat(hour.name) for hour in found.hours]
    columns = (
        Column("source", [hour.source for hour in hours]),
        Column("arrived", [*arrived, ""]),
        *(
            Column(head, [f"{getattr(hour, name):,}" for hour in hours], number=True)
            for name, head in sums.items()
        ),
        Column("", ["✓" if hour.balanced else "✗" for hour in hours], name="balanced"),
    )
    verdict = "✓ balanced" if found.balanced else "✗ not balanced"
    return f"{table(columns, streams.width())}\n{verdict}\n"
