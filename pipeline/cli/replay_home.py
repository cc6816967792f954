"""tailrace replay of a home: from its quarantine, its failure store or its log."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.cli import streams
from pipeline.cli.output import counted, say, visible
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.consume.again import Why
    from pipeline.home import WritingHome
    from pipeline.ledger.replay import Replayed, Wanted
    from pipeline.queries import Window
    from pipeline.settings import Settings

FOREVER = range((1 << 63) - 1)
SHOWN_FAULTS = 5
REFUSED_TODAY = (
    "are their formats declared? [formats] of tailrace.toml, or --config FILE, as when they came"
)


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be run again: objects of the quarantine, of the failure store, else the log.

    window  times of arrival; None: any
    source  None: all
    """

    quarantine: bool
    failed: bool
    window: "Window | None"
    source: str | None
    dry_run: bool

    @property
    def arrived(self) -> range:
        """Times of arrival, epoch milliseconds."""
        return FOREVER if self.window is None else range(*self.window.bounds_ms)


def replay(settings: "Settings", again: Again) -> None:
    """Run it again, and print what came of it. Raises InputError where some could not be read."""
    from pipeline.cli.homes import to_write
    from pipeline.home import readable, writing
    from pipeline.ledger.replay import Wanted

    # A home that was never written to is not made for this.
    with readable(settings.home_path):
        pass
    arrived = again.arrived
    with writing(settings.home_path, to_write(settings)) as opened:
        if again.quarantine or again.failed:
            wanted = Wanted(
                again.quarantine, again.failed, again.source, arrived.start, arrived.stop
            )
            _of_objects(opened, wanted, again.dry_run)
        else:
            _of_log(opened, arrived, again.source, again.dry_run)


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
    started = time.monotonic()
    again: Counter[str] = Counter()
    left: Counter[tuple[str, Why]] = Counter()
    with _progress("records", lambda: home.log.count_again(arrived, source)) as show:
        for one in replay_log(home, arrived, source):
            again += one.again
            left += one.left
            show(again.total() + left.total())
    say(_of_sources(again, left, time.monotonic() - started))


def _of_sources(again: Counter[str], left: "Counter[tuple[str, Why]]", seconds: float) -> str:
    """What came of the records of the log, source by source; `left`: those left alone, and why."""
    from pipeline.consume.again import Why

    each = ", ".join(f"{name} {count:,}" for name, count in again.most_common())
    done = f"{counted(again.total(), 'record')} of the log processed again in {seconds:.1f} s"
    said = [f"{done}: {each}" if each else done]
    if left:
        said.append(f"{counted(left.total(), 'record')} left alone")
        said += [f"  {name} {count:,}: {why}" for (name, why), count in left.most_common()]
    if any(why is Why.REFUSED for _, why in left):
        said.append(f"  {REFUSED_TODAY}")
    return "\n".join(said) + "\n"


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
