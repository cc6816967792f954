"""A month's bill: small cases reckoned by hand, and what must hold for every plan."""

from dataclasses import replace
from itertools import pairwise, product

import pytest

from pipeline.estimate import DELIVERIES, ROUTES, Plan, bill, levers, rates, turning_point
from pipeline.estimate.limits import FIREHOSE_RECORD, FIREHOSE_STEP
from pipeline.estimate.volumes import packed_bytes, shards_for, volumes
from pipeline.estimate.workload import SHAPES

SIZES = (0.01, 0.02, 0.1, 0.5, 1, 3, 10, 20, 50, 200, 1_000, 10_000, 1_000_000)
WAYS = list(product(ROUTES, DELIVERIES))
# Of page views there is one way in.
LOGS = [source for source in SHAPES if source != "page-view"]


def usd(plan: Plan) -> dict[str, float]:
    """USD of each line by its title, to the hundredth of a cent."""
    return {line.title: round(line.usd, 4) for line in bill(plan).lines}


def test_a_gigabyte_a_day_through_kinesis_and_firehose_is_as_reckoned_by_hand() -> None:
    # 30 GB of 114.1 bytes are 262,927,258 rows in 455,680 records of 577; gzipped 7.5723 GB.
    assert usd(Plan(1)) == {
        "Log delivery, CloudWatch": 15.0,  # 30 GB at 0.50
        "CloudWatch Logs: log, kept": 0.106,  # 14 days of it: 3.5337 GB-months at 0.03
        "Kinesis: stream, on demand": 28.8,  # 720 hours at 0.04
        "Kinesis: records in": 0.6346,  # 455,680 of 16,618 bytes, each as 17,408, at 0.08 a GB
        "Kinesis: records out": 0.3173,
        # 1,479.0 s of work and 455,680 times 0.1 s of waiting, 1,769 MB
        "Lambda: compute": 1.0837,
        "Lambda: requests": 0.0911,  # one a record: fewer than windows of 5 s in 4 shards
        # 355,374 bytes of JSON an invocation as 358,400, a row of batch as 5,120; 26,293 rejects
        "Firehose: ingestion": 4.8077,
        "Firehose: to Parquet": 2.9841,
        "S3: Parquet, written": 0.5635,  # two tables, a file a minute; 26,293 of rejects
        "S3: landing, kept": 2.6819,  # 116.603 GB at 0.023
        # 263.114 MB a day, for a year and as two and a half versions of a day for 8 days: 101.3 GB
        "S3: curated, kept": 2.3299,
        "S3: quarantine, written": 0.1315,
        "S3: quarantine, kept": 0.0005,
        "KMS: keys": 2.0,
        "KMS: requests": 0.4418,  # 4 shards, 3 streams, 2 sides, 5 minutes; each refused object
        "Athena: compaction": 0.2683,  # 9.5838 GB, 5.6 times: four parts of a day, and what is late
        "Step Functions: compaction": 0.2843,  # 120 times 76 states, 450 days of tables with 5
        "Athena: scans": 1.1006,  # 3,000 of 73.37 MB
        "S3: read by Athena": 1.4424,  # 3,000 times 600 files of ten hours and one of a day, twice
        "CloudWatch: metrics": 2.1,
        "CloudWatch: alarms": 4.5,  # 12, 5 of the stream's, 28 of Firehose's
        "CloudWatch: dashboard": 3.0,
        "CloudWatch Logs: own log": 0.4557,
        "CloudWatch Logs: own, kept": 0.0128,
    }
    assert bill(Plan(1)).usd == pytest.approx(75.138, abs=0.001)


def test_twenty_gigabytes_by_s3_alone_are_as_reckoned_by_hand() -> None:
    # 600 GB are 5,258,545,136 rows in 8,640 files, one in five minutes; gzipped 151.446 GB.
    found = usd(Plan(20, route="s3", delivery="s3"))
    assert found["Log delivery to S3"] == 150.0  # 600 GB at 0.25
    assert found["S3: log files, written"] == 0.0432
    assert found["S3: log files, kept"] == 1.6255
    assert found["SQS: object events"] == 0.2661  # 648,000 polls and 17,280 for messages
    assert found["S3: log files, read"] == 0.0035
    assert found["Lambda: compute"] == 0.3227  # 13,146.4 s of work and 864 of waiting
    assert found["S3: Parquet, written"] == 0.1296  # 8,640 files of each of three tables
    assert not [title for title in found if title.startswith(("Kinesis", "Firehose"))]


def test_shards_of_our_own_are_paid_by_the_hour_and_by_units_of_25_kb() -> None:
    found = usd(Plan(1, shards=2))
    assert found["Kinesis: shards"] == 21.6  # 1,440 hours at 0.015
    assert found["Kinesis: records in"] == 0.0064  # 455,680 units at 0.014 a million
    assert "Kinesis: stream, on demand" not in found


def test_a_record_is_billed_in_steps_of_five_kilobytes() -> None:
    assert FIREHOSE_RECORD == 200 * FIREHOSE_STEP
    assert packed_bytes(1) == 5_120
    assert packed_bytes(5_120) == 5_120
    assert packed_bytes(5_121) == 10_240
    assert packed_bytes(1_024_000) == 1_024_000
    assert packed_bytes(1_024_001) == 1_029_120


