"""Outside data of a stack: whether it is there, and how old it is."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.deployed.cloud import LAKE, Cloud
from tests.deployed.patients import NOW, checked, only, with_one_record

KEY = "lookups/aws-ip-ranges.json"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = with_one_record(tmp_path)
    made.outputs["AddressRanges"] = f"s3://{LAKE}/{KEY}"
    return made


@pytest.mark.parametrize(("days", "said"), [(0, "0 days"), (1, "1 day"), (6, "6 days")])
def test_ranges_that_were_renewed_of_late_are_well(cloud: Cloud, days: int, said: str) -> None:
    cloud.put(LAKE, KEY, b"{}", NOW - timedelta(days=days))
    found = checked(cloud)["lookups"]
    assert (found.ok, found.found) == (True, f"AWS's address ranges were renewed {said} ago")


def test_ranges_that_are_a_week_old_are_not_well_and_it_says_what_to_do(cloud: Cloud) -> None:
    cloud.put(LAKE, KEY, b"{}", NOW - timedelta(days=7))
    assert only(checked(cloud), "lookups") == (
        "AWS's address ranges were renewed 7 days ago -> call it, and see what it says:"
        " aws lambda invoke --function-name tailrace-staging-lookups /dev/stdout;"
        " make logs STAGE=staging"
    )


def test_ranges_that_never_came_are_not_well_but_at_first(cloud: Cloud) -> None:
    cloud.put(LAKE, f"{KEY}.other", b"{}", NOW)
    said = "AWS's address ranges were not fetched"
    assert only(checked(cloud), "lookups").startswith(f"{said} -> call it")
    cloud.changed = NOW - timedelta(minutes=30)
    found = checked(cloud)["lookups"]
    assert (found.ok, found.found) == (True, f"{said} yet")


def test_ranges_that_may_not_be_looked_at_are_told_as_that(cloud: Cloud) -> None:
    cloud.errors["ListObjectsV2"] = [(403, "AccessDenied")]
    assert only(checked(cloud), "lookups").startswith("cannot look: S3: no AccessDenied")
