"""Compaction of a stack as its doctor and its audit see it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.carriers import ARRIVAL_MS
from tests.deployed.cloud import LAKE, Cloud
from tests.deployed.folded import fold
from tests.deployed.patients import NOW, checked, only, with_one_record
from tests.deployed.staging import HOUR_MS, SINCE, Staging, lines
from tests.deployed.staging import NOW as NIGHT

FLOWS = "lake/landing/vpc_flow/"
FIRST = "lake/landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=14/"


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """Flows of two hours of arrival, the first of which is folded."""
    made = Staging(tmp_path / "lake")
    made.bring(lines(1, 2))
    made.bring(lines(3), arrival_ms=ARRIVAL_MS + HOUR_MS)
    fold(made.cloud, "vpc_flow", NIGHT - timedelta(hours=1, minutes=30))
    return made


def late(staging: Staging, since: datetime = SINCE) -> list[tuple[str, str, str]]:
    found = staging.audited(since=since).findings
    return [(each.kind, each.where, each.detail) for each in found if each.kind == "late"]


def test_what_came_late_into_a_folded_hour_is_named_until_it_is_folded_in(staging: Staging) -> None:
    assert late(staging) == []
    (first,) = (key for key in staging.cloud.keys(LAKE) if key.startswith(FIRST))
    content, stored = staging.cloud.objects[LAKE, first]
    staging.cloud.put(LAKE, f"{FIRST}late.parquet", content, stored)
    assert late(staging) == [
        (
            "late",
            "vpc_flow, arrived 2026-11-25T14:00Z",
            "2 files where 1 were folded; answers lack what is new in them until the next"
            " compaction",
        )
    ]
    fold(staging.cloud, "vpc_flow", NIGHT)
    assert late(staging) == []


def test_hours_that_are_read_from_landing_are_not_late(staging: Staging) -> None:
    (last,) = (key for key in staging.cloud.keys(LAKE) if key.startswith(FLOWS) and "=15/" in key)
    content, stored = staging.cloud.objects[LAKE, last]
    staging.cloud.put(LAKE, last.replace("=15/", "=16/"), content, stored)
    assert late(staging) == []


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = with_one_record(tmp_path)
    made.parameters["CompactionHours"] = "6"
    return made


def test_a_stack_that_folds_nothing_by_its_own_wish_is_well(cloud: Cloud) -> None:
    cloud.parameters["CompactionHours"] = "0"
    found = checked(cloud)["curated"]
    assert (found.ok, found.found) == (True, "none: the stack's CompactionHours is 0")


def test_hours_that_need_not_be_folded_yet_are_well(cloud: Cloud) -> None:
    found = checked(cloud)["curated"]
    assert (found.ok, found.found) == (True, "hours that closed before 00:30Z are folded")


def test_hours_that_are_not_folded_in_time_are_named(cloud: Cloud) -> None:
    # 7 h until an hour closes, 6 to the next compaction, and one for it.
    behind = NOW.replace(hour=15, minute=0) + timedelta(hours=14)
    assert checked(cloud, behind - timedelta(minutes=1))["curated"].ok
    found = checked(cloud, behind)
    assert only({"curated": found["curated"]}, "curated") == (
        "2 tables to be folded, longest of all vpc_flow: what arrived at 2026-11-25T14:00Z -> fold"
        " them, and see what it says: tailrace compact --stage staging"
    )
    for table in ("vpc_flow", "batch"):
        fold(cloud, table, behind)
    assert checked(cloud, behind)["curated"].ok
