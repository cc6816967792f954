"""The product's own path as cases of the benchmark."""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.base import V2
from bench.corpus import Corpus
from bench.digest import Digest
from bench.measure import Case, home_after, run_command
from pipeline.batch import Context, Ports, process
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.memory import MemoryQuarantine
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Networks
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.triggers import Record

ARRIVAL_MS = 1_764_000_000_000
COLUMNS = "bytes, src_class, direction, service, protocol_name, epoch(start_time)::bigint as start"

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def cases(corpus: Corpus) -> list[Case]:
    """CloudWatch envelopes -> strict, enriched Parquet files with record ids, batch by batch."""
    run = _Etl(corpus.columns)
    return [
        Case(
            "tailrace: envelopes to Parquet",
            len(corpus.lines),
            lambda: [run(payloads) for payloads in corpus.invocations],
            lambda: run.digest(corpus.invocations[0]),
        )
    ]


def commands(corpus: Corpus, file: Path) -> list[Case]:
    """The whole command over a file of plain lines: log, Parquet, catalogue and ledger."""
    tailrace = str(Path(sys.executable).parent / "tailrace")
    declared = [] if corpus.columns == V2 else ["--format", " ".join(corpus.columns)]
    argv = [tailrace, "ingest", "vpc-flow", str(file), *declared]

    def digest() -> Digest:
        with home_after(argv) as home:
            return _digest(home / "lake" / "landing" / "vpc_flow")

    return [
        Case(
            "tailrace ingest, whole command", len(corpus.lines), partial(run_command, argv), digest
        )
    ]


class _Etl:
    """What a function does for one invocation, with a folder for the sink."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.source = find("vpc-flow")
        # One folder for all invocations: names depend on the records, so each overwrites the last.
        self.folder = tempfile.TemporaryDirectory()
        formats = Formats() if columns == V2 else Formats(otherwise=(" ".join(columns),))
        self.context = Context(Lookups(Networks.of()), Limits(), formats)

    def __call__(self, payloads: list[str]) -> None:
        self._process(payloads, Path(self.folder.name))

    def digest(self, payloads: list[str]) -> Digest:
        """What the Parquet files of one invocation say."""
        with tempfile.TemporaryDirectory() as folder:
            self._process(payloads, Path(folder))
            return _digest(Path(folder) / "landing" / "vpc_flow")

    def _process(self, payloads: list[str], folder: Path) -> None:
        records = [
            Record(payload.encode(), str(at), ARRIVAL_MS, f"bench/{at}", base64=True)
            for at, payload in enumerate(payloads)
        ]
        ports = Ports(LakeSink(folder), MemoryQuarantine())
        process(records, self.source, ports, self.context, ARRIVAL_MS)


def _digest(folder: Path) -> Digest:
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"select {COLUMNS} from read_parquet('{folder}/**/*.parquet')"  # noqa: S608 - own folder
        ).to_arrow_table()
    return Digest.of(rows.to_pylist())
