"""What the page costs on AWS: what is asked on schedule, and its own address where it has one.

A query is reckoned with what happened in its window, as `--scan-days` is; each is billed as 10 MB
where it reads less, and small stacks pay for nothing else.
"""

from collections.abc import Iterator

from pipeline.estimate import limits as at
from pipeline.estimate.plan import FIREHOSE, Plan
from pipeline.estimate.rates import Counted
from pipeline.estimate.volumes import Volumes
from pipeline.presets import RANGES, presets

# By what begins the name of a source: which presets read its table. The others read what the
# pipeline tells of itself, which is small.
FLOWS = ("traffic_over_time", "top_pairs", "rejected_ports", "rejected_sources", "top_talkers")
READ_BY = {"vpc-flow": FLOWS, "page-view": ("top_pages",)}
WEB = ("web_errors",)
LOGS = ("app-log", "waf", "tgw-flow")
# A viewer asks health and ranking every 5 s, and nine queries every 30 s.
REQUESTS_AN_HOUR = 3600 // 5 * 2 + 3600 // 30 * 9
# Until Athena has answered one of five, of which a function waits for at once; answering a viewer.
QUERY_S, AT_ONCE, ANSWER_S = 4.0, 5, 0.02
PRESETS_MB = 1024


def asked(plan: Plan, month: Volumes) -> Iterator[Counted]:
    """What is asked on schedule, where it is."""
    if not plan.preset_minutes:
        return
    size = plan.shape.plain if plan.delivery == FIREHOSE else plan.shape.parquet
    day_bytes = month.rows / at.DAYS * size * at.SCANNED_SHARE
    reading, scanned, queries = _reading(plan.source), 0.0, 0.0
    for each in presets():
        often = at.DAYS * at.DAY_S / 60 / RANGES[each.range].minutes(plan.preset_minutes)
        read = day_bytes * each.seconds / at.DAY_S if each.name in reading else 0
        scanned += often * max(read, at.ATHENA_LEAST)
        queries += often
    yield Counted("Athena: presets of the page", scanned / at.TB, "athena_scan")
    seconds = queries * QUERY_S / AT_ONCE * PRESETS_MB / 1024
    yield Counted("Lambda: presets", seconds, "lambda_compute")
    yield Counted("S3: presets, written", queries / at.MILLION, "s3_writes")


def hosted(plan: Plan) -> Iterator[Counted]:
    """Viewers at the page's own address, where it has one."""
    requests = plan.page_hours * at.DAYS * REQUESTS_AN_HOUR
    if not requests:
        return
    yield Counted("API Gateway: page", requests / at.MILLION, "http_api_requests")
    yield Counted("Lambda: page, requests", requests / at.MILLION, "lambda_requests")
    seconds = requests * ANSWER_S * at.MEMORY_MB / 1024
    yield Counted("Lambda: page", seconds, "lambda_compute")


def _reading(source: str) -> tuple[str, ...]:
    found = next((names for begin, names in READ_BY.items() if source.startswith(begin)), None)
    if found is not None:
        return found
    return () if source in LOGS else WEB
