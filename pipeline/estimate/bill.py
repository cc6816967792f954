"""A month's bill of a plan, and what would make it smaller or larger."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, sqrt

from pipeline.estimate import limits as at
from pipeline.estimate import ranked
from pipeline.estimate.lines import Line, lines
from pipeline.estimate.plan import (
    DELIVERIES,
    FIREHOSE,
    KINESIS,
    LAMBDA,
    LEAST_GB,
    MOST_GB,
    ROUTES,
    S3,
    YEAR,
    Plan,
)
from pipeline.estimate.volumes import rounded, shards_for, volumes

WAYS = {
    KINESIS: "through Kinesis",
    LAMBDA: "straight to the function",
    S3: "logs to S3, not CloudWatch",
}
CARRIERS = {FIREHOSE: "rows through Firehose", S3: "Parquet written by us"}
PANEL_QUERIES_DAY = 24 * 60
LONG_BATCH_S = 60
# How the turning point is looked for: downwards in such steps, then by halves.
STEP, BISECTIONS = 1.5, 20


@dataclass(frozen=True, slots=True)
class Lever:
    """Something else that could be done, and what a month would then cost more (or less).

    option  of `tailrace estimate`, by which it becomes the plan; "" where none does
    """

    name: str
    option: str
    usd: float


@dataclass(frozen=True, slots=True)
class Bill:
    """What a plan costs in a month of thirty days, in USD."""

    plan: Plan
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(line.usd for line in self.lines)


def bill(plan: Plan) -> Bill:
    """The bill of a plan."""
    return Bill(plan, tuple(lines(plan)))


def levers(plan: Plan) -> list[Lever]:
    """What else could be done, with its price: other routes, the other delivery, no packing."""
    usual = bill(plan).usd
    return [
        *(Lever(name, option, bill(other).usd - usual) for name, option, other in _others(plan)),
        *_unpacked(plan),
        *_ranked(plan),
        Lever("a panel that asks Athena every minute", "", _panel_usd(plan)),
    ]


def _others(plan: Plan) -> Iterator[tuple[str, str, Plan]]:
    for route in () if plan.is_views else ROUTES:
        if route != plan.route:
            yield WAYS[route], f"--route {route}", replace(plan, route=route, shards=0)
    for delivery in DELIVERIES:
        if delivery != plan.delivery:
            yield CARRIERS[delivery], f"--delivery {delivery}", replace(plan, delivery=delivery)
    if plan.shards:
        yield "Kinesis on demand", "--shards 0", replace(plan, shards=0)
    elif plan.route == KINESIS and not plan.is_views:
        month = volumes(plan)
        shards = shards_for(month.rows * plan.shape.gzip)
        yield "Kinesis with enough shards", f"--shards {shards}", replace(plan, shards=shards)
    if plan.route == KINESIS and plan.batch_seconds < LONG_BATCH_S:
        rare = replace(plan, batch_seconds=LONG_BATCH_S)
        yield "batches waited for a minute", f"--batch-seconds {LONG_BATCH_S}", rare


def _unpacked(plan: Plan) -> Iterator[Lever]:
    """What it would cost to put each row as a record of its own."""
    if plan.delivery != FIREHOSE:
        return
    month = volumes(plan)
    single = month.rows * rounded(plan.shape.json, at.FIREHOSE_STEP)
    single += (month.records + month.refused_rows) * at.FIREHOSE_STEP
    usd = plan.rates["firehose_ingestion"].usd + plan.rates["firehose_conversion"].usd
    more = (single - month.billed_bytes) / at.GB * usd
    yield Lever("one row a record, not packed for Firehose", "", more)


def _ranked(plan: Plan) -> Iterator[Lever]:
    """What a page costs that is always open and shows the ranking."""
    if plan.is_views:
        asked = ranked.asking(at.DAYS * at.DAY_S)
        usd = sum(each.quantity * plan.rates[each.rate_name].usd for each in asked)
        yield Lever("a page that asks for the ranking every second", "", usd)


def _panel_usd(plan: Plan) -> float:
    """A panel over the last hour, which is billed as 10 MB where it is less."""
    none = bill(replace(plan, queries_day=0)).usd
    return bill(replace(plan, queries_day=PANEL_QUERIES_DAY, scan_days=1 / 24)).usd - none


def further_year_usd(plan: Plan) -> float:
    """What a month costs more with each year for which a lake that keeps for ever has stood."""
    if plan.lake_days:
        return 0
    return bill(replace(plan, lake_days=2 * YEAR)).usd - bill(plan).usd


def turning_point(plan: Plan) -> float:
    """GB a day from which on --delivery s3 always costs less than Firehose; 0: any; inf: never.

    Below, either may: fixed sums decide with next to no logs.
    """

    def gain(gb_day: float) -> float:
        each = (replace(plan, gb_day=gb_day, delivery=way) for way in (FIREHOSE, S3))
        firehose, own = (bill(other).usd for other in each)
        return firehose - own

    high = min(MOST_GB, plan.most_gb)
    if gain(high) <= 0:
        return inf
    low = high / STEP
    while gain(low) > 0:
        low, high = low / STEP, low
        if low < LEAST_GB:
            return 0
    for _ in range(BISECTIONS):
        middle = sqrt(low * high)
        low, high = (low, middle) if gain(middle) > 0 else (middle, high)
    return high
