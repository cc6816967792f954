"""`python -m bench.web`: what a line of each access log costs, beside a row-wise reader.

The row-wise reader is a regular expression a line (of JSON one a member), each value converted, a
dictionary a row, Arrow from those: the way a Lambda is usually written. Both must give the same
rows before anything is measured. CPU time, in turns, in one process on one core.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from bench.measure import BenchError, cpu_of, machine, pin, write_json
from pipeline.decode import LogBatch, decode
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.triggers import Record
from tests.model import web_line, web_made

LINES, ROUNDS, LEAST = 50_000, 5, 5.0
SEED = 20_261_126
START = datetime(2026, 11, 25, tzinfo=UTC)
ARRIVAL_MS = 1_795_615_200_000
Row = Callable[[str], web_line.Row | None]

# Of each source a line, and how it is read row by row; of JSON last with json.loads, too.
MADE: dict[str, tuple[web_made.Make, Row, Row | None]] = {
    "alb": (web_made.alb, web_line.alb, None),
    "nlb": (web_made.nlb, web_line.nlb, None),
    "cloudfront": (web_made.cloudfront, web_line.cloudfront(web_made.EDGE_FIELDS.split()), None),
    "s3-access": (web_made.s3_access, web_line.s3, None),
    "http-access": (web_made.http_access, web_line.combined, None),
    "resolver": (web_made.resolver, web_line.resolver_searching, web_line.resolver),
    "waf": (web_made.waf, web_line.waf_searching, web_line.waf),
    "api-gateway": (web_made.api_gateway, web_line.api_gateway_searching, web_line.api_gateway),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when the rows differ or a source is slower than it is to be."""
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=Path("bench/out/web.json"), metavar="FILE")
    options = parser.parse_args(argv)
    core = pin()
    found: dict[str, Any] = {"machine": machine(core), "lines": options.lines}
    slow = []
    try:
        for name, told in measured(options.lines, options.rounds):
            found[name] = told
            beside = f", {told['times_json']:.2f}x json.loads" if told["times_json"] else ""
            cost = f"{told['us']:6.2f} us/line  {told['times']:5.2f}x row-wise"
            sys.stdout.write(f"{name:12} {cost}{beside}\n")
            slow += [name] if told["times"] < LEAST else []
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    write_json(options.out, found)
    if slow:
        sys.stdout.write(f"less than {LEAST}x: {', '.join(slow)}\n")
    return 1 if slow else 0


def measured(count: int, rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each source: CPU microseconds a line, and how many times faster than row-wise."""
    for name, (make, by_patterns, by_json) in MADE.items():
        dice = random.Random(SEED)
        moments = [START + timedelta(seconds=dice.randrange(50_000)) for _ in range(count)]
        lines = [make(dice, moment) for moment in moments]
        text = "\n".join(lines) + "\n"
        batch = decode([Record(text.encode(), "0", ARRIVAL_MS, "bench", opened=True)], Limits())
        ways = [way for way in (by_patterns, by_json) if way is not None]
        for way in ways:
            _check(name, batch, [way(line) for line in lines[:2_000]])
        mine, theirs = [], [[] for _ in ways]
        for _ in range(rounds):
            mine.append(cpu_of(partial(find(name).parse, batch, Formats())).total)
            for way, took in zip(ways, theirs, strict=True):
                took.append(cpu_of(partial(_row_wise, text, way)).total)
        ratios = [[b / a for a, b in zip(mine, took, strict=True)] for took in theirs]
        yield (
            name,
            {
                "us": median(mine) / count * 1e6,
                "times": median(ratios[0]),
                "low": min(ratios[0]),
                "high": max(ratios[0]),
                "times_json": median(ratios[1]) if by_json else None,
            },
        )


def _row_wise(text: str, read: Row) -> pa.Table:
    rows = [row for line in text.splitlines() if (row := read(line)) is not None]
    return pa.Table.from_pylist(rows)


def _check(name: str, batch: LogBatch, wanted: Sequence[web_line.Row | None]) -> None:
    rows = find(name).parse(batch, Formats()).rows.slice(0, len(wanted))
    for at, (row, other) in enumerate(zip(rows.to_pylist(), wanted, strict=True)):
        mine, theirs = _plain(row), _plain(other or {})
        if mine != theirs:
            raise BenchError(f"{name}: line {at} differs: {mine.items() ^ theirs.items()}")


def _plain(row: Mapping[str, Any]) -> dict[str, str]:
    """Values that are there, as text; times in milliseconds."""
    return {
        key: str(web_line.ms_of(value) if isinstance(value, datetime) else value)
        for key, value in row.items()
        if value is not None and key != "extra"
    }


if __name__ == "__main__":
    sys.exit(main())
