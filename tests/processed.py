"""Records brought all the way to ports in memory, and what is found there."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.batch import Context, Ports, Report, process
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.enrich import Lookups
from pipeline.enrich.networks import Network, Networks
from pipeline.reading.parsed import Formats
from pipeline.schema import BATCH, REJECT
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import ARRIVAL_MS

LANDED_MS = ARRIVAL_MS + 5_000


@dataclass(frozen=True)
class Processed:
    """What a batch left behind; rows as dictionaries, quarantine objects as what they hold."""

    report: Report
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    objects: dict[str, dict[str, Any]]
    sink: MemorySink
    quarantine: MemoryQuarantine

    @property
    def identities(self) -> list[tuple[Any, int]]:
        return [(row["event_time"], row["record_id"]) for row in self.rows]

    @property
    def reasons(self) -> list[str]:
        return [reject["reason"] for reject in self.rejects]


def context(
    limits: Limits | None = None,
    networks: tuple[Network, ...] = (),
    formats: Formats | None = None,
    own_log_groups: Sequence[str] = (),
) -> Context:
    """A context with the defaults of the product."""
    return Context(
        Lookups(Networks.of(networks)), limits or Limits(), formats or Formats(), own_log_groups
    )


def processed(
    records: Sequence[Record], source: str = "vpc-flow", within: Context | None = None
) -> Processed:
    """Process records of one source."""
    sink, quarantine = MemorySink(), MemoryQuarantine()
    kind = find(source)
    report = process(records, kind, Ports(sink, quarantine), within or context(), LANDED_MS)
    return Processed(
        report,
        sink.rows(kind.table).to_pylist(maps_as_pydicts="strict"),
        sink.rows(REJECT).to_pylist(),
        sink.rows(BATCH).to_pylist(),
        {key: json.loads(gzip.decompress(each)) for key, each in quarantine.objects.items()},
        sink,
        quarantine,
    )


def record(payload: bytes, position: str = "7", **changes: Any) -> Record:
    """A record of a stream called `s`, shard 0."""
    identity = changes.pop("identity", f"stream/s/0/{position}")
    return Record(payload, position, ARRIVAL_MS, identity, **changes)
