"""The lines of a bill: what is counted, by which rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from pipeline.estimate import limits as at
from pipeline.estimate import ranked, shown
from pipeline.estimate.plan import FIREHOSE, KINESIS, S3, Plan
from pipeline.estimate.rates import Counted, Rate
from pipeline.estimate.volumes import Volumes, rounded, volumes
from pipeline.estimate.workload import WRITTEN


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill: so many units of what a rate charges for, in a month."""

    title: str
    quantity: float
    rate_name: str
    rate: Rate

    @property
    def usd(self) -> float:
        """USD a month."""
        return self.quantity * self.rate.usd


def lines(plan: Plan) -> list[Line]:
    """Every line of a plan's month, in the order in which a log goes through the stack."""
    return [Line(*each, plan.rates[each.rate_name]) for each in _counted(plan)]


def _counted(plan: Plan) -> list[Counted]:
    month = volumes(plan)
    return [
        *(ranked.arriving(month) if plan.is_views else _arriving(plan, month)),
        *(_streaming(plan, month) if plan.route == KINESIS else ()),
        *_working(plan, month),
        *(ranked.counting(month) if plan.is_views else ()),
        *_delivering(plan, month),
        *_kept(plan, month),
        *_compacted(month),
        *_asked(plan, month),
        *shown.asked(plan, month),
        *shown.hosted(plan),
        *_watched(plan, month),
    ]


def _arriving(plan: Plan, month: Volumes) -> Iterator[Counted]:
    """From the log's service to where the pipeline takes it, and what is kept there."""
    text, packed = month.text_bytes / at.GB, month.rows * plan.shape.gzip / at.GB
    kept = packed / at.DAYS * plan.retention_days
    if plan.route == S3:
        if plan.shape.s3:
            yield Counted("Log delivery to S3", text, plan.shape.s3)
        yield Counted("S3: log files, written", month.records / at.MILLION, "s3_writes")
        yield Counted("S3: log files, kept", kept, "s3_storage")
        return
    name = plan.shape.cloudwatch or WRITTEN
    title = "Log ingestion" if name == WRITTEN else "Log delivery"
    yield Counted(f"{title}, CloudWatch", text, name)
    yield Counted("CloudWatch Logs: log, kept", kept, "logs_storage")


def _streaming(plan: Plan, month: Volumes) -> Iterator[Counted]:
    if plan.shards:
        units = month.records * rounded(month.record_bytes, at.KINESIS_UNIT) / at.KINESIS_UNIT
        yield Counted("Kinesis: shards", plan.shards * at.HOURS, "kinesis_shard")
        yield Counted("Kinesis: records in", units / at.MILLION, "kinesis_put")
        return
    carried = month.records * rounded(month.record_bytes, at.KINESIS_STEP) / at.GB
    yield Counted("Kinesis: stream, on demand", at.HOURS, "kinesis_stream")
    yield Counted("Kinesis: records in", carried, "kinesis_in")
    yield Counted("Kinesis: records out", carried, "kinesis_out")


def _working(plan: Plan, month: Volumes) -> Iterator[Counted]:
    if plan.route == S3:
        polls = at.DAYS * at.DAY_S / at.SQS_POLL_S * at.SQS_POLLERS
        messages = month.records * at.SQS_REQUESTS_A_MESSAGE
        yield Counted("SQS: object events", (polls + messages) / at.MILLION, "sqs_requests")
        yield Counted("S3: log files, read", month.records / at.MILLION, "s3_reads")
    yield Counted("Lambda: compute", month.seconds * at.MEMORY_MB / 1024, "lambda_compute")
    yield Counted("Lambda: requests", month.invocations / at.MILLION, "lambda_requests")


def _delivering(plan: Plan, month: Volumes) -> Iterator[Counted]:
    if plan.delivery == FIREHOSE:
        billed = month.billed_bytes / at.GB
        yield Counted("Firehose: ingestion", billed, "firehose_ingestion")
        yield Counted("Firehose: to Parquet", billed, "firehose_conversion")
    written = (month.files + month.other_files) / at.MILLION
    yield Counted("S3: Parquet, written", written, "s3_writes")


