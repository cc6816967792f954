"""What a backfill costs: before it is begun by what is there, behind it by what was done."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.estimate import limits as at
from pipeline.estimate.lines import Line
from pipeline.estimate.plan import FIREHOSE
from pipeline.estimate.rates import Counted, Rates, rates
from pipeline.estimate.workload import SHAPES

# States of an execution that takes nothing, and of a batch that is taken at one go.
STATES, BATCH_STATES = 10, 4
# Lists, notes and what is asked of the quarantine, for each object or page of records.
S3_CALLS = 3


@dataclass(frozen=True, slots=True)
class Work:
    """What is brought in once more.

    stored_bytes  as objects or records hold it, gzipped
    reads         objects, or records
    batches       states of the machine that take them
    on_demand     records of a stream whose bytes are charged when they are read
    """

    source: str
    delivery: str
    stored_bytes: float
    reads: int
    batches: int
    on_demand: bool = False

    @property
    def rows(self) -> float:
        """Rows that so many bytes are, as far as the source's lines pack as those measured do."""
        return self.stored_bytes / SHAPES[self.source].gzip

    @property
    def seconds(self) -> float:
        """Seconds for which the function runs: at work, and waiting for its calls."""
        shape, packed = SHAPES[self.source], self.delivery == FIREHOSE
        work = self.rows * shape.cpu_us * (at.JSON_CPU_RATIO if packed else 1) / at.MILLION
        calls = self.rows * shape.json / at.FIREHOSE_CALL if packed else self.reads
        return work + (calls + self.reads * at.TABLES_WRITTEN) * at.CALL_S


def reckoned(
    work: Work,
    rows: float | None = None,
    seconds: float | None = None,
    charged: Rates | None = None,
) -> list[Line]:
    """The lines of its bill; rows and seconds as they were, where that is known."""
    found = charged or rates()
    made = _counted(work, work.rows if rows is None else rows, seconds or work.seconds)
    return [Line(*each, found[each.rate_name]) for each in made]


def _counted(work: Work, rows: float, seconds: float) -> Iterator[Counted]:
    yield Counted("Lambda: compute", seconds * at.MEMORY_MB / 1024, "lambda_compute")
    yield Counted("Lambda: requests", work.batches / at.MILLION, "lambda_requests")
    states = STATES + work.batches * BATCH_STATES
    yield Counted("Step Functions: states", states / 1000, "state_transitions")
    if work.on_demand:
        yield Counted("Kinesis: records out", work.stored_bytes / at.GB, "kinesis_out")
    yield Counted("S3: objects and notes", work.reads * S3_CALLS / at.MILLION, "s3_writes")
    if work.delivery == FIREHOSE:
        billed = rows * SHAPES[work.source].json / at.GB
        yield Counted("Firehose: ingestion", billed, "firehose_ingestion")
        yield Counted("Firehose: to Parquet", billed, "firehose_conversion")
