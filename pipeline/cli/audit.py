"""tailrace audit: does every accepted event stand where the ledger says?"""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, Since, settings_of

if TYPE_CHECKING:
    from pipeline.ledger.audit import Audit, Hour

SHOWN = 20


def audit(
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Compare what came in with what is there: rows, rejects, drops, files, quarantine objects.

    Ends with 1, and names the place, when it does not balance. Hours are hours of arrival.

    \b
    tailrace audit
    tailrace audit --since 1d --json | jq .balanced
    """
    import msgspec

    from pipeline.home import audit_of, readable

    settings = settings_of(config, home)
    with readable(settings.home_path) as opened:
        found = audit_of(opened, since_ms_of(since))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found.as_json())).decode() + "\n")
    else:
        sys.stdout.write(table_of(found))
    notes = [finding for finding in found.findings if not finding.unbalances]
    for finding in notes[:SHOWN]:
        sys.stderr.write(f"note: {finding.where}: {finding.detail}\n")
    if len(notes) > SHOWN:
        sys.stderr.write(f"note: and {len(notes) - SHOWN} more; all with --json\n")
    if not found.balanced:
        wrong = [finding for finding in found.findings if finding.unbalances]
        sys.stderr.write(f"error: not balanced: {len(wrong)} findings\n")
        for finding in wrong[:SHOWN]:
            sys.stderr.write(f"  {finding.kind}: {finding.where}: {finding.detail}\n")
        raise typer.Exit(1)


def since_ms_of(since: str | None) -> int:
    """Epoch milliseconds of --since; 0 for all."""
    from pipeline.queries import window

    asked = window.parse(datetime.now(UTC), since)
    return asked.bounds_ms[0] if asked is not None else 0


def table_of(found: "Audit") -> str:
    """The sums by source and hour, and over all, as a table."""
    from pipeline.cli.output import table
    from pipeline.ledger.audit import Hour

    total = Hour("all", 0, balanced=found.balanced)
    for hour in found.hours:
        for name in ("events_in", "rows", "rejected", "dropped", "duplicates"):
            setattr(total, name, getattr(total, name) + getattr(hour, name))
    rows = [(hour.source, hour.name, *_cells(hour)) for hour in found.hours]
    rows.append(("all", "", *_cells(total)))
    rows[-1] = (*rows[-1][:-1], "✓ balanced" if found.balanced else "✗ not balanced")
    head = ("source", "hour of arrival", "events in", "rows", "rejected", "dropped", "repeats")
    right = (False, False, True, True, True, True, True, True, False)
    return table((*head, "unaccounted", ""), rows, right)


def _cells(hour: "Hour") -> tuple[str, ...]:
    numbers = (hour.events_in, hour.rows, hour.rejected, hour.dropped, hour.duplicates)
    mark = "✓" if hour.balanced else "✗"
    return (*(f"{number:,}" for number in numbers), f"{hour.unaccounted:,}", mark)