def _kept(plan: Plan, month: Volumes) -> Iterator[Counted]:
    lake = month.parquet_bytes / at.DAYS * plan.counted_days
    reject = plan.shape.line * at.BASE64_RATIO + at.REJECT_BYTES
    refused = month.refused_rows * reject / at.DAYS * at.QUARANTINE_DAYS
    yield Counted("S3: landing, kept", lake / at.GB, "s3_storage")
    # Versions of days that are shown no more: the parts of a day that have closed until then.
    replaced = (24 / at.COMPACTION_HOURS + 1) / 2 * at.REPLACED_DAYS
    curated = month.curated_bytes / at.DAYS * (plan.counted_days + replaced)
    yield Counted("S3: curated, kept", curated / at.GB, "s3_storage")
    yield Counted("S3: quarantine, written", month.refused_objects / at.MILLION, "s3_writes")
    yield Counted("S3: quarantine, kept", refused / at.GB, "s3_storage")
    keyed = (plan.shards or at.ON_DEMAND_SHARDS) if plan.route == KINESIS else 0
    keyed += at.TABLES if plan.delivery == FIREHOSE else 0
    made = keyed * at.KEY_SIDES * at.DAYS * at.DAY_S / at.KEY_LIFE_S + month.refused_objects
    yield Counted("KMS: keys", at.KEYS, "kms_keys")
    yield Counted("KMS: requests", made / at.MILLION, "kms_requests")


def _compacted(month: Volumes) -> Iterator[Counted]:
    """What folds the small files of closed hours into the large ones of days.

    A day is folded once for each part of it that closes, and once more for what came late: each
    time the version before is read with what is new, a new one is written, and both are proved.
    """
    runs = 24 / at.COMPACTION_HOURS
    before, after = (runs - 1) / 2 + 1, (runs + 1) / 2 + 1
    folded = before + 1
    scanned = month.parquet_bytes * (folded + at.PROVED_SHARE * (folded + after))
    days = at.TABLES * (runs + 1) * at.DAYS
    queries = days * 2 + runs * at.DAYS * at.TABLES
    least = queries * at.ATHENA_LEAST
    yield Counted("Athena: compaction", max(scanned, least) / at.TB, "athena_scan")
    states = runs * at.DAYS * (at.STATES + at.STREAMS * at.TABLE_STATES) + days * at.DAY_STATES
    yield Counted("Step Functions: compaction", states / 1000, "state_transitions")


def _asked(plan: Plan, month: Volumes) -> Iterator[Counted]:
    queries = plan.queries_day * at.DAYS
    size = plan.shape.plain if plan.delivery == FIREHOSE else plan.shape.parquet
    scanned = month.rows / at.DAYS * plan.scan_days * size * at.SCANNED_SHARE
    # What has not closed, and half of what closes at once, lies in small files still.
    open_days = (at.CLOSED_HOURS + at.COMPACTION_HOURS / 2) / 24
    small = month.files / at.DAYS * min(plan.scan_days, open_days)
    curated = max(plan.scan_days - open_days, 0) * month.parquet_bytes / at.DAYS
    files = small + curated / at.CURATED_BYTES
    yield Counted("Athena: scans", queries * max(scanned, at.ATHENA_LEAST) / at.TB, "athena_scan")
    reads = queries * ceil(files) * at.READS_A_FILE
    yield Counted("S3: read by Athena", reads / at.MILLION, "s3_reads")


def _watched(plan: Plan, month: Volumes) -> Iterator[Counted]:
    yield Counted("CloudWatch: metrics", len(at.METRICS), "metrics")
    alarms = at.ALARMS + (at.VIEW_ALARMS if plan.is_views else at.ROUTE_ALARMS.get(plan.route, 0))
    alarms += at.STREAMS * at.STREAM_ALARMS if plan.delivery == FIREHOSE else 0
    yield Counted("CloudWatch: alarms", alarms, "alarms")
    yield Counted("CloudWatch: dashboard", at.DASHBOARDS, "dashboards")
    told = month.invocations * at.OWN_LOG_BYTES / at.GB
    yield Counted("CloudWatch Logs: own log", told, "logs_ingestion")
    kept = told / at.DAYS * at.OWN_LOG_DAYS
    yield Counted("CloudWatch Logs: own, kept", kept, "logs_storage")
