"""`python -m bench.view`: what it costs that a view shows each event once.

A day of flow rows is brought in, compacted by the product, and an hour more of it lands; then the
same question is asked of the view and of the bare files (repeats and all), in turns. Times are CPU
seconds of all threads, planning and opening files included; the ratio is of the same round.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from bench.base import V2
from bench.flows import flow_lines
from bench.measure import cpu_of, machine, write_json
from pipeline.batch import Context, Ports, process
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LakeFile
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Networks
from pipeline.lake import catalogue, views
from pipeline.lake.compact import compact
from pipeline.queries.catalogue import find as find_query
from pipeline.queries.dialect import macros
from pipeline.queries.dialect.bridge import translate
from pipeline.queries.window import TYPES, Window
from pipeline.reading.parsed import Formats
from pipeline.schema import DAY_MS, HOUR_MS
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.store import Store
from pipeline.triggers import Record

ROWS = 5_000_000
SEED = 20_261_125
FIRST_MS = int(datetime(2026, 11, 25, tzinfo=UTC).timestamp() * 1000)
TABLE = find("vpc-flow").table
TIMES = ("event_time", "start_time", "end_time")
LINES = 250_000
REPEATED = 0.01
FILES_AN_HOUR = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the rounds: CPU seconds over the bare files and the view, and their ratio."""

    lake: str
    window: str
    question: str
    bare_s: float
    view_s: float
    ratio: float
    low: float
    high: float
    target: float


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder and the files of one table in it, for a case."""

    name: str
    folder: Path
    files: Sequence[LakeFile]
    target: float


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a ratio is over its target."""
    parser = argparse.ArgumentParser(prog="python -m bench.view", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path("bench/out/view.json"), metavar="FILE")
    options = parser.parse_args(argv)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        for lake in lakes(Path(folder), options.rows):
            for cost in compared(lake, options.rounds):
                say(line_of(cost))
                costs.append(cost)
    report = {"machine": machine(None), "rows": options.rows, "costs": [asdict(c) for c in costs]}
    write_json(options.out, report)
    return int(any(cost.ratio > cost.target for cost in costs))


