"""What is to be estimated: how much of which log, by which way, kept and asked for how long."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from pipeline.errors import UsageError
from pipeline.estimate.limits import BATCH_WINDOW_S, DAY_S, GB, SHARD_BYTES_S, VIEW_RATIO
from pipeline.estimate.rates import Rates
from pipeline.estimate.rates import rates as list_prices
from pipeline.estimate.workload import SHAPES, Shape

KINESIS, LAMBDA, S3, FIREHOSE = "kinesis", "lambda", "s3", "firehose"
ROUTES = (KINESIS, LAMBDA, S3)
DELIVERIES = (FIREHOSE, S3)
# What API Gateway brings, and not a log's own service.
VIEWS = "page-view"
# What the template's RankLogs counts.
RANKED = frozenset(
    {"vpc-flow", "vpc-flow-wide", "alb", "cloudfront", "api-gateway", "s3-access", "http-access"}
)
# Ten megabytes a day are some flows a second; a petabyte is more than any one account writes.
LEAST_GB, MOST_GB = 0.01, 1_000_000
# A lake that keeps its rows for ever is reckoned with those of so many days.
YEAR = 365


def gb_of_views(views: float) -> float:
    """GB (10^9 bytes) of so many page views."""
    return views * SHAPES[VIEWS].line / GB


@dataclass(frozen=True, slots=True)
class Plan:
    """The stack and its traffic.

    gb_day          text of the lines, in GB (10^9 bytes) a day
    route           kinesis, lambda or s3, as the template's LogRoute
    delivery        firehose or s3, as the template's Delivery
    retention_days  how long CloudWatch Logs keeps the log (S3 its files, where they go there)
    lake_days       how long the lake keeps its rows, the template's LakeDays; 0: for ever, which is
                    reckoned as after a year
    queries_day     questions to Athena a day, each over `scan_days` days of the log
    shards          of a provisioned stream, the template's Shards; 0: on demand
    batch_seconds   how long Lambda waits for more records of a shard, the template's BatchSeconds
    preset_minutes  how often the page's presets are asked, the template's PresetMinutes; 0: never
    page_hours      hours a day that somebody looks at the page at its own address, all together
    rates           what AWS charges

    Raises UsageError for what cannot be.
    """

    gb_day: float
    source: str = "vpc-flow"
    route: str = KINESIS
    delivery: str = FIREHOSE
    retention_days: int = 14
    lake_days: int = 0
    queries_day: int = 100
    scan_days: float = 1
    shards: int = 0
    batch_seconds: int = BATCH_WINDOW_S
    preset_minutes: int = 0
    page_hours: int = 0
    rates: Rates = field(default_factory=list_prices, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not LEAST_GB <= self.gb_day <= MOST_GB:  # nor when it is no number
            raise UsageError(
                f"{self.gb_day:,.15g} GB of logs a day cannot be estimated",
                "--gb-day",
                f"from {LEAST_GB} to {MOST_GB:,}",
            )
        check_word(self.route, ROUTES, "--route", "route")
        check_word(self.delivery, DELIVERIES, "--delivery", "delivery")
        check_word(self.source, tuple(SHAPES), "--source", "source")
        if self.is_views and (self.route != KINESIS or self.shards):
            option = "--shards" if self.route == KINESIS else "--route"
            what = "page views come by API Gateway, into a stream on demand of their own"
            raise UsageError(what, option, "leave it out")
        if self.shards and self.route != KINESIS:
            fix = "leave it out, or --route kinesis"
            raise UsageError(f"the route {self.route} has no shards", "--shards", fix)
        if self.gb_day > self.most_gb:
            raise UsageError(
                f"shards: {self.shards} take at most {self.most_gb:,.0f} GB of {self.source} a day",
                "--shards",
                "give more, or leave it out: on demand",
            )

    @property
    def shape(self) -> Shape:
        """The sizes of its lines."""
        return SHAPES[self.source]

    @property
    def is_views(self) -> bool:
        """Whether it is of page views."""
        return self.source == VIEWS

    @property
    def is_ranked(self) -> bool:
        """Whether what is hot in its log can be counted as it comes in."""
        return self.route == KINESIS and self.source in RANKED

    @property
    def carried(self) -> float:
        """Bytes of a line as the stream carries it."""
        return self.shape.line * VIEW_RATIO if self.is_views else self.shape.gzip

    @property
    def counted_days(self) -> int:
        """Days of rows that the lake is reckoned with."""
        return self.lake_days or YEAR

    @property
    def most_gb(self) -> float:
        """GB a day that its shards take, if they come evenly; on demand as much as there is."""
        if not self.shards:
            return MOST_GB
        packed = self.shards * SHARD_BYTES_S * DAY_S
        return packed * self.shape.line / self.shape.gzip / GB


def check_word(word: str, known: Sequence[str], option: str, noun: str) -> None:
    """Raise UsageError, with the nearest one, for a word that is none of the known."""
    if word in known:
        return
    near = get_close_matches(word, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise UsageError(f"there is no {noun} called {word!r}", option, hint)
