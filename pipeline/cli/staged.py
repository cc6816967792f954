"""Commands about a deployed stack: its audit, its replay, its doctor."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.cli import let_all_in, streams
from pipeline.cli.output import counted, say, visible
from pipeline.errors import DeliveryError, InputError

if TYPE_CHECKING:
    from pipeline.deployed.again import Replayed
    from pipeline.deployed.asking import Asking, Cost
    from pipeline.deployed.check import Check
    from pipeline.ledger.findings import Audit
    from pipeline.queries import Window
    from pipeline.queries.reconciled import Reconciled
    from pipeline.settings import Settings

# Athena bills what it reads: without --since it is not all that there is.
AUDITED = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_FAULTS = 5


def audited(settings: "Settings", stage: str, window: "Window | None") -> "Audit":
    """The audit of a stage over what arrived since the start of a window; says what it cost."""
    from pipeline import aws
    from pipeline.deployed.audit import audit
    from pipeline.deployed.scope import Scope, window_of
    from pipeline.deployed.stage import find

    let_all_in()
    now = datetime.now(UTC)
    session = aws.session(settings.target)
    deployed = find(session, stage)
    since = window.from_time if window else now - AUDITED
    arrived = window_of(deployed, since, now)
    with _asking(settings, stage) as asking:
        found = audit(Scope(deployed, session, asking, arrived, now))
    if window is None:
        say(f"note: what arrived since {arrived.from_time:%Y-%m-%d %H:%M}Z; more: --since 7d\n")
    _say_cost(asking.cost)
    return found


def ranked(settings: "Settings", stage: str, window: "Window", now: datetime) -> "Reconciled":
    """Whether a stage's ranking has counted what its table holds; says what asking has cost."""
    from pipeline import aws
    from pipeline.counters.table import CountersTable
    from pipeline.deployed.scope import LANDED_MINUTES
    from pipeline.deployed.stage import find
    from pipeline.queries.reconciled import closed, reconciled

    let_all_in()
    session = aws.session(settings.target)
    table = find(session, stage).output("CountersTable")
    counters = CountersTable(session.client("dynamodb", config=aws.patience()), table)
    with _asking(settings, stage) as asking:
        found = reconciled(counters, asking.saved, closed(window, now, LANDED_MINUTES))
    _say_cost(asking.cost)
    return found


@contextmanager
def _asking(settings: "Settings", stage: str) -> "Iterator[Asking]":
    from pipeline import aws
    from pipeline.cli.waiting import waiting
    from pipeline.deployed.asking import Asking, athena_of

    engine = athena_of(aws.session(settings.target), settings, stage)
    with waiting(engine.name) as watch:
        yield Asking(engine, watch)


def _say_cost(cost: "Cost") -> None:
    from pipeline.cli.cells import size

    queries = "1 query" if cost.queries == 1 else f"{cost.queries} queries"
    read = f"{size(cost.bytes_scanned)} scanned"
    said = [queries, f"{cost.seconds:.2f} s", read, f"{cost.usd:.6f} USD", "athena, asked anew"]
    say(" · ".join(said) + "\n")


def examined(settings: "Settings", stage: str) -> "list[Check]":
    """What a doctor finds of a stage. Raises NotConfigured where there is none."""
    from pipeline import aws
    from pipeline.deployed.doctor import examined as all_checks
    from pipeline.deployed.patient import Patient
    from pipeline.deployed.stage import find

    let_all_in()
    session = aws.session(settings.target)
    deployed = find(session, stage)
    with _asking(settings, stage) as asking:
        return list(all_checks(Patient(deployed, session, asking, datetime.now(UTC))))


def replay(settings: "Settings", stage: str, window: "Window | None", dry_run: bool) -> None:
    """Replay what failed in a stage, and print what came of it.

    Raises DeliveryError where some has failed again, InputError where some is lost.
    """
    from pipeline import aws
    from pipeline.deployed.again import Wanted
    from pipeline.deployed.replay import replay_failed
    from pipeline.deployed.stage import find
    from pipeline.queries import Window

    let_all_in()
    session, now = aws.session(settings.target), datetime.now(UTC)
    wanted = Wanted(window or Window(EPOCH, now), now, dry_run)
    deployed = find(session, stage)
    done: list[Replayed] = []
    streams.as_data(sys.stdout)
    try:
        for one in replay_failed(session, deployed, wanted):
            done.append(one)
    finally:
        # What was done is done, whatever stopped the rest.
        sys.stdout.write(_table(done, dry_run) if done else "")
        sys.stdout.flush()
    if not done:
        sys.stdout.write("nothing to replay\n")
    _say_failed(done)


def replay_refused(
    settings: "Settings", stage: str, window: "Window | None", source: str, dry_run: bool
) -> None:
    """Try again what a stage refused, and print what came of it and what asking has cost.

    Raises as `replay` does.
    """
    from pipeline import aws
    from pipeline.deployed.refused import WantedAgain
    from pipeline.deployed.replay import replay_refused as each_object
    from pipeline.deployed.stage import find
    from pipeline.queries import Window

    let_all_in()
    session, now = aws.session(settings.target), datetime.now(UTC)
    deployed = find(session, stage)
    wanted = WantedAgain(window or Window(EPOCH, now), now, source, dry_run)
    done: list[Replayed] = []
    with _asking(settings, stage) as asking:
        try:
            for one in each_object(session, deployed, asking, wanted):
                done.append(one)
        finally:
            streams.as_data(sys.stdout)
            sys.stdout.write(_table(done, dry_run) if done else "nothing is refused\n")
            sys.stdout.flush()
            _say_cost(asking.cost)
    _say_failed(done)


@dataclass(slots=True)
class _Sum:
    """What came of the objects of one kind."""

    objects: int = 0
    rows: int = 0
    rejected: int = 0
    failed: int = 0
    lost: int = 0

    def add(self, one: "Replayed") -> None:
        """Count one object."""
        self.objects += 1
        self.rows += one.rows
        self.rejected += one.rejected
        self.failed += bool(one.fault)
        self.lost += bool(one.lost)


def _table(done: "Iterable[Replayed]", dry_run: bool) -> str:
    from pipeline.cli.table import Column, table

    sums: dict[str, _Sum] = {}
    for one in done:
        sums.setdefault(one.kind, _Sum()).add(one)
    heads = {
        "objects": "objects",
        "rows": "rows that would be sent" if dry_run else "rows sent",
        "rejected": "refused",
        "failed": "failed again",
        "lost": "lost in part",
    }
    columns = [Column("what", list(sums))]
    for name, head in heads.items():
        numbers = [f"{getattr(each, name):,}" for each in sums.values()]
        columns.append(Column(head, numbers, number=True))
    return table(columns, streams.width())


def _say_failed(done: "Iterable[Replayed]") -> None:
    faults = [one for one in done if one.fault]
    lost = [one for one in done if one.lost]
    for one in [*faults, *lost][:SHOWN_FAULTS]:
        say(visible(f"{one.where}: {one.fault or one.lost}") + "\n")
    if faults:
        what = f"{counted(len(faults), 'object')} failed again"
        raise DeliveryError(what, "", "mend what is named, then run it again")
    if lost:
        what = f"{counted(len(lost), 'object')} cannot be brought back whole"
        raise InputError(what, "", "what was left of them is in; delete what is not needed")
