"""Run by the target's Python with nothing on its path but an artifact: does it work?

Imports each module that is named, then takes one small batch of every kind of way through the
core: a flow log in a CloudWatch Logs envelope, as Lambda gets it, with a line that is refused.
Prints one object of JSON.

    python3.13 -I -S -B inside.py ARTIFACT MODULE...
"""

import json
import sys


def main() -> None:
    """Import and process; whatever is raised is the answer."""
    sys.path.insert(0, sys.argv[1])
    for name in sys.argv[2:]:
        __import__(name)
    json.dump(_processed() | {"parquet": _parquet()}, sys.stdout)


def _envelope() -> dict[str, object]:
    from base64 import b64encode
    from gzip import compress

    line = "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 {} {} {} OK"
    lines = [line.format(1418530010, 1418530070, "ACCEPT"), line.format("?", "?", "ACCEPT")]
    events = [
        {"id": f"{number:056}", "timestamp": 1418530010000, "message": text}
        for number, text in enumerate(lines)
    ]
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789010",
        "logGroup": "flows",
        "logStream": "eni-1235b8ca-all",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }
    packed = b64encode(compress(json.dumps(envelope).encode())).decode()
    return {"awslogs": {"data": packed}}


def _processed() -> dict[str, object]:
    from pipeline.batch import Context, Ports, process
    from pipeline.deliver.memory import MemoryQuarantine, MemorySink
    from pipeline.enrich import Lookups
    from pipeline.enrich.networks import Networks
    from pipeline.settings import Limits
    from pipeline.sources import all_sources
    from pipeline.triggers import awslogs

    source = all_sources()["vpc-flow"]
    sink, quarantine = MemorySink(), MemoryQuarantine()
    context = Context(Lookups(Networks.of()), Limits())
    now_ms = 1418530100000
    report = process(awslogs(_envelope(), now_ms), source, Ports(sink, quarantine), context, now_ms)
    (outcome,) = report.outcomes
    (row,) = sink.rows(source.table).to_pylist()
    return {
        "events_in": outcome.events_in,
        "rows": outcome.rows,
        "rejected": outcome.rejected,
        "kept": len(quarantine.objects),
        "direction": row["direction"],
        "service": row["service"],
    }


def _parquet() -> str:
    """The codecs with which a table survives being written as Parquet and read again."""
    from io import BytesIO

    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"at": pa.array([1], pa.timestamp("ms")), "text": ["x"]})
    good = []
    for codec in ("snappy", "zstd"):
        file = BytesIO()
        parquet.write_table(table, file, compression=codec)
        if parquet.ParquetFile(BytesIO(file.getvalue())).read().equals(table):
            good.append(codec)
    return " ".join(good)


if __name__ == "__main__":
    main()
