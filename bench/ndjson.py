"""`python -m bench.ndjson`: what a row costs as a line of JSON, and as part of a Firehose call.

The base has its rows as dictionaries already, and writes each with json.dumps, as a row-wise
processor does. Both must say the same before anything is measured. CPU time, in turns, in one
process on one core. `--memory` tells instead how much memory the sink adds while it sends about
100 MB of lines.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from bench.base import V2, V5
from bench.corpus import build
from bench.measure import BenchError, cpu_of, machine, pin, write_json
from bench.product import ARRIVAL_MS
from pipeline.aws import one_attempt
from pipeline.batch import Context, Ports, process
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.firehose import FirehoseSink
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.deliver.ndjson import json_lines
from pipeline.deliver.packing import calls, packed
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Networks
from pipeline.reading.parsed import Formats
from pipeline.schema import Table
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.triggers import Record

LINES, ROUNDS, CHECKED = 60_000, 5, 3_000
MEMORY_BYTES = 100_000_000
SEED = 20_261_126
Rows = tuple[Table, pa.Table]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when the lines differ from the base's."""
    parser = argparse.ArgumentParser(prog="python -m bench.ndjson", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--memory", action="store_true", help="memory instead of time")
    parser.add_argument("--out", type=Path, default=Path("bench/out/ndjson.json"), metavar="FILE")
    options = parser.parse_args(argv)
    core = pin()
    pa.set_cpu_count(1)
    if options.memory:
        sys.stdout.write(memory())
        return 0
    found: dict[str, Any] = {"machine": machine(core), "lines": options.lines}
    try:
        for name, told in measured(options.lines, options.rounds):
            found[name] = told
            sys.stdout.write(
                f"{name:8} {told['us']:6.2f} us/row  {told['bytes']:6.0f} B/row  "
                f"{told['times']:5.2f}x json.dumps of dictionaries, "
                f"{told['times_pylist']:5.2f}x with to_pylist\n"
            )
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    write_json(options.out, found)
    return 0


def measured(count: int, rounds: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Each kind of rows: CPU microseconds a row, and how many times faster than the base."""
    for name, make in MADE.items():
        _, rows = make(count)
        plain = dictionaries(rows)
        size = check(name, rows, plain)
        mine, theirs, whole = [], [], []
        for _ in range(rounds):
            mine.append(cpu_of(partial(columnar, rows)).total)
            theirs.append(cpu_of(partial(row_wise, plain)).total)
            whole.append(cpu_of(lambda rows=rows: row_wise(dictionaries(rows))).total)  # type: ignore[misc]
        yield (
            name,
            {
                "us": median(mine) / len(rows) * 1e6,
                "bytes": size / len(rows),
                "times": median(b / a for a, b in zip(mine, theirs, strict=True)),
                "times_pylist": median(b / a for a, b in zip(mine, whole, strict=True)),
            },
        )


def columnar(rows: pa.Table) -> int:
    """Lines, packed into records and calls, one call held at a time; how many bytes."""
    lines = (each for _, each in json_lines(rows))
    return sum(len(record) for call in calls(packed(lines)) for record in call)


def row_wise(rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The base: a line a row."""
    return [(json.dumps(row) + "\n").encode() for row in rows]


def dictionaries(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as a row-wise processor has them: what is null is not there, times are text."""
    return [
        {name: _plain(value) for name, value in row.items() if _is_json(value)}
        for row in rows.to_pylist()
    ]


def _is_json(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return dict(value) if isinstance(value, list) else value


def check(name: str, rows: pa.Table, wanted: Sequence[Mapping[str, Any]]) -> int:
    """How many bytes the lines have. Raises BenchError when they do not say what the base says."""
    size, place = 0, 0
    for _, lines in json_lines(rows):
        text = lines.joined()
        size += len(text)
        for line in text.split(b"\n")[: min(len(lines), max(CHECKED - place, 0))]:
            if json.loads(line) != json.loads(json.dumps(wanted[place])):
                raise BenchError(f"{name}: row {place} differs")
            place += 1
    if place < min(CHECKED, len(rows)):
        raise BenchError(f"{name}: {place} lines instead of {len(rows)}")
    return size


def memory() -> str:
    """What the sink adds to a process that holds the rows, in a sentence."""
    _, rows = flow_rows(V2, MEMORY_BYTES // 650)
    with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
        with pa.ipc.new_file(file.name, rows.schema) as writer:
            writer.write_table(rows)
        # In a process of its own: here is free memory left that the sink would find.
        command = [sys.executable, "-c", f"import bench.ndjson as b; b.sending({file.name!r})"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - its own
    return done.stdout


def sending(name: str) -> None:
    """Send the rows of a file; print what that adds."""
    table = find("vpc-flow").table
    with Path(name).open("rb") as file:
        rows = pa.ipc.open_file(file.read()).read_all()
    sink = FirehoseSink(deaf_client(), "x-", MemoryQuarantine(), Attempts(lambda: math.inf))
    record = [Record(b"", "1", ARRIVAL_MS, "bench")]
    sink.write(table, rows.slice(0, 10), record)  # what botocore loads at the first call
    before, pool = _peak_bytes(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    sink.write(table, rows, record)
    added, arrow = (_peak_bytes() - before) / 1e6, pool.max_memory() / 1e6
    sys.stdout.write(f"{len(rows)} rows: {added:.0f} MB added, Arrow's at most {arrow:.0f} MB\n")


def _peak_bytes() -> int:
    # Not getrusage: there a process begins with the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def deaf_client() -> Any:
    """A real client; what it would send is taken and forgotten."""
    import botocore.session
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

    def take(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        count = bytes(request.body).count(b'"Data":')
        answer = {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "a"}] * count}
        response = AWSResponse(request.url, 200, {}, None)
        response._content = json.dumps(answer).encode()
        return response

    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    client = session.create_client("firehose", "eu-west-1", config=one_attempt())
    client.meta.events.register("before-send.firehose.PutRecordBatch", take)
    return client


def flow_rows(columns: Sequence[str], count: int) -> Rows:
    """Flow rows, as one invocation of 6 MB or more makes them."""
    formats = Formats() if columns == V2 else Formats(otherwise=(" ".join(columns),))
    corpus = build(count, columns, invocation_bytes=1 << 40)
    return _rows("vpc-flow", corpus.invocations[0], formats)


def app_rows(count: int) -> Rows:
    """Rows of an application's log: JSON lines, of which each tenth has a stack trace."""
    dice = random.Random(SEED)
    lines = []
    for number in range(count):
        minute = number * 60 // count
        line = {
            "timestamp": f"2025-11-24T15:{minute:02d}:00.{number % 1000:03d}Z",
            "level": dice.choice(("INFO", "INFO", "INFO", "WARN", "ERROR")),
            "message": f"GET /cart/{dice.randrange(900)} answered in {dice.randrange(400)} ms",
            "requestId": f"{dice.getrandbits(128):032x}",
            "status": dice.choice((200, 200, 404, 500)),
        }
        if number % 10 == 0:
            line["stack"] = "\n".join(f'\tat "shop.Cart" ({at}.java:{at * 7})' for at in range(8))
        lines.append(json.dumps(line))
    return _rows("app-log", ["\n".join(lines) + "\n"], Formats())


def _rows(source: str, payloads: Sequence[str], formats: Formats) -> Rows:
    kind, sink = find(source), MemorySink()
    records = [
        Record(each.encode(), str(at), ARRIVAL_MS, f"bench/{at}", base64=source == "vpc-flow")
        for at, each in enumerate(payloads)
    ]
    context = Context(Lookups(Networks.of()), Limits(batch_text_bytes=1 << 32), formats)
    process(records, kind, Ports(sink, MemoryQuarantine()), context, ARRIVAL_MS)
    return kind.table, pa.concat_tables(
        [rows for table, rows, _ in sink.writes if table == kind.table]
    )


MADE: dict[str, Callable[[int], Rows]] = {
    "v2": partial(flow_rows, V2),
    "v5": partial(flow_rows, V5),
    "app-log": app_rows,
}


if __name__ == "__main__":
    sys.exit(main())
