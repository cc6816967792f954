"""What page views cost: the way in, and counters of what is hot."""

import re
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.estimate import Plan, bill, levers
from pipeline.estimate import limits as at
from pipeline.estimate.ranked import counting
from pipeline.estimate.volumes import Volumes, volumes

DOCS = Path(__file__).parents[2] / "docs" / "aws.md"
# A million views a day.
MILLION = Plan(0.3807, "page-view")


def usd(plan: Plan) -> dict[str, float]:
    """USD of each line by its title, to the hundredth of a cent."""
    return {line.title: round(line.usd, 4) for line in bill(plan).lines}


def test_a_million_views_a_day_are_as_reckoned_by_hand() -> None:
    found = usd(MILLION)
    assert found["API Gateway: page views"] == 105.0  # 30 million at 3.50
    assert found["Kinesis: records in"] == 2.4576  # each as 1,024 bytes, at 0.08 a GB
    # 2,073,600 batches of 14.5 views with 3 KB, 172,800 minutes of 173.6 views with 3 KB, twice
    assert found["DynamoDB: writes"] == 8.424
    # 9 reads a minute, and a quarter of what was written
    assert found["DynamoDB: reads"] == 0.4698
    assert found["Secrets Manager: key of visitors"] == 0.4
    assert found["CloudWatch: alarms"] == 4.8  # 12, 8 of views, 28 of Firehose's
    assert not [title for title in found if title.startswith(("Log", "CloudWatch Logs: log"))]


def test_units_are_those_that_were_measured() -> None:
    """By tests/counters/test_costs.py: 46,067 units to count a million views, 15,433 to merge."""
    views = 30_000.0
    # A minute of one shard with 500 views a second in batches of one second.
    month = Volumes(MILLION, 0, views * 43_200 * 4, views * 43_200 * 4, 60 * 43_200 * 4)
    (writes, *_) = counting(month)
    millions = month.rows / 1e6
    assert writes.quantity * 1e6 / millions == pytest.approx(46_067 + 15_433, rel=0.05)


def test_a_view_is_a_record_of_its_own() -> None:
    month = volumes(MILLION)
    assert month.records == month.rows == pytest.approx(30e6)
    assert month.record_bytes == pytest.approx(380.7 * at.VIEW_RATIO)


@pytest.mark.parametrize(
    ("given", "where"),
    [({"route": "s3"}, "--route"), ({"route": "lambda"}, "--route"), ({"shards": 2}, "--shards")],
)
def test_views_have_one_way_in(given: dict[str, str], where: str) -> None:
    with pytest.raises(UsageError, match="page views come by API Gateway") as caught:
        Plan(1, "page-view", **given)  # type: ignore[arg-type]
    assert caught.value.where == where


def test_what_a_page_costs_that_shows_the_ranking_is_told() -> None:
    (found,) = [each for each in levers(MILLION) if "ranking" in each.name]
    # 2.592 million requests at 3.50 and 0.20, as many of 0.02 s, and 12.96 million reads
    assert found.usd == pytest.approx(9.072 + 0.5184 + 1.194 + 1.62, abs=0.01)
    assert not [each for each in levers(Plan(1)) if "ranking" in each.name]


def test_the_page_about_the_stack_says_the_same() -> None:
    told = re.search(
        r"A million page views a day cost about (\d+) USD a month", DOCS.read_text("utf-8")
    )
    assert told is not None
    assert int(told[1]) == round(bill(MILLION).usd)
