"""Address ranges in S3: what cannot be read is none, and no batch hears of it."""

import pytest

from pipeline import aws
from pipeline.invoke import kept_ranges
from pipeline.settings import Lookups
from tests.deployed.cloud import LAKE, Cloud

THERE = Lookups(folder=f"s3://{LAKE}/lookups")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (503, "SlowDown", "the address ranges cannot be read: SlowDown"),
        (500, "InternalError", "the address ranges cannot be read: InternalError"),
        (400, "ExpiredToken", "the address ranges cannot be read: ExpiredToken"),
        (404, "NoSuchBucket", "the address ranges cannot be read: NoSuchBucket"),
        (403, "AccessDenied", "none were fetched"),
        (404, "NoSuchKey", "none were fetched"),
    ],
)
def test_what_s3_does_not_give_is_none_after_one_attempt(status: int, code: str, told: str) -> None:
    cloud = Cloud(errors={"GetObject": [(status, code), (500, "asked twice")]})
    client = cloud.session().client("s3", config=aws.one_attempt())
    found = kept_ranges(THERE, client)
    assert (found.empty, found.told) == (True, told)
    assert cloud.asked == ["GetObject"]


@pytest.mark.parametrize("folder", ["lookups", "s3://"])
def test_a_place_that_is_none_is_none_and_told(folder: str) -> None:
    client = Cloud().session().client("s3")
    assert kept_ranges(Lookups(folder=folder), client).told == f"'{folder}' is no place in S3"


def test_a_stack_that_keeps_none_is_not_asked() -> None:
    cloud = Cloud()
    assert kept_ranges(Lookups(), cloud.session().client("s3")).told == "none were fetched"
    assert cloud.asked == []
