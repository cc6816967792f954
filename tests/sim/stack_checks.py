"""What must hold of the stack in the end: what was not given up is there once, as it was sent."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pyarrow import BufferReader, parquet

from tests.sim.checks import COLUMNS, taken
from tests.sim.stack import BUCKET, STREAMS, Sent, StackSimulation
from tests.sim.truth import Truth, h64, signed
from tests.sim.violation import Violation

Key = tuple[int, int]


def check(simulation: StackSimulation) -> None:
    """Hold a stack at rest against what was sent. Raises Violation at the first difference."""
    given_up = {(shard, put.sequence): put for shard, put in simulation.mapping.given_up}
    kept = [each for each in simulation.sent if (each.shard, each.sequence) not in given_up]
    for each in simulation.sent:
        put = given_up.get((each.shard, each.sequence))
        if put is not None and put.payload != each.payload:
            raise Violation(f"the failure store has other bytes of {each.place}")
    must, may = Truth(), Truth()
    for each in kept:
        each.accept(must)
    for each in simulation.sent:
        each.accept(may)
    landing = Landing(simulation)
    for table in COLUMNS:
        _rows(table, landing.rows[table], must, may)
    _rejects(landing.rows["reject"], must, may)
    _batches(landing.rows["batch"], kept, must)
    _quarantine(simulation, must, may)


class Landing:
    """All rows that have landed, repeats and all, by table."""

    def __init__(self, simulation: StackSimulation) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for stream, record in simulation.firehose.accepted:
            table = stream.removeprefix(STREAMS)
            for line in record.split(b"\n")[:-1]:
                self.rows[table].append(_timed(json.loads(line)))
            if not record.endswith(b"\n"):
                raise Violation(f"{stream}: a record without an end of its own")
        for (bucket, key), content in simulation.s3.objects.items():
            if bucket != BUCKET:
                table = key.split("/")[2]
                rows = parquet.ParquetFile(BufferReader(content)).read().to_pylist()
                self.rows[table] += [_timed(row) for row in rows]


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("event_time", "ingest_time"):
        at = row[name]
        at = datetime.fromisoformat(at) if isinstance(at, str) else at.replace(tzinfo=UTC)
        row[name] = round(at.timestamp() * 1000)
    return row


def _rows(table: str, landed: list[dict[str, Any]], must: Truth, may: Truth) -> None:
    found: dict[Key, set[tuple[Any, ...]]] = defaultdict(set)
    arrivals: dict[Key, set[int]] = defaultdict(set)
    for row in landed:
        key = (row["event_time"], row["record_id"])
        found[key].add(tuple(row.get(name) for name in COLUMNS[table]))
        arrivals[key].add(row["ingest_time"])
    for (name, *key), row in must.rows.items():
        if name == table and tuple(key) not in found:
            raise Violation(f"{table}: an event is not in landing: {key} {row.content}")
    for key, contents in found.items():
        known = may.rows.get((table, *key))
        if known is None:
            raise Violation(f"{table}: nobody sent {key} {contents}")
        if contents != {known.content}:
            raise Violation(f"{table}: {contents}, expected {known.content}")
        if not arrivals[key] <= known.arrivals:
            raise Violation(f"{table}: {key} came {arrivals[key]}, sent {known.arrivals}")


def _rejects(landed: list[dict[str, Any]], must: Truth, may: Truth) -> None:
    found = {(r["source"], r["event_time"], r["record_id"]): r["reason"] for r in landed}
    for key, reason in must.rejects.items():
        if found.get(key) != reason:
            raise Violation(f"a reject is not in the table: {key} {reason}")
    for key, reason in found.items():
        if may.rejects.get(key) != reason:
            raise Violation(f"a reject should not be in the table: {key} {reason}")


def _batches(landed: list[dict[str, Any]], kept: list[Sent], must: Truth) -> None:
    """What the ledger says of each record, once."""
    said = {(row["event_time"], row["record_id"]): row for row in landed}
    found: Counter[tuple[str, str]] = Counter()
    for each in kept:
        shard = str(int(each.shard.rpartition("-")[2]))
        place = signed(h64("batch", shard, str(each.sequence)))
        row = said.get((each.arrival_ms, place))
        if row is None:
            raise Violation(f"the ledger does not know {each.place}")
        if row["events_in"] != row["rows"] + row["rejected"] + row["dropped"]:
            raise Violation(f"the ledger does not balance: {row}")
        found[row["source"], "row"] += row["rows"]
        found[row["source"], "reject"] += row["rejected"]
        found[row["source"], "drop"] += row["dropped"]
    wanted: Counter[tuple[str, str]] = Counter()
    for (source, name), count in must.counts.items():
        wanted[source, name if name in ("row", "reject") else "drop"] += count
    if +found != +wanted:
        raise Violation(f"the ledger counts {dict(+found)}, sent were {dict(+wanted)}")


def _quarantine(simulation: StackSimulation, must: Truth, may: Truth) -> None:
    left = {place: dict(bad.lines) for place, bad in may.bad.items()}
    whole: set[object] = {place for place, bad in may.bad.items() if bad.whole}
    for name, body in _objects(simulation):
        place = body["identity"]
        bad = may.bad.get(place)
        if bad is None or body["source"] != bad.source:
            raise Violation(f"the quarantine keeps what was not bad: {name}")
        reasons = Counter(taken(name, body, place, bad, left[place], whole))
        if reasons != Counter(body["reasons"]):
            raise Violation(f"{name}: reasons {body['reasons']}, expected {dict(reasons)}")
    for place, bad in must.bad.items():
        if left[place] or place in whole:
            raise Violation(f"not in the quarantine: {place} {left[place] or bad.whole}")


def _objects(simulation: StackSimulation) -> Iterator[tuple[str, dict[str, Any]]]:
    for (bucket, key), content in simulation.s3.objects.items():
        if bucket == BUCKET and "/oversize/" not in key:
            yield key, json.loads(gzip.decompress(content))