def test_a_row_a_record_is_billed_at_five_kilobytes_each() -> None:
    (lever,) = [each for each in levers(Plan(1)) if each.name.startswith("one row a record")]
    # (262,927,258 rows + 455,680 of batch + 26,293 rejects) x 5,120 B - 165.78 GB, at 0.047 a GB
    assert lever.usd == pytest.approx(55.59, abs=0.01)


@pytest.mark.parametrize(
    ("source", "route", "delivery"),
    [
        *((source, *way) for source in LOGS for way in WAYS),
        *(("page-view", "kinesis", delivery) for delivery in DELIVERIES),
    ],
)
def test_more_logs_never_cost_less(source: str, route: str, delivery: str) -> None:
    plans = [Plan(gb, source, route, delivery) for gb in SIZES]
    for less, more in pairwise(map(bill, plans)):
        assert less.usd < more.usd
        for one, other in zip(less.lines, more.lines, strict=True):
            assert one.usd <= other.usd * (1 + 1e-9), one.title


@pytest.mark.parametrize("change", ["retention_days", "lake_days", "queries_day", "scan_days"])
def test_keeping_and_asking_more_costs_more(change: str) -> None:
    plan = Plan(5)
    assert bill(plan).usd < bill(replace(plan, **{change: 2_000})).usd


def test_every_rate_is_used_and_every_line_has_one() -> None:
    plans = [Plan(1, source, *way) for source in LOGS for way in WAYS]
    plans += [Plan(1, shards=1), Plan(1, "page-view"), Plan(1, page_hours=1)]
    used = {line.rate_name for plan in plans for line in bill(plan).lines}
    assert used == set(rates())


@pytest.mark.parametrize(("route", "delivery"), WAYS)
def test_a_plan_has_the_lines_of_its_route_and_delivery(route: str, delivery: str) -> None:
    titles = [line.title for line in bill(Plan(1, route=route, delivery=delivery)).lines]
    assert len(set(titles)) == len(titles)
    for start, wanted in (
        ("Kinesis", route == "kinesis"),
        ("SQS", route == "s3"),
        ("Log delivery, CloudWatch", route != "s3"),
        ("CloudWatch Logs: log, kept", route != "s3"),
        ("Log delivery to S3", route == "s3"),
        ("Firehose", delivery == "firehose"),
        ("Athena", True),
        ("KMS", True),
    ):
        assert any(title.startswith(start) for title in titles) is wanted, start


@pytest.mark.parametrize(("route", "delivery"), WAYS)
def test_a_lever_is_the_difference_to_the_plan_that_its_option_gives(
    route: str, delivery: str
) -> None:
    plan = Plan(20, route=route, delivery=delivery)
    tried = 0
    for lever in levers(plan):
        if lever.option:
            name, word = lever.option.removeprefix("--").split()
            change = {name.replace("-", "_"): int(word) if word.isdigit() else word}
            other = replace(plan, **change)
            assert lever.usd == pytest.approx(bill(other).usd - bill(plan).usd)
            tried += 1
    assert tried == (5 if route == "kinesis" else 3)


def test_flow_logs_to_s3_cost_half_of_those_to_cloudwatch() -> None:
    assert usd(Plan(4))["Log delivery, CloudWatch"] == 60.0
    assert usd(Plan(4, route="s3"))["Log delivery to S3"] == 30.0


def test_who_charges_nothing_for_delivery_to_s3_has_no_such_line() -> None:
    assert "Log delivery to S3" not in usd(Plan(4, "alb", route="s3"))


def test_a_question_is_billed_for_ten_megabytes_at_least() -> None:
    # 3,000 x 10 MB at 5 USD a TB: a hundredth of a gigabyte a day has less to read.
    assert usd(Plan(0.01))["Athena: scans"] == 0.15


def test_the_turning_point_lies_between_the_two_deliveries() -> None:
    turn = turning_point(Plan(1))
    assert turn == pytest.approx(12.85, abs=0.1)
    for gb, cheaper in ((turn * 0.9, "firehose"), (turn * 1.1, "s3")):
        costs = {way: bill(Plan(gb, delivery=way)).usd for way in DELIVERIES}
        assert min(costs, key=costs.__getitem__) == cheaper
    assert turning_point(Plan(1, route="lambda")) == float("inf")


def test_the_turning_point_asks_no_more_of_shards_than_they_take() -> None:
    assert 0 < turning_point(Plan(1, shards=1)) < Plan(1, shards=1).most_gb


def test_longer_batches_make_fewer_and_larger_files() -> None:
    short, long = (Plan(20, delivery="s3", batch_seconds=seconds) for seconds in (5, 60))
    assert (volumes(short).invocations, volumes(long).invocations) == (2_073_600, 172_800)
    assert usd(short)["S3: Parquet, written"] == 23.3653  # two files each, and 525,855 of rejects
    assert usd(long)["S3: Parquet, written"] == 2.592  # three files each


def test_what_is_not_waited_for_is_looked_for_once_a_second() -> None:
    at_once, second = (Plan(20, batch_seconds=seconds) for seconds in (0, 1))
    assert volumes(at_once).invocations == volumes(second).invocations


def test_shards_bear_three_times_the_mean() -> None:
    month = 30 * 86_400 * 1_000_000
    assert [shards_for(month / 4), shards_for(month), shards_for(2 * month)] == [1, 3, 6]


def test_no_invocation_is_larger_than_a_request_may_be() -> None:
    for gb in SIZES:
        month = volumes(Plan(gb))
        assert month.rows * 28.8 * 4 / 3 / month.invocations <= 6 << 20
