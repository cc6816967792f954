"""Compaction of a stack, looked at: what came late into folded hours, and what waits too long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.curate.objects import Objects
from pipeline.curate.plan import CLOSED_AFTER, changed, hour_name, hours_of
from pipeline.deployed.check import Check
from pipeline.deployed.patient import GRACE, Patient
from pipeline.deployed.scope import Scope, hour_of
from pipeline.deployed.words import counted
from pipeline.lake.tables import all_tables
from pipeline.ledger.findings import Finding
from pipeline.schema import Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVERY, MACHINE = "CompactionHours", "CompactMachineArn"


def check_late(scope: Scope) -> Iterator[Finding]:
    """Hours of arrival that hold other files than were folded, which views do not read.

    What they lack for it is found by the questions to the tables; this says why.
    Raises TailraceError where S3 does not tell.
    """
    objects = Objects(scope.s3, scope.deployed.lake_bucket)
    for table in all_tables().values():
        state = objects.state(table.name)
        if state.watermark is None:
            continue
        hours = hours_of(objects.landing(table.name, state, scope.now))
        for name in changed(state, hours, hour_name(state.watermark)):
            folded = state.hours[name].files if name in state.hours else 0
            detail = f"{counted(hours[name].files, 'file')} where {folded:,} were folded"
            detail += "; answers lack what is new in them until the next compaction"
            where = f"{table.name}, arrived {name}:00Z"
            number = hour_of(datetime.fromisoformat(f"{name}:00:00+00:00"))
            source = table.name.replace("_", "-")
            yield Finding("late", where, detail, source, number, unbalances=False)


def compaction(patient: Patient) -> Iterator[Check]:
    """Whether closed hours are folded in time. Raises TailraceError where S3 does not tell."""
    every = patient.deployed.number(EVERY, 0)
    if not every:
        yield Check("curated", True, f"none: the stack's {EVERY} is 0")
        return
    late = patient.now - CLOSED_AFTER - timedelta(hours=every) - GRACE
    objects = Objects(patient.client("s3"), patient.deployed.lake_bucket)
    waiting = {
        table.name: since
        for table in all_tables().values()
        if (since := _waiting(objects, table, patient.now, late))
    }
    if not waiting:
        yield Check("curated", True, f"hours that closed before {late:%H:%M}Z are folded")
        return
    first = min(waiting, key=lambda name: waiting[name])
    found = f"{counted(len(waiting), 'table')} to be folded"
    found += f", longest of all {first}: what arrived at {waiting[first]}:00Z"
    fix = f"fold them, and see what it says: tailrace compact --stage {patient.deployed.stage}"
    yield Check("curated", patient.is_young, found, fix)


def watermarks(client: "S3Client", bucket: str) -> dict[str, datetime]:
    """Until when all that has arrived is folded, by table; those of which nothing is are left out.

    Raises TailraceError where S3 does not tell.
    """
    objects = Objects(client, bucket)
    found = {name: objects.state(name).watermark for name in all_tables()}
    return {name: mark for name, mark in found.items() if mark is not None}


def _waiting(objects: Objects, table: Table, now: datetime, late: datetime) -> str:
    """The first hour of arrival before a time that is not folded; "" for none."""
    state = objects.state(table.name)
    hours = hours_of(objects.landing(table.name, state, now))
    return next(iter(changed(state, hours, hour_name(late))), "")
