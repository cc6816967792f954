"""A home in which records come a second time: what is said of them now stands.

Rows keep their identity, and so are no news. What the tables `batch` and `reject` say of a record
is said as a further attempt; lines that are rows today, and may have been refused before, are noted
as resolved. Which records had refusals is asked of the quarantine: each has an object there.

What was a row before and would be refused today stays a row, and the audit names it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from os.path import commonprefix
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import invoke
from pipeline.aws import told
from pipeline.batch import DECODER_VERSION, Attempt, Ports, Sink
from pipeline.batch.quarantine import key_of
from pipeline.decode.identity import h64
from pipeline.deliver.bucket import SCHEME
from pipeline.errors import DeliveryError, Reason
from pipeline.invoke.fetching import Fetched
from pipeline.schema import BATCH, EVENT_TIME, REJECT, Table, Type
from pipeline.triggers import Notice, Record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Which of some keys of the quarantine hold an object.
Kept = Callable[[Collection[str]], set[str]]


@dataclass(frozen=True, slots=True)
class HomeAgain:
    """The AWS home for records that come again; `attempt`: which try it is."""

    home: invoke.AwsHome
    attempt: Attempt

    def ports(self, left: invoke.Left) -> Ports:
        """The home's ports, the tables of the ledger as a further attempt."""
        ports = self.home.ports(left)
        kept = KeptObjects(self.home.s3, self.home.delivery.quarantine)
        return Ports(SinkAgain(ports.sink, self.attempt, kept.of), ports.quarantine)

    def fetch(self, notice: Notice, left: invoke.Left) -> AbstractContextManager[Fetched]:
        """The bytes of an object."""
        return self.home.fetch(notice, left)


@dataclass
class SinkAgain:
    """Takes what `process` writes of some records: rows, then rejects, then their entries.

    Rejects wait for the entries: only these say of which source the records are, and an object is
    named after its records, so that a second one would take the place of the first.
    """

    sink: Sink
    attempt: Attempt
    kept: Kept
    rows: list[pa.Table] = field(default_factory=list)
    rejects: pa.Table = field(default_factory=REJECT.arrow_schema.empty_table)

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Take rows of a table. Raises DeliveryError when they are not all taken."""
        if table.name == REJECT.name:
            self.rejects = _numbered(rows.cast(REJECT.arrow_schema), self.attempt)
            return
        if table.name != BATCH.name:
            self.rows.append(rows.select([EVENT_TIME.name, "record_id", "ingest_time"]))
            self.sink.write(table, rows, records)
            return
        source = rows["source"][0].as_py()
        rejects = pa.concat_tables([self.rejects, self._resolved(source, records)])
        if len(rejects):
            self.sink.write(REJECT, rejects, records)
        self.sink.write(BATCH, _numbered(rows, self.attempt), records)
        self.rows, self.rejects = [], REJECT.arrow_schema.empty_table()

    def _resolved(self, source: str, records: Sequence[Record]) -> pa.Table:
        """Refusals that are none any more, as far as there can have been any."""
        keys = {key_of(source, each, sha256(each.payload).hexdigest()): each for each in records}
        there = self.kept(keys)
        refused = [record for key, record in keys.items() if key in there]
        if not refused:
            return REJECT.arrow_schema.empty_table()
        arrivals = pa.array([each.arrival_ms for each in refused]).view(Type.TIMESTAMP.arrow)
        whole = [h64(each.identity, "record") for each in refused]
        found = pa.table(
            {"record_id": np.array(whole, np.uint64).view(np.int64), "arrival": arrivals}
        )
        for rows in self.rows:
            mine = rows.filter(pc.is_in(rows["ingest_time"], arrivals))
            found = pa.concat_tables(
                [found, pa.table({"record_id": mine["record_id"], "arrival": mine["ingest_time"]})]
            )
        left = pc.invert(pc.is_in(found["record_id"], self.rejects["record_id"].combine_chunks()))
        return _as_resolved(source, found.filter(left), self.attempt)


def _as_resolved(source: str, found: pa.Table, attempt: Attempt) -> pa.Table:
    count = len(found)
    columns = {
        EVENT_TIME.name: found["arrival"],
        "record_id": found["record_id"],
        "ingest_time": found["arrival"],
        "decoder_version": pa.repeat(pa.scalar(DECODER_VERSION, pa.int32()), count),
        "source": pa.repeat(source, count),
        "reason": pa.repeat(str(Reason.VALUE), count),
        "detail": pa.repeat("it became a row", count),
        "attempt": pa.repeat(pa.scalar(attempt.number, pa.int32()), count),
        "resolved": pa.repeat(True, count),
    }
    schema = REJECT.arrow_schema
    return pa.table(
        [columns.get(each.name, pa.nulls(count, each.type)) for each in schema], schema=schema
    )


def _numbered(rows: pa.Table, attempt: Attempt) -> pa.Table:
    place = rows.schema.get_field_index("attempt")
    number = pa.repeat(pa.scalar(attempt.number, pa.int32()), len(rows))
    return rows.set_column(place, rows.schema.field(place), number)


@dataclass(frozen=True, slots=True)
class KeptObjects:
    """The quarantine, of which only the names can be seen; `place`: s3://bucket/prefix."""

    client: "S3Client"
    place: str

    def of(self, keys: Iterable[str]) -> set[str]:
        """Those of some keys that hold an object. Raises DeliveryError where S3 does not say."""
        bucket, _, prefix = self.place.removeprefix(SCHEME).partition("/")
        wanted = {f"{prefix}/{key}": key for key in keys}
        first, last = min(wanted), max(wanted)
        common = commonprefix([first, last])  # noqa: RUF071 - S3 compares characters, too
        found: set[str] = set()
        with told("S3", self.place, DeliveryError):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=common, StartAfter=first[:-1]
            )
            for page in pages:
                names = [each["Key"] for each in page.get("Contents", [])]
                found.update(wanted[name] for name in names if name in wanted)
                if names and names[-1] >= last:
                    break
        return found
