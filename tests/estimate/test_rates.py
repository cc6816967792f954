"""The file of rates, the sizes of lines, and what is no plan."""

from datetime import date
from math import inf, nan
from pathlib import Path

import pytest

from pipeline.errors import HomeError, UsageError
from pipeline.estimate import Plan, rates
from pipeline.estimate.rates import FILE, read
from pipeline.estimate.workload import SHAPES
from pipeline.settings import Prices
from pipeline.sources import NAMES

RATE = """
[a]
usd = 0.5
unit = "GB"
what = "b"
source = "c"
where = "d"
taken = 2026-11-26
verified = false
"""


def test_every_rate_names_its_document_its_place_and_its_day() -> None:
    assert len(rates()) > 20
    for name, rate in rates().items():
        assert rate.source.endswith("Pricing"), name
        assert rate.where
        assert date(2026, 11, 1) <= rate.taken
        assert 0 < rate.usd <= 5


def test_assumptions_are_not_called_verified() -> None:
    assert [name for name, rate in rates().items() if rate.verified] == ["kms_keys"]


def test_the_rates_are_the_assumptions_that_the_stack_was_designed_with() -> None:
    known = {
        "vended_to_cloudwatch": 0.50,
        "vended_to_s3": 0.25,
        "firehose_ingestion": 0.029,
        "firehose_conversion": 0.018,
        "lambda_compute": 0.0000133334,
        "s3_writes": 5.0,
    }
    assert {name: rates()[name].usd for name in known} == known


def test_athena_costs_here_what_it_costs_in_the_footer_of_a_query() -> None:
    assert rates()["athena_scan"].usd == Prices().athena


def test_the_rates_lie_in_the_package() -> None:
    assert (FILE.name, FILE.parent.name) == ("rates.toml", "estimate")


def test_a_rate_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "rates.toml"
    file.write_text(RATE, "utf-8")
    assert read(file)["a"].taken == date(2026, 11, 26)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("usd = 0.5", "usd = 0"),
        ("usd = 0.5", "usd = -1"),
        ('source = "c"\n', ""),
        ('where = "d"', 'where = ""'),
        ("taken = 2026-11-26\n", ""),
        ("taken = 2026-11-26", 'taken = "soon"'),
        ("verified = false\n", ""),
        ('unit = "GB"', 'unit = "GB"\nmore = 1'),
        ("[a]", "[a"),
    ],
)
def test_a_rate_that_lacks_something_is_told(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "rates.toml"
    assert before in RATE
    file.write_text(RATE.replace(before, after), "utf-8")
    with pytest.raises(HomeError, match="the rates cannot be read: "):
        read(file)


def test_a_file_of_rates_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="the rates cannot be read: "):
        read(tmp_path / "rates.toml")


def test_every_source_has_its_sizes() -> None:
    assert tuple(SHAPES) == (*NAMES, "vpc-flow-wide")


@pytest.mark.parametrize("name", SHAPES)
def test_rows_are_larger_as_json_and_smaller_as_parquet(name: str) -> None:
    shape = SHAPES[name]
    assert shape.parquet < shape.json
    assert shape.plain < shape.json
    assert shape.gzip < shape.line


@pytest.mark.parametrize("gb_day", [0, -1, 0.0099, 1_000_001, inf, -inf, nan])
def test_a_size_that_cannot_be_is_refused(gb_day: float) -> None:
    with pytest.raises(UsageError, match="GB of logs a day cannot be estimated"):
        Plan(gb_day)


def test_too_few_shards_are_refused() -> None:
    # One shard takes 86.4 GB a day of gzipped lines, 28.8 bytes for 114.1 of text: 342.3 GB.
    assert Plan(342, shards=1).most_gb == pytest.approx(342.3)
    with pytest.raises(UsageError, match="shards: 1 take at most 342 GB of vpc-flow a day"):
        Plan(343, shards=1)
