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
    from pipeline.settings import Settings

SHOWN = 20
# Of a stack: what is older has been audited before, and costs.
WINDOW = "24h"
# The ledger's sums, and what they are called here.
SUMS = {
    "events_in": "events in",
    "rows": "rows",
    "rejected": "rejected",
    "dropped": "dropped",
    "duplicates": "repeats",
}


def audit(
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stage: Stage = "",
    config: Config = None,
    home: Home = None,
) -> None:
    """Compare what came in with what is there: rows, rejects, drops, files, quarantine objects.

    Ends with 1, and names the place, when it does not balance. Hours are hours of arrival. Of a
    stack (--stage) it asks Athena and looks into its buckets; without --since the last 24 hours.

    \b
    tailrace audit
    tailrace audit --stage staging --since 6h
    tailrace audit --since 1d --json | jq .balanced
    """
    since_ms = since_ms_of(since or (WINDOW if stage else None))
    settings = settings_of(config, home)
    found, note = _of_stack(settings, stage, since_ms) if stage else _of_home(settings, since_ms)
    _print(found, as_json)
    say(note)
    _say(found.findings)
    if not found.balanced:
        raise typer.Exit(1)


def _of_home(settings: "Settings", since_ms: int) -> tuple["Audit", str]:
    from pipeline.cli.footer import demo_note
    from pipeline.cli.homes import to_read
    from pipeline.home import audit_of, readable

    read = to_read(settings.home_path)
    with readable(read) as opened:
        found = audit_of(opened, since_ms)
    return found, demo_note(read) if read != settings.home_path else ""


def _of_stack(settings: "Settings", stage: str, since_ms: int) -> tuple["Audit", str]:
    from pipeline.cli import let_all_in
    from pipeline.cli.footer import costs
    from pipeline.stack.asking import athena_of
    from pipeline.stack.audit import audit as audit_stack
    from pipeline.stack.audit import period_of
    from pipeline.stack.deployed import stack_of
    from pipeline.stack.remains import Remains

    let_all_in()
    now = datetime.now(UTC)
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    stack = stack_of(stage)
    remains = Remains(stack.client("s3"), stack.delivery(), since)
    asking = athena_of(settings, stage, now)
    found = audit_stack(asking, period_of(since, now), remains)
    return found, costs(asking.costs)


def _print(found: "Audit", as_json: bool) -> None:
    import msgspec

    if as_json:
        streams.as_data(sys.stdout)
        text = msgspec.json.format(msgspec.json.encode(found.as_json())).decode()
        sys.stdout.write(json_for(text + "\n", sys.stdout))
    else:
        sys.stdout.write(table_of(found))
    sys.stdout.flush()


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


def since_ms_of(since: str | None) -> int:
    """Epoch milliseconds of --since; 0 for all."""
    from pipeline.queries import window

    asked = window.parse(datetime.now(UTC), since)
    return asked.bounds_ms[0] if asked is not None else 0


def table_of(found: "Audit") -> str:
    """The sums by source and hour and over all as a table, and the verdict."""
    from pipeline.cli.table import Column, table
    from pipeline.ledger.findings import Hour

    total = Hour("all", 0, balanced=found.balanced)
    for hour in found.hours:
        for name in SUMS:
            setattr(total, name, getattr(total, name) + getattr(hour, name))
    hours = [*found.hours, total]
    arrived = [datetime.fromisoformat(hour.name) for hour in found.hours]
    columns = (
        Column("source", [hour.source for hour in hours]),
        Column("arrived", [*arrived, ""]),
        *(
            Column(head, [f"{getattr(hour, name):,}" for hour in hours], number=True)
            for name, head in (SUMS | {"unaccounted": "unaccounted"}).items()
        ),
        Column("", ["✓" if hour.balanced else "✗" for hour in hours]),
    )
    verdict = "✓ balanced" if found.balanced else "✗ not balanced"
    return f"{table(columns, streams.width())}\n{verdict}\n"
