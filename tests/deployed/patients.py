"""A stack before the doctor."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.deployed.asking import Asking, athena_of
from pipeline.deployed.check import Check
from pipeline.deployed.doctor import examined
from pipeline.deployed.patient import Patient
from pipeline.deployed.stage import find
from pipeline.settings import Settings
from tests.carriers import ARRIVAL_MS
from tests.deployed.cloud import Cloud
from tests.deployed.lake import Lake
from tests.deployed.staging import Staging, lines

# Half an hour after the one record has come.
NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)


def with_one_record(folder: Path) -> Cloud:
    """A stack to which one record has come."""
    staging = Staging(folder / "lake")
    staging.bring(lines(1), arrival_ms=ARRIVAL_MS)
    staging.cloud.lake = Lake(staging.folder)
    return staging.cloud


def checked(cloud: Cloud, now: datetime = NOW) -> dict[str, Check]:
    """What is found, by the name of the check."""
    session = cloud.session()
    asking = Asking(athena_of(session, Settings(), "staging"))
    deployed = find(session, "staging")
    return {each.name: each for each in examined(Patient(deployed, session, asking, now))}


def sick(cloud: Cloud, name: str, operation: str, said: Any) -> str:
    """What one check finds where a service says this; all others are well."""
    cloud.said[operation] = said
    return only(checked(cloud), name)


def only(found: dict[str, Check], name: str) -> str:
    """What the one check that is not ok finds, and what it says is to be done."""
    assert [each.name for each in found.values() if not each.ok] == [name]
    return f"{found[name].found} -> {found[name].fix}"
