"""tailrace replay: run again from the quarantine, the failure store or the log."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import backfill, streams
from pipeline.cli.options import Config, From, Home, Since, Stage, To, settings_of
from pipeline.cli.output import counted, say, visible
from pipeline.errors import InputError, UsageError

if TYPE_CHECKING:
    from pipeline.home import WritingHome
    from pipeline.ledger.replay import Replayed, Wanted
    from pipeline.settings import Settings

FOREVER = range((1 << 63) - 1)
SHOWN_FAULTS = 5


def replay(
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Lines that were refused.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Records that could not be processed.")
    ] = False,
    since: Since = None,
    from_time: From = None,
    to_time: To = None,
    source: Annotated[
        str, typer.Option("--source", metavar="S", help="Only this source.", show_default=False)
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come of it; write nothing.")
    ] = False,
    stage: Stage = None,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            metavar="URI",
            help="Of a stack: objects below s3://bucket/prefix.",
            show_default=False,
        ),
    ] = "",
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency", metavar="N", min=1, max=backfill.MOST, help="Batches at once."
        ),
    ] = backfill.USUAL,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start it, and do not watch.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whatever it costs.")] = False,
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
    from pipeline.cli.homes import to_write
    from pipeline.home import readable, writing
    from pipeline.ledger.replay import Wanted
    from pipeline.queries.window import parse
    from pipeline.sources import find

    arrived = _arrived(since, from_time, to_time)
    name = find(source).name if source else None
    if not (quarantine or failed or from_time or since or prefix):
        raise UsageError(
            "nothing was named to be replayed",
            "",
            "give --quarantine, --failed or both; or --since, or --from (and --to), for records of"
            " the log",
        )
    if prefix and (quarantine or failed):
        raise UsageError("--prefix names objects of its own", "", "leave --quarantine and --failed")
    if stage:
        window = parse(datetime.now(UTC), since, from_time, to_time)
        ends = bool(since or to_time)
        asked = backfill.Asked(
            stage, window, ends, prefix, name or "", concurrency, dry_run, not no_wait, yes
        )
        _of_stage(settings_of(config, home), asked, quarantine, failed)
        return
    if prefix or no_wait or yes or concurrency != backfill.USUAL:
        what = "--prefix, --concurrency, --no-wait and --yes are about a stack"
        raise UsageError(what, "", "name it: --stage staging")
    settings = settings_of(config, home)
    with readable(settings.home_path):
        # A home that was never written to is not made for this.
        pass
    with writing(settings.home_path, to_write(settings)) as opened:
        if not (quarantine or failed):
            _of_log(opened, arrived, name, dry_run)
            return
        wanted = Wanted(quarantine, failed, name, arrived.start, arrived.stop)
        _of_objects(opened, wanted, dry_run)


def _of_stage(settings: "Settings", asked: backfill.Asked, quarantine: bool, failed: bool) -> None:
    from pipeline.cli import staged

    if failed and asked.source:
        raise UsageError("what failed has no source", "--source", "leave it out")
    if failed:
        staged.replay(settings, asked.stage, asked.window, asked.dry_run)
    if quarantine:
        staged.replay_refused(settings, asked.stage, asked.window, asked.source, asked.dry_run)
    if not (failed or quarantine):
        backfill.backfill(settings, asked)


def _arrived(since: str | None, from_time: str | None, to_time: str | None) -> range:
    from pipeline.queries.window import parse

    window = parse(datetime.now(UTC), since, from_time, to_time)
    return FOREVER if window is None else range(*window.bounds_ms)


@dataclass(slots=True)
class _Sum:
    """What came of the objects of one source."""

    objects: int = 0
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, one: "Replayed") -> None:
        """Count one object."""
        self.objects += 1
        self.rows += one.rows
        self.refused.update({str(reason): count for reason, count in one.refused.items()})
        if one.fault:
            self.refused["failed"] += 1
        if one.lost:
            self.refused["lost"] += 1


def _of_objects(home: "WritingHome", wanted: "Wanted", dry_run: bool) -> None:
    from pipeline.home import replay_objects
    from pipeline.ledger.replay import count_objects

    sums: dict[str, _Sum] = {}
    faults: Counter[str] = Counter()
    lost: list[InputError] = []
    with _progress("objects", lambda: count_objects(home.store, wanted)) as show:
        for one in replay_objects(home, wanted, dry_run):
            sums.setdefault(one.source, _Sum()).add(one)
            if one.fault:
                faults[one.fault] += 1
            if one.lost:
                lost.append(one.lost)
            show(sum(each.objects for each in sums.values()))
    streams.as_data(sys.stdout)
    sys.stdout.write(_table(sums, dry_run) if sums else "nothing to replay\n")
    sys.stdout.flush()
    for detail, count in faults.most_common(SHOWN_FAULTS):
        say(visible(f"{counted(count, 'record')} failed again: {detail}") + "\n")
    if lost:
        first = lost[0]
        objects = counted(len(lost), "quarantine object")
        raise InputError(f"{objects} could not be read: {first.what}", first.where, first.fix)


def _table(sums: dict[str, _Sum], dry_run: bool) -> str:
    from pipeline.cli.table import Column, table

    def numbers(of: Iterable[int]) -> list[str]:
        return [f"{each:,}" for each in of]

    reasons = [
        ", ".join(f"{count:,} {reason}" for reason, count in each.refused.most_common())
        for each in sums.values()
    ]
    became = "would become rows" if dry_run else "became rows"
    columns = (
        Column("source", [name.replace("_", "-") for name in sums]),
        Column("objects", numbers(each.objects for each in sums.values()), number=True),
        Column(became, numbers(each.rows for each in sums.values()), number=True),
        Column("still refused", reasons),
    )
    return table(columns, streams.width())


def _of_log(home: "WritingHome", arrived: range, source: str | None, dry_run: bool) -> None:
    from pipeline.home import replay_log

    if dry_run:
        count = home.log.count_again(arrived, source)
        sys.stdout.write(f"{counted(count, 'record')} of the log would be processed again\n")
        return
    started, count, left = time.monotonic(), 0, 0
    with _progress("records", lambda: home.log.count_again(arrived, source)) as show:
        for one in replay_log(home, arrived, source):
            count += one.records
            left += one.left
            show(count)
    seconds = time.monotonic() - started
    say(f"{counted(count, 'record')} of the log processed again in {seconds:.1f} s\n")
    if left:
        say(
            f"{counted(left, 'record')} left alone: today they would become something else, or were"
            " tried again since; tailrace replay --quarantine reads what was refused\n"
        )


@contextmanager
def _progress(what: str, total: Callable[[], int]) -> Iterator[Callable[[int], None]]:
    """Shows how many are done; a bar on a terminal, silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total())
        yield lambda done: bar.update(task, completed=done)
