"""What a month of a plan amounts to: rows, records, invocations, bytes, files."""

from dataclasses import dataclass
from math import ceil

from pipeline.estimate import limits as at
from pipeline.estimate.plan import FIREHOSE, KINESIS, LAMBDA, Plan
from pipeline.estimate.workload import BATCH_ROW


@dataclass(frozen=True, slots=True)
class Volumes:
    """Counts and bytes of thirty days.

    records       of the stream, each one gzipped envelope; on the route s3 the delivered files
    invocations   of the function
    batch_rows    rows of the table `batch`, one a record
    refused       objects of the quarantine
    """

    plan: Plan
    text_bytes: float
    rows: float
    records: float
    invocations: float

    @property
    def record_bytes(self) -> float:
        """Bytes of one record, as the stream carries it."""
        return self.carried_bytes / self.records

    @property
    def carried_bytes(self) -> float:
        """Bytes of all records, as the stream carries them."""
        return self.rows * self.plan.carried

    @property
    def refused_rows(self) -> float:
        """Lines that become rejects."""
        return self.rows * at.REJECTED_SHARE

    @property
    def refused_objects(self) -> float:
        """Objects of the quarantine: at most one a record."""
        return min(self.records, self.refused_rows)

    @property
    def row_bytes(self) -> float:
        """JSON of all rows of the source."""
        return self.rows * self.plan.shape.json

    @property
    def batch_bytes(self) -> float:
        """JSON of all rows of `batch`, one a record."""
        return self.records * BATCH_ROW.json

    @property
    def billed_bytes(self) -> float:
        """What Firehose counts of an invocation's rows, by table; rejects come one at a time."""
        tables = sum(
            self.invocations * packed_bytes(part / self.invocations)
            for part in (self.row_bytes, self.batch_bytes)
        )
        reject = self.plan.shape.line + at.REJECT_BYTES
        return tables + self.refused_objects * rounded(reject, at.FIREHOSE_STEP)

    @property
    def calls(self) -> float:
        """Calls of an invocation, one after the other, that bring rows to Firehose or S3."""
        each = self.row_bytes / self.invocations
        rows = ceil(each / at.FIREHOSE_CALL) if self.plan.delivery == FIREHOSE else 1
        return rows + at.TABLES_WRITTEN - 1

    @property
    def files(self) -> float:
        """Parquet files of the source's table."""
        return self._files(self.row_bytes, self.invocations)

    @property
    def other_files(self) -> float:
        """Parquet files of the tables `batch` and `reject`."""
        refusing = min(self.invocations, self.refused_objects)
        return self._files(self.batch_bytes, self.invocations) + self._files(0, refusing)

    def _files(self, json_bytes: float, writes: float) -> float:
        """One a write; Firehose gathers them for as long, or up to as many bytes, as it may."""
        if self.plan.delivery != FIREHOSE:
            return writes
        by_size = json_bytes / at.FIREHOSE_BUFFER_BYTES
        return min(writes, max(_by_time(at.FIREHOSE_BUFFER_S), by_size))

    @property
    def parquet_bytes(self) -> float:
        """What a month adds to the lake, with what every file costs by itself."""
        shape = self.plan.shape
        packed = self.plan.delivery == FIREHOSE
        rows = self.rows * (shape.plain if packed else shape.parquet)
        batch = self.records * (BATCH_ROW.plain if packed else BATCH_ROW.parquet)
        return rows + batch + (self.files + self.other_files) * at.FILE_BYTES

    @property
    def curated_bytes(self) -> float:
        """The same rows by day of event, in files as Athena writes them, few and large."""
        return self.rows * self.plan.shape.plain + self.records * BATCH_ROW.plain

    @property
    def seconds(self) -> float:
        """Seconds for which the function runs: at work, and waiting for its calls."""
        ratio = at.JSON_CPU_RATIO if self.plan.delivery == FIREHOSE else 1
        work = self.rows * self.plan.shape.cpu_us * ratio / at.MILLION
        return work + self.invocations * self.calls * at.CALL_S


def volumes(plan: Plan) -> Volumes:
    """The month of a plan."""
    text_bytes = plan.gb_day * at.GB * at.DAYS
    rows = text_bytes / plan.shape.line
    packed = rows * plan.carried
    if plan.route == KINESIS:
        records = rows if plan.is_views else rows / at.EVENTS_A_RECORD
        # Without waiting a shard is still looked into once a second.
        waited = max(1, plan.batch_seconds)
        windows = (plan.shards or on_demand_shards(packed)) * _by_time(waited)
        full = max(packed * at.BASE64_RATIO / at.INVOCATION_BYTES, records / at.BATCH_RECORDS)
        return Volumes(plan, text_bytes, rows, records, min(records, max(windows, full)))
    if plan.route == LAMBDA:
        records = rows / at.EVENTS_A_RECORD
        return Volumes(plan, text_bytes, rows, records, records)
    files = max(_by_time(at.FLOW_FILE_S), packed / at.FLOW_FILE_BYTES)
    return Volumes(plan, text_bytes, rows, files, files)


def on_demand_shards(month_bytes: float) -> int:
    """Shards that a stream on demand has for what comes at the busiest."""
    return max(at.ON_DEMAND_SHARDS, shards_for(month_bytes))


def shards_for(month_bytes: float) -> int:
    """Shards that bear the busiest seconds of a month."""
    mean = month_bytes / (at.DAYS * at.DAY_S)
    return max(1, ceil(mean * at.PEAK / at.SHARD_BYTES_S))


def packed_bytes(size: float) -> float:
    """What Firehose counts of rows in one piece: records as full as can be, and the rest."""
    full, rest = divmod(size, at.FIREHOSE_RECORD)
    whole = rounded(at.FIREHOSE_RECORD, at.FIREHOSE_STEP)
    return full * whole + rounded(rest, at.FIREHOSE_STEP)


def rounded(size: float, step: int) -> float:
    """A size as it is billed: whole steps."""
    return ceil(size / step) * step


def _by_time(every_s: int) -> float:
    """How often something happens in a month that happens every so many seconds."""
    return at.DAYS * at.DAY_S / every_s
