"""What the page costs on AWS: presets, and an address of its own."""

import re
from pathlib import Path

import pytest

from pipeline.estimate import Plan, bill
from pipeline.estimate.shown import REQUESTS_AN_HOUR
from pipeline.presets import queries_a_day

DOCS = Path(__file__).parents[2] / "docs" / "aws.md"
PRESETS = "Athena: presets of the page"


def usd(plan: Plan) -> dict[str, float]:
    """USD of each line by its title."""
    return {line.title: line.usd for line in bill(plan).lines}


def test_a_page_that_is_not_there_costs_nothing() -> None:
    assert not [title for title in usd(Plan(1)) if "page" in title or "presets" in title]


def test_next_to_no_logs_pay_the_least_of_each_query() -> None:
    found = usd(Plan(0.01, preset_minutes=15))
    # 1,831 queries a day of 10 MB, at 5 USD a TB.
    assert sum(queries_a_day(15).values()) == pytest.approx(1831, abs=0.5)
    assert found[PRESETS] == pytest.approx(1830.86 * 30 * 10e6 / 1e12 * 5, rel=1e-4)


def test_long_ranges_of_many_logs_are_what_costs() -> None:
    few, many = (usd(Plan(size, preset_minutes=15))[PRESETS] for size in (2, 20))
    assert 5 < many / few < 10
    assert many > 0.7 * usd(Plan(20, preset_minutes=5))[PRESETS]


def test_a_source_that_no_preset_reads_pays_the_least() -> None:
    least = usd(Plan(0.01, preset_minutes=15))[PRESETS]
    assert usd(Plan(20, "app-log", preset_minutes=15))[PRESETS] == pytest.approx(least, rel=1e-4)


def test_viewers_of_the_hosted_page_are_counted_by_their_hours() -> None:
    found = usd(Plan(1, page_hours=8))
    assert REQUESTS_AN_HOUR == 2520
    assert found["API Gateway: page"] == pytest.approx(8 * 30 * 2520 / 1e6)


def test_the_documentation_says_what_presets_cost() -> None:
    said = re.search(
        r"(\d+) USD a month with next to none, (\d+) at 1 GB .* (\d+) at 20 GB", DOCS.read_text()
    )
    assert said is not None
    sums = [
        sum(
            cost for title, cost in usd(Plan(size, preset_minutes=15)).items() if "presets" in title
        )
        for size in (0.01, 1, 20)
    ]
    assert [round(each) for each in sums] == [int(each) for each in said.groups()]
