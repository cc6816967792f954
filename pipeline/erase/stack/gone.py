"""Which identities go, noted before they do; and how many of them that were, once it is over.

A row may lie in many files: landing has it at least once, curated too. So identities are noted and
not counts, and told apart when they are counted. The notes go with the erasure; the counts stay,
for the audit would miss these rows else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.documents import Count
from pipeline.erase.parquet import SOURCE, kept_of
from pipeline.erase.receipt import Removed
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.work import folder
from pipeline.lake.tables import all_tables
from pipeline.schema import HOUR_MS, REJECT, Table

FILE = "file"
DIGEST_BYTES = 8
_DAY = "%Y-%m-%d"


class Erased(msgspec.Struct, frozen=True):
    """How many events of a source that arrived in an hour (from the epoch) were erased of a table.

    rows    each once, in the hour in which it arrived first
    landed  each once for every time at which it arrived: as it lay in landing
    """

    table: str
    source: str
    hour: int
    rows: Count = 0
    landed: Count = 0


def note(bucket: Bucket, erasure: str, table: Table, gone: Sequence[tuple[str, pa.Table]]) -> None:
    """Note what goes from some objects. Raises TailraceError where S3 does not take it."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    parts = []
    for key, rows in gone:
        digest.update(f"{key}\n{len(rows)}\n".encode())
        parts.append(rows.append_column(FILE, pa.array([key] * len(rows), pa.string())))
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.concat_tables(parts), sink, compression="snappy", store_schema=False)
    to = f"{_folder(erasure)}{table.name}/{digest.hexdigest()}.parquet"
    bucket.put_bytes(to, sink.getvalue().to_pybytes())


def noted(bucket: Bucket, erasure: str, scratch: Path) -> Iterator[tuple[Table, pa.Table]]:
    """All that was noted, table by table; nothing of tables of which nothing goes."""
    keys = bucket.keys(_folder(erasure))
    for name, of_table in groupby(keys, lambda key: key.split("/")[-2]):
        found = []
        for key in of_table:
            bucket.fetch(key, scratch)
            found.append(parquet.read_table(scratch))
        yield all_tables()[name], pa.concat_tables(found)


def files(gone: pa.Table) -> int:
    """Of how many files rows go."""
    return len(pc.unique(gone[FILE]))


def removed(table: Table, gone: pa.Table) -> list[Removed]:
    """Events by day; each once."""
    days = pc.strftime(_events(gone)["event_time"], format=_DAY).value_counts().to_pylist()
    counts = {each["values"]: each["counts"] for each in days}
    return [Removed(table.name, day, counts[day]) for day in sorted(counts)]


def erased(table: Table, gone: pa.Table) -> list[Erased]:
    """What the audit has to know."""
    landed = gone.group_by([*kept_of(table)]).aggregate([])
    # A refused line that was tried again has the time of its arrival, another one each time.
    of_event = ["record_id"] if table is REJECT else ["event_time", "record_id"]
    source = [SOURCE] if table is REJECT else []
    first = landed.group_by([*of_event, *source]).aggregate([("ingest_time", "min")])
    rows = _by_hour(table, first, "ingest_time_min")
    all_landed = _by_hour(table, landed, "ingest_time")
    return [
        Erased(table.name, *place, rows[place], all_landed[place]) for place in sorted(all_landed)
    ]


def _by_hour(table: Table, found: pa.Table, name: str) -> Counter[tuple[str, int]]:
    hours = pc.divide(found[name].cast(pa.int64()), HOUR_MS).to_pylist()
    if table is REJECT:
        return Counter(zip(found[SOURCE].to_pylist(), hours, strict=True))
    return Counter((table.name.replace("_", "-"), hour) for hour in hours)


def _events(gone: pa.Table) -> pa.Table:
    return gone.group_by(["event_time", "record_id"]).aggregate([])


def _folder(erasure: str) -> str:
    return f"{folder(erasure)}gone/"