def lakes(home: Path, rows: int) -> "list[Lake]":
    """Curated alone and with fresh landing, without redeliveries and with two kinds of them."""
    rng = np.random.default_rng(SEED)
    base = template(rng)
    store = Store(home, writer=True)
    folder = home / "lake"
    writer = Writer(store, folder)
    ids = writer.day(base, rng, rows)
    say(f"{rows:,} rows landed in {len(catalogue.files_of(store, TABLE.name))} files")
    for done in compact(store, home, folder, FIRST_MS):
        say(f"compacted: {done}")
    curated = catalogue.files_of(store, TABLE.name)
    fresh = writer.hour(base, rng, rows // 24)
    late = writer.again(base, *(each[-rows // 12 :] for each in ids), int(rows * REPEATED), rng)
    spread = writer.again(base, *ids, int(rows * REPEATED), rng)
    store.close()
    return [
        Lake("curated", folder, curated, 1.5),
        Lake("curated + fresh", folder, [*curated, *fresh], 1.5),
        Lake("curated + fresh + 1 % of the last 2 h", folder, [*curated, *fresh, *late], 3.0),
        Lake("curated + fresh + 1 % of the day", folder, [*curated, *fresh, *spread], 3.0),
    ]


def template(rng: np.random.Generator) -> pa.Table:
    """Rows as the pipeline makes them, to be moved to other times and identities."""
    seen = np.sort(rng.integers(FIRST_MS // 1000, FIRST_MS // 1000 + 3_600, LINES))
    lines = flow_lines(rng, rng.integers(0, 400, LINES), seen, V2)
    sink = MemorySink()
    record = Record("".join(f"{line}\n" for line in lines).encode(), "1", FIRST_MS + DAY_MS, "b")
    context = Context(Lookups(Networks.of(())), Limits(), Formats(), ())
    process([record], find("vpc-flow"), Ports(sink, MemoryQuarantine()), context, FIRST_MS)
    return sink.rows(TABLE)


@dataclass
class Writer:
    """Brings landing files in, as the sink writes them, in order of time."""

    store: Store
    folder: Path
    seq: int = 1

    def day(
        self, base: pa.Table, rng: np.random.Generator, rows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """A day of rows; their times and ids."""
        times = np.sort(rng.integers(0, DAY_MS // 1000, rows)) * 1000 + FIRST_MS
        ids = rng.integers(-(1 << 63), 1 << 63, rows)
        for part in np.array_split(np.arange(rows), 24 * FILES_AN_HOUR):
            self.write(base, times[part], ids[part], rng)
        return times, ids

    def hour(self, base: pa.Table, rng: np.random.Generator, rows: int) -> list[LakeFile]:
        """New rows at the end of the day, not compacted."""
        times = np.sort(rng.integers(23 * 3600, 24 * 3600, rows)) * 1000 + FIRST_MS
        ids = rng.integers(-(1 << 63), 1 << 63, rows)
        parts = np.array_split(np.arange(rows), FILES_AN_HOUR)
        return [file for part in parts for file in self.write(base, times[part], ids[part], rng)]

    def again(
        self,
        base: pa.Table,
        times: np.ndarray,
        ids: np.ndarray,
        rows: int,
        rng: np.random.Generator,
    ) -> list[LakeFile]:
        """Some rows that are there already, delivered once more."""
        some = np.sort(rng.choice(len(times), rows, replace=False))
        return self.write(base, times[some], ids[some], rng)

    def write(
        self, base: pa.Table, times: np.ndarray, ids: np.ndarray, rng: np.random.Generator
    ) -> list[LakeFile]:
        rows = base.take(pa.array(rng.integers(0, len(base), len(times))))
        arrival = int(times[-1]) // HOUR_MS * HOUR_MS
        columns = {name: pa.array(times).view(pa.timestamp("ms")) for name in TIMES}
        columns["record_id"] = pa.array(ids)
        columns["ingest_time"] = pa.array(np.full(len(ids), arrival)).view(pa.timestamp("ms"))
        for name, values in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        sink = LakeSink(self.folder)
        sink.write(TABLE, rows.cast(TABLE.arrow_schema), [Record(b"", f"{self.seq}", arrival, "b")])
        self.seq += 1
        files = sink.take()
        with self.store.transaction() as connection:
            catalogue.add(connection, files)
        return files


def compared(lake: Lake, rounds: int) -> "list[Cost]":
    """Each question over each window."""
    day = datetime(2026, 11, 25, tzinfo=UTC)
    spans = {
        "10 min at noon": (day + timedelta(hours=12), timedelta(minutes=10), 2.0),
        "10 min at the end": (day + timedelta(hours=23, minutes=40), timedelta(minutes=10), 2.0),
        "day": (day, timedelta(days=1), lake.target),
    }
    costs = []
    for window_name, (start, length, target) in spans.items():
        window = Window(start, start + length)
        for question, sql in questions().items():
            bare, view = (asked(lake, window, sql, of) for of in (bare_view, views.create_views))
            seconds = [(cpu_of(bare).total, cpu_of(view).total) for _ in range(rounds + 1)][1:]
            ratios = [each[1] / each[0] for each in seconds]
            costs.append(
                Cost(
                    lake.name,
                    window_name,
                    question,
                    *(median(each[place] for each in seconds) for place in (0, 1)),
                    median(ratios),
                    min(ratios),
                    max(ratios),
                    target,
                )
            )
    return costs


def questions() -> dict[str, str]:
    """DuckDB's SQL: a saved query, and the cheapest sum there is."""
    query = find_query("top_talkers")
    declared = {parameter.name: parameter.type for parameter in query.params}
    return {
        "top_talkers": translate(query.sql, {**TYPES, **declared}).sql,
        "sum": "select count(*), sum(bytes) from vpc_flow where dt between $first_day and $last_day"
        " and event_time >= $from_time and event_time < $to_time",
    }


def asked(lake: Lake, window: Window, sql: str, create: Callable[..., None]) -> Callable[[], Any]:
    """Asks a question as the product does: files by their times, a closed connection of its own."""
    first_ms, last_ms = window.bounds_ms
    files = [f for f in lake.files if f.last_ms >= first_ms and f.first_ms < last_ms]
    values: dict[str, object] = {**window.values(), "top": 20}
    used = {name: value for name, value in values.items() if f"${name}" in sql}

    def run() -> object:
        with duckdb.connect() as connection:
            connection.execute("set preserve_insertion_order = false")
            for macro in macros.MACROS:
                connection.execute(f"create macro {macro}")
            create(connection, lake.folder, TABLE, files)
            return connection.execute(sql, used).fetchall()

    return run


def bare_view(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: Any, files: Sequence[LakeFile]
) -> None:
    """The same files as they are."""
    connection.execute(f"create view vpc_flow as {views.rows(folder, table, files)}")


def line_of(cost: Cost) -> str:
    """One line of the report."""
    over = "" if cost.ratio <= cost.target else "  OVER"
    return (
        f"{cost.lake:<40}{cost.window:<19}{cost.question:<13}"
        f"{cost.bare_s:7.3f} s {cost.view_s:7.3f} s"
        f"{cost.ratio:6.2f}x ({cost.low:.2f}-{cost.high:.2f}), at most {cost.target}x{over}"
    )


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
