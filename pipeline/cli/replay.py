"""tailrace replay: run again from the quarantine, the failure store or the log."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import backfill, replay_home
from pipeline.cli.options import Config, From, Home, Since, Stage, To, settings_of
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.settings import Settings

Quarantine = Annotated[bool, typer.Option("--quarantine", help="Lines that were refused.")]
Failed = Annotated[bool, typer.Option("--failed", help="Records that could not be processed.")]
Source = Annotated[
    str, typer.Option("--source", metavar="S", help="Only this source.", show_default=False)
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would come of it; write nothing.")
]
Prefix = Annotated[
    str,
    typer.Option(
        "--prefix",
        metavar="URI",
        help="Of a stack: objects below s3://bucket/prefix.",
        show_default=False,
    ),
]
Concurrency = Annotated[
    int,
    typer.Option("--concurrency", metavar="N", min=1, max=backfill.MOST, help="Batches at once."),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start it, and do not watch.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, whatever a backfill costs.")]


def replay(
    quarantine: Quarantine = False,
    failed: Failed = False,
    since: Since = None,
    from_time: From = None,
    to_time: To = None,
    source: Source = "",
    dry_run: DryRun = False,
    stage: Stage = None,
    prefix: Prefix = "",
    concurrency: Concurrency = backfill.USUAL,
    no_wait: NoWait = False,
    yes: Yes = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Run again what was refused or failed, with the parser and the formats of today.

    Rows keep their identity and their hour of arrival, so it can be run twice, at any time. With
    --since or --from alone, records of the log are processed again. Times are times of arrival.

    --stage S --failed brings in again what failed in a deployed stack: rows that Firehose could not
    deliver, and batches that Lambda gave up; times are then those of the failure. --quarantine
    tries there, too, what was refused.

    --stage S with --since or --from alone is a backfill: what the stream or the inbox of the stack
    still has, through the function's own code by a state machine; with --prefix objects of a
    bucket. It says what it costs, and shows how far it is; the same command goes on with it.

    \b
    tailrace replay --quarantine --dry-run
    tailrace replay --quarantine --failed
    tailrace replay --from 2026-11-25T14:00Z --to 2026-11-25T15:00Z
    tailrace replay --stage staging --failed --dry-run
    tailrace replay --stage staging --since 6h
    tailrace replay --stage staging --prefix s3://logs/AWSLogs/ --from 2026-11-01 --dry-run
    """
    from pipeline.queries.window import parse
    from pipeline.sources import find

    window = parse(datetime.now(UTC), since, from_time, to_time)
    name = find(source).name if source else ""
    _check(quarantine or failed, bool(since or from_time), prefix, stage)
    of_backfill = no_wait or yes or concurrency != backfill.USUAL
    if stage and (quarantine or failed) and of_backfill:
        what = "--concurrency, --no-wait and --yes are about a backfill"
        raise UsageError(what, "", "leave them out: --quarantine and --failed start none")
    if stage and failed and name:
        raise UsageError("what failed in a stack has no source", "--source", "leave it out")
    settings = settings_of(config, home)
    if stage:
        of = (stage, window, bool(since or to_time), prefix, name)
        asked = backfill.Asked(*of, concurrency, dry_run, not no_wait, yes)
        _of_stage(settings, asked, quarantine, failed)
        return
    if prefix or of_backfill:
        what = "--prefix, --concurrency, --no-wait and --yes are about a stack"
        raise UsageError(what, "", "name it: --stage staging")
    again = replay_home.Again(quarantine, failed, window, name or None, dry_run)
    replay_home.replay(settings, again)


def _check(kept: bool, arrived: bool, prefix: str, stage: str | None) -> None:
    """Raise UsageError where nothing is named, or too much.

    kept     it is about what was refused or failed
    arrived  about what has arrived since a time
    """
    if not (kept or arrived or prefix):
        more = "--since, or --from (and --to), for records of the log"
        if stage:
            more = "--since, or --from (and --to), for what the stream or the inbox still has;"
            more += " or --prefix s3://bucket/prefix"
        fix = f"give --quarantine, --failed or both; or {more}"
        raise UsageError("nothing was named to be replayed", "", fix)
    if prefix and kept:
        raise UsageError("--prefix names objects of its own", "", "leave --quarantine and --failed")
    if prefix:
        from pipeline.deployed.backfill import place_of

        place_of(prefix)


def _of_stage(settings: "Settings", asked: backfill.Asked, quarantine: bool, failed: bool) -> None:
    from pipeline.cli import staged

    if failed:
        staged.replay(settings, asked.stage, asked.window, asked.dry_run)
    if quarantine:
        staged.replay_refused(settings, asked.stage, asked.window, asked.source, asked.dry_run)
    if not (failed or quarantine):
        backfill.backfill(settings, asked)
