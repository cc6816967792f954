"""`python -m bench.query`: what the way of a question costs beside the engine itself.

A day of flow rows is brought in and compacted by the product. Then ten saved queries are asked as
people do, reading, checking and translating their SQL and looking into the catalogue included; and
the translated SQL in one DuckDB that stays open, over the same files, bare. In turns, in one
process; times are CPU seconds of all threads. Before it is measured, both must give the same rows.
Last, the CPU seconds of a whole `tailrace query` on a home that holds next to nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import duckdb
import numpy as np

from bench.measure import cpu_of, machine, write_json
from bench.view import FIRST_MS, TABLE, Writer, say, template
from pipeline.lake import catalogue, views
from pipeline.lake.compact import compact
from pipeline.queries import Question, Window, ask, run
from pipeline.queries.dialect import macros
from pipeline.store import Store

ROWS = 10_000_000
SEED = 20_261_126
QUERIES = (
    *("top_talkers", "top_pairs", "top_interfaces", "protocol_mix", "traffic_by_action"),
    *("traffic_over_time", "rejected_ports", "rejected_sources", "port_scans", "network_pairs"),
)
MOST, MOST_START_S = 1.2, 0.4
START = 5
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
DAY = Window(NOW - timedelta(days=1), NOW)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when the answers differ or a figure is over its target."""
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/out/query.json"), metavar="FILE")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        home = filled(Path(folder), options.rows)
        with duckdb.connect() as bare:
            open_bare(bare, home)
            differing = [name for name in QUERIES if not same(bare, home, name)]
            if differing:
                say(f"not the same rows: {', '.join(differing)}")
                return 1
            ratios = [measured(bare, home) for _ in range(options.rounds)]
        start_s = median(started(home) for _ in range(START))
    ratio = median(ratios)
    say(f"ten queries of {options.rows:,} rows: {ratio:.2f}x ({min(ratios):.2f}-{max(ratios):.2f})")
    say(f"tailrace query, start-up: {start_s:.2f} s CPU")
    report = {"machine": machine(None), "rows": options.rows, "ratios": ratios, "start_s": start_s}
    write_json(options.out, report)
    return int(ratio > MOST or start_s > MOST_START_S)


def filled(home: Path, rows: int) -> Path:
    """A home with a day of rows, compacted."""
    rng = np.random.default_rng(SEED)
    with closing(Store(home, writer=True)) as store:
        Writer(store, home / "lake").day(template(rng), rng, rows)
        for done in compact(store, home, home / "lake", FIRST_MS):
            say(f"compacted: {done.rows_out:,} rows in {done.seconds:.0f} s")
    return home


def open_bare(bare: duckdb.DuckDBPyConnection, home: Path) -> None:
    """The same files under the name of the table, and the settings that decide what SQL means."""
    with closing(Store(home, writer=False)) as store:
        files = catalogue.files_of(store, TABLE.name)
    bare.execute(f"create view vpc_flow as {views.rows(home / 'lake', TABLE, files)}")
    for macro in macros.MACROS:
        bare.execute(f"create macro {macro}")
    for setting in (
        "timezone = 'UTC'",
        "integer_division = true",
        "preserve_insertion_order = false",
    ):
        bare.execute(f"set {setting}")


def asked(name: str) -> Question:
    """One of the queries over the whole day."""
    return ask(name, window=DAY, now=NOW)


def same(bare: duckdb.DuckDBPyConnection, home: Path, name: str) -> bool:
    """Whether both ways give the same rows."""
    table = run(name, window=DAY, home=home, now=NOW).table
    found = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return bool(found) and found == bare.execute(*statement(name)).fetchall()


def statement(name: str) -> tuple[str, dict[str, object]]:
    """What DuckDB is given for a query, and its values."""
    question = asked(name)
    return question.for_duckdb.sql, dict(question.bound)


def measured(bare: duckdb.DuckDBPyConnection, home: Path) -> float:
    """One round: CPU seconds of all ten through the product over those of the bare engine."""
    statements = [statement(name) for name in QUERIES]
    bare_s = product_s = 0.0
    for name, (sql, values) in zip(QUERIES, statements, strict=True):
        bare_s += cpu_of(lambda: bare.sql(sql, params=values).to_arrow_table()).total  # noqa: B023
        product_s += cpu_of(lambda: run(name, window=DAY, home=home, now=NOW).table).total  # noqa: B023
    say(f"  bare {bare_s:.2f} s, product {product_s:.2f} s: {product_s / bare_s:.2f}x")
    return product_s / bare_s


def started(home: Path) -> float:
    """CPU seconds of a command that answers from next to nothing, interpreter and all.

    With the bytecode of its modules kept, as wherever it is installed.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    window = ("--from", "2026-11-25T00:00", "--to", "2026-11-25T00:01")
    code = "from pipeline.cli import main; main()"
    words = [sys.executable, "-c", code, "query", "top_talkers", *window]

    def command() -> None:
        subprocess.run(  # noqa: S603 - own words
            [*words, "--home", str(home)], check=True, capture_output=True, env=environment
        )

    command()  # writes it
    return cpu_of(command).total


if __name__ == "__main__":
    sys.exit(main())
