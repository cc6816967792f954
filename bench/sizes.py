"""`python -m bench.sizes`: the sizes that `tailrace estimate` reckons with, a source at a time.

Of made-up lines (no capture of a customer's logs may be shipped), in subscription envelopes: bytes
of a line, of its share of a gzipped envelope, and of its row as JSON without nulls, as Parquet in
our layout, and as Parquet without encodings of ours (both with snappy); and CPU from envelope to
Parquet.
"""

import argparse
import base64
import gzip
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bench.base import STACKS, V2
from bench.corpus import FIRST_SECOND, SPAN_S, build, envelope, envelopes, log_events, payload
from bench.flows import flow_fields, zipf
from bench.measure import cpu_of, machine, pin, write_json
from pipeline.batch import Context, Ports, process
from pipeline.deliver.lake import LakeSink, layout
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.demo.generator import Generator
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Networks
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits
from pipeline.sources import NAMES, find
from pipeline.sources.tgw_flow import LOG as TGW
from pipeline.triggers import Record
from tests.model import web_made

LINES, ROUNDS, SEED = 60_000, 5, 3
ARRIVAL_MS = FIRST_SECOND * 1000
HEADINGS = ("source", "line", "gzip", "json", "parquet", "plain", "cpu us")
WIDE = f"vpc-flow, {len(STACKS)} fields"

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=Path("bench/out/sizes.json"), metavar="FILE")
    options = parser.parse_args(argv)
    core = pin()
    found: dict[str, object] = {"machine": machine(core), "lines": options.lines}
    sys.stdout.write("".join(f"{name:>13}" for name in HEADINGS) + "\n")
    for name in (*NAMES, WIDE):
        figures = measured(name, lines_of(name, options.lines), options.rounds)
        found[name] = figures
        told = "".join(f"{figure:13.2f}" for figure in figures.values())
        sys.stdout.write(f"{name:>13.13}{told}\n")
        sys.stdout.flush()
    write_json(options.out, found)
    return 0


def lines_of(name: str, count: int) -> list[str]:
    """Made-up lines of a source."""
    if name == "vpc-flow":
        return list(build(count, V2, seed=SEED).lines)
    if name == WIDE:
        return list(build(count, STACKS, seed=SEED).lines)
    if name == "tgw-flow":
        return tgw_lines(count)
    if name == "app-log":
        return app_lines(count)
    make: web_made.Make = getattr(web_made, name.replace("-", "_"))
    dice = random.Random(SEED)
    return [make(dice, moment) for moment in moments(count)]


def moments(count: int) -> Iterator[datetime]:
    """Moments of an hour, in order."""
    first = datetime.fromtimestamp(FIRST_SECOND, UTC)
    return (first + timedelta(seconds=place * SPAN_S / count) for place in range(count))


def tgw_lines(count: int) -> list[str]:
    """Flows of the default format of a transit gateway with 40 attachments."""
    rng = np.random.default_rng(SEED)
    seen = FIRST_SECOND + np.arange(count) * SPAN_S // count
    made = flow_fields(rng, zipf(rng, 400, 0.8, count), seen)
    fields = {name: each.tolist() for name, each in made.items()}
    ends = zip(zipf(rng, 40, 0.8, count).tolist(), zipf(rng, 40, 0.8, count).tolist(), strict=True)
    return [
        " ".join(
            fields[name][row] if name in fields else _tgw_word(name, *pair)
            for name in TGW.default_format.split()
        )
        for row, pair in enumerate(ends)
    ]


def _tgw_word(name: str, source: int, target: int) -> str:
    if name.startswith("packets-lost"):
        return "0"
    fixed = {"version": "6", "resource-type": "TransitGateway", "tgw-id": f"tgw-{7:017x}"}
    if name in fixed:
        return fixed[name]
    end = source if "src" in name or name == "tgw-attachment-id" else target
    number = (end + 1) * 0x9E3779B97F4A7C15 % 2**64
    kind = name.removesuffix("-id").rpartition("-")[2]
    if kind == "account":
        return f"{111122223333 + end % 4}"
    if kind == "az":
        return f"use1-az{1 + end % 3}"
    return f"{'tgw-attach' if kind == 'attachment' else kind}-{number:017x}"


def app_lines(count: int) -> list[str]:
    """Lines of the demo's applications."""
    lines: list[str] = []
    generator = Generator(SEED, 2_000)
    now_ms = ARRIVAL_MS
    while len(lines) < count:
        now_ms += 60_000
        for emission in generator.emit(now_ms, 60):
            if emission.source == "app-log":
                told = json.loads(gzip.decompress(emission.payload))
                if told["messageType"] == "DATA_MESSAGE":
                    lines += [event["message"] for event in told["logEvents"]]
    return [line for line in lines[:count] if line.strip()]


def measured(name: str, lines: Sequence[str], rounds: int) -> Mapping[str, float]:
    """Bytes and CPU microseconds a line, by heading."""
    payloads = list(payloads_of(lines))
    records = [
        Record(each.encode(), str(at), ARRIVAL_MS, f"bench/{at}", base64=True)
        for at, each in enumerate(payloads)
    ]
    source = find(name.partition(",")[0])
    formats = Formats(otherwise=(" ".join(STACKS),)) if name == WIDE else Formats()
    context = Context(Lookups(Networks.of()), Limits(), formats)
    sink = MemorySink()
    process(records, source, Ports(sink, MemoryQuarantine()), context, ARRIVAL_MS)
    rows = sink.rows(source.table)
    if len(rows) < 0.99 * len(lines):
        raise SystemExit(f"{name}: {len(rows)} rows of {len(lines)} lines")
    with tempfile.TemporaryDirectory() as folder:
        ports = Ports(LakeSink(Path(folder)), MemoryQuarantine())
        work = partial(process, records, source, ports, context, ARRIVAL_MS)
        took = median(cpu_of(work).total for _ in range(rounds))
    return {
        "line": sum(len(line.encode()) for line in lines) / len(lines),
        "gzip": sum(len(base64.b64decode(each)) for each in payloads) / len(lines),
        "json": _json_bytes(rows) / len(rows),
        "parquet": _parquet_bytes(rows, layout(source.table)) / len(rows),
        "plain": _parquet_bytes(rows, {}) / len(rows),
        "cpu_us": took / len(lines) * 1e6,
    }


def payloads_of(lines: Sequence[str]) -> Iterator[str]:
    """The lines in subscription envelopes of the sizes that bench/corpus.py has."""
    rng = np.random.default_rng(SEED)
    at = 0
    for size in envelopes(rng, len(lines)).tolist():
        times = [ARRIVAL_MS - 1 + place for place in range(at, at + size)]
        events = log_events(list(lines[at : at + size]), times, int(rng.integers(2**62)))
        yield payload(envelope("DATA_MESSAGE", f"stream-{int(rng.integers(400))}", events))
        at += size


def _json_bytes(rows: pa.Table) -> int:
    return sum(
        len(msgspec.json.encode({key: each for key, each in row.items() if each is not None})) + 1
        for row in rows.to_pylist()
    )


def _parquet_bytes(rows: pa.Table, how: Mapping[str, Any]) -> int:
    written = pa.BufferOutputStream()
    parquet.write_table(rows, written, compression="snappy", **how)
    return int(written.getvalue().size)


if __name__ == "__main__":
    sys.exit(main())
