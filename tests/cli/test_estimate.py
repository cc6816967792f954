"""tailrace estimate: what it prints, for people and for programs."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.bills import about, money, plain, price, quantity, signed
from pipeline.estimate.rates import FILE
from tests.homes import call

HEAVY = "awswrangler boto3 duckdb fastapi numpy pandas pyarrow sqlglot pipeline.sources"


def test_the_table_has_a_line_for_each_and_their_sum() -> None:
    ran = call("estimate", "--gb-day", "20")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].startswith("20 GB of vpc-flow a day, --route kinesis, --delivery firehose;")
    assert lines[3].split() == ["a", "month", "quantity", "unit", "USD", "each", "USD"]
    assert lines[5].split() == ["Log", "delivery,", "CloudWatch", "600", "GB", "0.50", "300.00"]
    (whole,) = [line for line in lines if line.startswith("all ")]
    shown = [line.split()[-1] for line in lines[5 : lines.index(whole)]]
    assert float(whole.split()[-1]) == pytest.approx(sum(map(float, shown)), abs=0.1)


def test_page_views_are_reckoned_by_their_number() -> None:
    ran = call("estimate", "--views-day", "1000000")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].startswith("1,000,000 page views a day (0.3807 GB), --delivery firehose;")
    (requests,) = [line.split() for line in lines if line.startswith("API Gateway: page views")]
    assert requests[4:6] == ["30", "M"]
    both = call("estimate", "--views-day", "1000000", "--views-day", "50000").out.splitlines()
    assert both[0].startswith("1,000,000 and 50,000 page views a day")


def test_the_levers_stand_beneath_with_their_options() -> None:
    beneath = call("estimate", "--gb-day", "20").out.partition("\ninstead ")[2]
    for text in (
        "logs to S3, not CloudWatch (--route s3)",
        "Parquet written by us (--delivery s3)",
        "one row a record, not packed for Firehose",
    ):
        assert text in beneath
    (line,) = [each for each in beneath.splitlines() if "(--route s3)" in each]
    assert line.split()[-2].startswith("\u2212")


def test_what_the_figures_are_worth_is_said_on_standard_error() -> None:
    err = " ".join(call("estimate", "--gb-day", "20").err.split())
    assert "list prices of us-east-1, a month of 30 days, no free tiers" in err
    assert "19 of 20 rates are assumptions of 2026-11-26 and 2026-11-27, not verified" in err
    assert "--delivery s3 is the cheaper from about 13 GB a day on" in err


def test_a_batch_may_be_waited_for_no_second_as_in_the_template() -> None:
    assert call("estimate", "--gb-day", "5", "--batch-seconds", "0").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--route", "lambda"], "Firehose is the cheaper delivery"),
        (["--source", "alb"], "AWS delivers alb to S3 only"),
    ],
)
def test_what_holds_for_one_plan_only_is_said_of_it(words: list[str], says: str) -> None:
    assert says in call("estimate", "--gb-day", "20", *words).err
    assert says not in call("estimate", "--gb-day", "20").err


def test_several_sizes_stand_side_by_side() -> None:
    ran = call("estimate", "--gb-day", "1", "--gb-day", "20", "--gb-day", "200", "--gb-day", "20")
    lines = ran.out.splitlines()
    assert lines[0].startswith("1, 20 and 200 GB of vpc-flow a day")
    assert lines[3].split("  ")[-1].strip() == "200 GB a day"
    (row,) = [line for line in lines if line.startswith("Log delivery")]
    assert row.split()[-3:] == ["15.00", "300.00", "3,000.00"]


def test_csv_carries_each_rate_and_sums_to_the_bill() -> None:
    out = call("estimate", "--gb-day", "20", "--output", "csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    whole = json.loads(call("estimate", "--gb-day", "20", "--output", "json").out)
    assert sum(float(row["usd_month"]) for row in rows) == pytest.approx(
        whole["bills"][0]["usd_month"], abs=0.01
    )
    assert rows[0] == {
        "gb_day": "20.0",
        "line": "Log delivery, CloudWatch",
        "quantity": "600.0",
        "unit": "GB",
        "usd_each": "0.5",
        "usd_month": "300.0",
        "rate": "vended_to_cloudwatch",
        "source": "Amazon CloudWatch Pricing",
        "where": "Logs, vended logs, to CloudWatch Logs, first 10 TB a month",
        "taken": "2026-11-26",
        "verified": "False",
    }


def test_json_is_one_object_with_plan_bills_and_notes() -> None:
    words = ("--gb-day", "1", "--gb-day", "2.5", "--source", "vpc_flow", "--output", "json")
    found = json.loads(call("estimate", *words).out)
    assert list(found) == ["plan", "bills", "notes"]
    assert found["plan"] == {
        "source": "vpc-flow",
        "route": "kinesis",
        "delivery": "firehose",
        "retention_days": 14,
        "lake_days": 0,
        "queries_day": 100,
        "scan_days": 1,
        "shards": 0,
        "batch_seconds": 5,
        "preset_minutes": 0,
        "page_hours": 0,
    }
    assert [each["gb_day"] for each in found["bills"]] == [1, 2.5]
    assert list(found["bills"][0]) == ["gb_day", "usd_month", "lines", "instead"]
    assert list(found["bills"][0]["instead"][0]) == ["what", "option", "usd_month_more"]
    assert found["bills"][0]["lines"][0]["verified"] is False


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gb-day", "nan"], "not a number of GB a day: 'nan'"),
        (["--gb-day", "inf"], "not a number of GB a day: 'inf'"),
        (["--gb-day", "1_000"], "not a number of GB a day: '1_000'"),
        (["--gb-day", " 7"], "not a number of GB a day: ' 7'"),
        (["--gb-day", "1e3"], "not a number of GB a day: '1e3'"),
        (["--gb-day", "٣"], "not a number of GB a day: '٣'"),
        (["--gb-day", "9" * 400], "not a number of GB a day: '999"),
        (["--gb-day", "-3"], "-3 GB of logs a day cannot be estimated"),
        (["--gb-day", "0"], "0 GB of logs a day cannot be estimated"),
        (["--gb-day", "100000000"], "100,000,000 GB of logs a day cannot be estimated"),
        (["--gb-day", "1", "--gb-day", "x"], "not a number of GB a day: 'x'"),
        (["--gb-day", "5", "--route", "kinesys"], "did you mean kinesis?"),
        (["--gb-day", "5", "--route", "zz"], "one of kinesis, lambda, s3"),
        (["--gb-day", "5", "--delivery", "firehos"], "did you mean firehose?"),
        (["--gb-day", "5", "--source", "vpc-flw"], "did you mean vpc-flow?"),
        (["--gb-day", "5", "--output", "xml"], "there is no form 'xml'"),
        (["--gb-day", "5", "--route", "s3", "--shards", "2"], "the route s3 has no shards"),
        (["--gb-day", "900", "--shards", "1"], "shards: 1 take at most 342 GB"),
        (["--gb-day", "5", "--queries-day", "-1"], "-1 is not in the range"),
        (["--gb-day", "5", "--lake-days", "-1"], "-1 is not in the range"),
        (["--gb-day", "5", "--batch-seconds", "301"], "301 is not in the range"),
        (["--gb-day", "5", "--retention-days", "x"], "'x' is not a valid int"),
        ([], "how much comes in a day is not said"),
        (["--gb-day", "5", "--views-day", "5"], "that is said twice"),
        (["--views-day", "1e6"], "not a number of views a day: '1e6'"),
        (["--views-day", "1000000", "--source", "alb"], "views are of pages, not of alb"),
        ([f"--gb-day={n}" for n in range(1, 8)], "7 sizes are too many"),
    ],
)
def test_a_plan_that_cannot_be_ends_with_two(words: list[str], says: str) -> None:
    ran = call("estimate", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_no_size_is_written_with_an_exponent() -> None:
    for words in (
        ("--gb-day", "1000000", "--source", "waf"),
        ("--gb-day", "1", "--gb-day", "1234567.25", "--source", "waf"),
        ("--gb-day", "0.01", "--route", "s3", "--scan-days", "3653"),
    ):
        ran = call("estimate", *words)
        assert not re.findall(r"\d[eE][+-]?\d", ran.out + ran.err)
    assert "the cheaper from about 72 GB a day on" in " ".join(
        call("estimate", "--gb-day", "1000000", "--source", "waf").err.split()
    )
    assert [about(each) for each in (138.4, 24.5, 1.26, 0.0234, 999.6, 123_456)] == [
        *("140", "24", "1.3", "0.023", "1,000", "120,000"),
    ]
    assert [plain(each) for each in (1_000_000, 2.5, 0.01, 20)] == [
        "1,000,000",
        "2.5",
        "0.01",
        "20",
    ]
    assert [quantity(each) for each in (999.7, 0.00001234)] == ["1,000", "0.0000123"]


def test_a_lake_that_keeps_for_ever_is_counted_after_a_year_and_it_is_said() -> None:
    for_ever = call("estimate", "--gb-day", "20")
    year = call("estimate", "--gb-day", "20", "--lake-days", "365")
    assert "rows for ever;" in " ".join(for_ever.out.split())
    assert for_ever.out.partition("\n\n")[2] == year.out.partition("\n\n")[2]
    says = "rows that are kept for ever (LakeDays=0) are counted as after the first year; each"
    assert says in " ".join(for_ever.err.split())
    assert says not in " ".join(year.err.split())


def test_rates_that_somebody_looked_up_are_reckoned_with(tmp_path: Path) -> None:
    file = tmp_path / "frankfurt.toml"
    file.write_text("vended_to_cloudwatch = 0.6\n[kms_keys]\nusd = 2\nverified = false\n", "utf-8")
    ran = call("estimate", "--gb-day", "20", "--rates", str(file))
    (line,) = [each for each in ran.out.splitlines() if each.startswith("Log delivery")]
    assert line.split()[-2:] == ["0.60", "360.00"]
    err = " ".join(ran.err.split())
    assert "2 of 20 rates are given by --rates" in err
    assert "19 of 20 rates are assumptions" in err
    out = call("estimate", "--gb-day", "20", "--rates", str(file), "--output", "csv").out
    row = next(csv.DictReader(io.StringIO(out)))
    assert (row["usd_each"], row["where"], row["verified"]) == (
        *("0.6", f"{file}: vended_to_cloudwatch", "True"),
    )


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("kinesis_inn = 1", "", "there is no rate called 'kinesis_inn'"),
        ("kinesis_in = -1", ": kinesis_in", "not a rate: -1, "),
        ("kinesis_in = nan", ": kinesis_in", "not a rate: nan, "),
        ("kinesis_in = inf", ": kinesis_in", "not a rate: inf, "),
        ("kinesis_in = '0.08'", ": kinesis_in", "not a rate: '0.08', "),
        ("kinesis_in = true", ": kinesis_in", "not a rate: True, "),
        ("[kinesis_in]\ntaken = 2026-12-01", ": kinesis_in", "not a rate: {'taken': "),
        ("[kinesis_in]\nusd = 1\nprice = 1", ": kinesis_in", "not a rate: {'usd': 1, 'price': 1}"),
        ("[kinesis_in]\nusd = 1\nunit = 'TB'", ": kinesis_in", "the unit is GB, not TB"),
        ("[kinesis_in", "", "the rates cannot be read: "),
    ],
)
def test_rates_that_cannot_be_are_refused_with_their_place(
    tmp_path: Path, text: str, place: str, says: str
) -> None:
    file = tmp_path / "rates.toml"
    file.write_text(text, "utf-8")
    ran = call("estimate", "--gb-day", "20", "--rates", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {says}")
    assert ran.err.splitlines()[1] == f"  --rates {file}{place}"


def test_rates_that_are_not_there_are_refused(tmp_path: Path) -> None:
    ran = call("estimate", "--gb-day", "20", "--rates", str(tmp_path))
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: the rates are in no file")


def test_the_file_of_our_rates_can_be_copied_and_given(tmp_path: Path) -> None:
    file = tmp_path / "rates.toml"
    file.write_bytes(FILE.read_bytes())
    ran = call("estimate", "--gb-day", "20", "--rates", str(file))
    assert ran.out == call("estimate", "--gb-day", "20").out
    assert "19 of 20 rates are assumptions of 2026-11-26" in " ".join(ran.err.split())


def test_of_another_region_it_is_said_whose_prices_these_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    err = call("estimate", "--gb-day", "20").err
    assert "list prices of us-east-1, not of eu-central-1 (AWS_REGION), a month" in err
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert "(AWS_REGION)" not in call("estimate", "--gb-day", "20").err


def test_an_estimate_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pipeline.cli import exit_code\n"
        f"heavy = {HEAVY.split()!r}\n"
        "sys.argv = ['tailrace', 'estimate', '--gb-day', '20']\n"
        "assert exit_code() == 0\n"
        "sys.stderr.write('loaded:' + ' '.join(each for each in heavy if each in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("loaded:")


def test_figures_are_written_as_people_read_them() -> None:
    assert [quantity(each) for each in (1_925.66, 600, 2, 0.0273, 150.6)] == [
        *("1,926", "600", "2", "0.0273", "151"),
    ]
    assert [price(each) for each in (0.0000133334, 5, 0.5, 0.029)] == [
        *("0.0000133334", "5.00", "0.50", "0.029"),
    ]
    assert [money(each) for each in (0, 0.004, 0.006, 1_234.5)] == [
        *("0.00", "<0.01", "0.01", "1,234.50"),
    ]
    assert [signed(each) for each in (0.001, 2, -1_234.5)] == ["0.00", "+2.00", "\u22121,234.50"]


@pytest.mark.parametrize(("shards", "about"), [(10, "33"), (1000, "3,400"), (10_000, "34,000")])
def test_sizes_are_told_without_an_exponent(shards: int, about: str) -> None:
    ran = call("estimate", "--gb-day", "20", "--shards", f"{shards}")
    assert f"cheaper from about {about} GB a day on" in " ".join(ran.err.split())
    assert "1,000,000 GB of vpc-flow" in call("estimate", "--gb-day", "1000000").out
