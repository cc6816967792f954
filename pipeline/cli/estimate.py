"""tailrace estimate: what the stack on AWS costs in a month."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.output import say
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.estimate import Plan

FORMS = ("table", "csv", "json")
# Neither "1_000" nor "1e3", "inf" or another script's digits.
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
MOST_SIZES = 6
USUAL = "vpc-flow"

GbDay = Annotated[
    list[str] | None,
    typer.Option(
        "--gb-day", metavar="GB", help="GB (10^9 bytes) of log text a day; repeat it to compare."
    ),
]
ViewsDay = Annotated[
    list[str] | None,
    typer.Option(
        "--views-day", metavar="N", help="Page views a day, in the place of GB; with their prices."
    ),
]
Route = Annotated[
    str,
    typer.Option(
        "--route",
        metavar="R",
        help="kinesis (subscription), lambda (straight to the function) or s3 (logs in S3).",
    ),
]
Delivery = Annotated[
    str,
    typer.Option("--delivery", metavar="D", help="firehose, or s3: Parquet written by us."),
]
SourceName = Annotated[
    str,
    typer.Option(
        "--source",
        metavar="SOURCE",
        help="Which log, as for ingest; or vpc-flow-wide: flow logs of the stack's 27 fields.",
    ),
]
Retention = Annotated[
    int,
    typer.Option(
        "--retention-days",
        metavar="N",
        min=1,
        max=3_653,
        help="Days that CloudWatch (or S3) keeps the log.",
    ),
]
LakeDays = Annotated[
    int,
    typer.Option(
        "--lake-days", metavar="N", min=0, max=3_653, help="Days that the lake keeps; 0: for ever."
    ),
]
Queries = Annotated[
    int,
    typer.Option(
        "--queries-day", metavar="N", min=0, max=1_000_000, help="Questions to Athena a day."
    ),
]
ScanDays = Annotated[
    int,
    typer.Option(
        "--scan-days", metavar="N", min=1, max=3_653, help="Days of the log that each reads."
    ),
]
Shards = Annotated[
    int,
    typer.Option(
        "--shards", metavar="N", min=0, max=10_000, help="Shards of Kinesis; 0: on demand."
    ),
]
BatchSeconds = Annotated[
    int,
    typer.Option(
        "--batch-seconds",
        metavar="N",
        min=0,
        max=300,
        help="How long Lambda waits for more records of a shard.",
    ),
]
PresetMinutes = Annotated[
    int,
    typer.Option(
        "--preset-minutes",
        metavar="N",
        min=0,
        max=1_440,
        help="How often the page's queries are asked on schedule; 0: never.",
    ),
]
PageHours = Annotated[
    int,
    typer.Option(
        "--page-hours",
        metavar="N",
        min=0,
        max=100_000,
        help="Hours a day at the page's own address, of all who look; 0: it has none.",
    ),
]
RatesFile = Annotated[
    Path | None,
    typer.Option(
        "--rates",
        metavar="FILE",
        help="Rates that you looked up, in TOML: kinesis_in = 0.088; names: --output csv.",
    ),
]
Form = Annotated[str, typer.Option("--output", metavar="FORM", help="table, csv or json.")]


def estimate(
    gb_day: GbDay = None,
    views_day: ViewsDay = None,
    route: Route = "kinesis",
    delivery: Delivery = "firehose",
    source: SourceName = USUAL,
    retention_days: Retention = 14,
    lake_days: LakeDays = 0,
    queries_day: Queries = 100,
    scan_days: ScanDays = 1,
    shards: Shards = 0,
    batch_seconds: BatchSeconds = 5,
    preset_minutes: PresetMinutes = 0,
    page_hours: PageHours = 0,
    rates_file: RatesFile = None,
    output: Form = "table",
) -> None:
    """What the stack on AWS costs in a month of 30 days, before it is deployed, in USD.

    Line by line, and what else could be done, with its price. List prices of us-east-1 without
    free tiers, until --rates gives others; csv and json carry each rate's name, source and date,
    and whether it was verified.

    \b
    tailrace estimate --gb-day 20
    tailrace estimate --gb-day 1 --gb-day 20 --gb-day 200 --route s3 --delivery s3
    tailrace estimate --gb-day 5 --source waf --queries-day 500 --scan-days 7
    tailrace estimate --views-day 1000000
    tailrace estimate --gb-day 20 --preset-minutes 15
    tailrace estimate --gb-day 20 --output csv > estimate.csv
    tailrace estimate --gb-day 20 --rates eu-central-1.toml
    """
    from pipeline.cli import bills, streams
    from pipeline.estimate import Plan, given, rates
    from pipeline.settings import aws_region

    if output not in FORMS:
        raise UsageError(f"there is no form {output!r}", "--output", f"one of {', '.join(FORMS)}")
    source, sizes = _sizes(source.replace("_", "-"), gb_day or [], views_day or [])
    charged = given(rates_file) if rates_file else rates()
    kept = (retention_days, lake_days, queries_day, scan_days)
    plans = [
        Plan(
            size,
            source,
            route,
            delivery,
            *kept,
            shards,
            batch_seconds,
            preset_minutes,
            page_hours,
            charged,
        )
        for size in sizes
    ]
    region = aws_region() or ""
    if output == "table":
        sys.stdout.write(bills.as_table(plans, streams.width()))
    else:
        streams.as_data(sys.stdout)
        sys.stdout.write(bills.as_csv(plans) if output == "csv" else bills.as_json(plans, region))
    sys.stdout.flush()
    say(("\n" if output == "table" else "") + _beneath(plans, region))


def _sizes(source: str, gb: Sequence[str], views: Sequence[str]) -> tuple[str, list[float]]:
    """Which log, and GB a day of it, each once.

    Raises UsageError for what is no such number, and unless one of the two is given.
    """
    from pipeline.estimate import VIEWS, gb_of_views

    if bool(gb) == bool(views):
        what = "how much comes in a day is not said" if not gb else "that is said twice"
        raise UsageError(what, "", "give --gb-day 20, or for page views --views-day 1000000")
    if gb:
        return source, _numbers("--gb-day", "GB", gb)
    if source not in (USUAL, VIEWS):
        raise UsageError(
            f"views are of pages, not of {source}", "--views-day", "leave --source out"
        )
    return VIEWS, [gb_of_views(each) for each in _numbers("--views-day", "views", views)]


def _numbers(option: str, of: str, given: Sequence[str]) -> list[float]:
    for text in given:
        if not NUMBER.fullmatch(text):
            fix = f"write it as {option} 20 or {option} 0.5"
            raise UsageError(f"not a number of {of} a day: {text!r}", option, fix)
    numbers = list(dict.fromkeys(map(float, given)))
    if len(numbers) > MOST_SIZES:
        raise UsageError(f"{len(numbers)} sizes are too many", option, f"at most {MOST_SIZES}")
    return numbers


def _beneath(plans: Sequence["Plan"], region: str) -> str:
    from pipeline.cli import bills, streams

    return bills.wrapped(bills.notes(plans[0], region), streams.width(sys.stderr))
