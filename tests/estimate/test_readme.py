"""The README's figures are those of `tailrace estimate`."""

import re
from pathlib import Path

import pytest

from pipeline.estimate import Plan, bill

README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(
    r"\| `LogRoute=(\w+)`, `Delivery=(\w+)`(?:, `BatchSeconds=(\d+)`)?(?: \(default\))?"
    r" \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|"
)
ROWS = ROW.findall(README.read_text("utf-8"))


def test_the_readme_tells_every_route_and_delivery() -> None:
    assert {(route, delivery) for route, delivery, *_ in ROWS} == {
        (route, delivery)
        for route in ("kinesis", "lambda", "s3")
        for delivery in ("firehose", "s3")
    }


@pytest.mark.parametrize("row", ROWS)
def test_the_readme_tells_what_the_estimate_does(row: tuple[str, ...]) -> None:
    route, delivery, seconds, *told, a_gb = row
    usd = [
        bill(Plan(size, route=route, delivery=delivery, batch_seconds=int(seconds or 5))).usd
        for size in (1, 20, 200)
    ]
    assert [f"{each:,.0f}" for each in usd] == told
    assert f"{usd[2] / 200:.1f}" == a_gb
