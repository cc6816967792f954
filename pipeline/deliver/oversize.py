"""Rows that are too long for Firehose: kept whole in the quarantine, sent cut.

The longest columns of text are cut, on the boundary of a character, until the row fits. What was
cut is named, with commas, under `truncated` in the table's map (`extra`, or what the table keeps
unknown fields in); a key of that name that the log brought gives way. In tables without a map (the
pipeline's own) a cut text ends with an ellipsis.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from pipeline.batch.ports import Quarantine
from pipeline.deliver.ndjson import Lines, encoded, json_lines
from pipeline.deliver.packing import RECORD_BYTES
from pipeline.schema import EXTRA, Table, Type
from pipeline.triggers import Record

FOLDER = "oversize"
MARK = "truncated"
ELLIPSIS = "…"
# Room for the mark, and what every column keeps: a text that was cut still tells what it was.
MARK_BYTES = 4096
KEPT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Fitting:
    """Lines of a table's rows, none of more than `most_bytes`.

    records  those that the rows came from
    """

    table: Table
    records: Sequence[Record]
    quarantine: Quarantine
    most_bytes: int = RECORD_BYTES

    def lines(self, rows: pa.Table) -> Iterator[Lines]:
        """The lines, piece by piece; a row that must be cut is in the quarantine before its line.

        Raises DeliveryError when the quarantine does not take it.
        """
        for piece, lines in json_lines(rows):
            start = 0
            for place in np.flatnonzero(lines.sizes > self.most_bytes).tolist():
                yield lines.part(start, place)
                yield self._cut(piece.slice(place, 1))
                start = place + 1
            yield lines.part(start, len(lines))

    def _cut(self, row: pa.Table) -> Lines:
        row = row.cast(self.table.arrow_schema)
        values = row.to_pylist()[0]
        # Anew: the order of keys follows the rows beside it, but its object is to follow from it.
        line = encoded(row)
        self._keep(values, line.rstrip(b"\n"))
        cut = self._cut_to_fit(values, len(line))
        short = encoded(pa.Table.from_pylist([cut], self.table.arrow_schema))
        return Lines(memoryview(short), np.array([0, len(short)], np.int64))

    def _keep(self, values: dict[str, Any], line: bytes) -> None:
        record = self._record(values["ingest_time"])
        day = datetime.fromtimestamp(record.arrival_ms / 1000, UTC).date()
        identity = (values["record_id"] or 0) % (1 << 64)
        digest = sha256(line).hexdigest()
        key = f"{FOLDER}/{self.table.name}/dt={day}/{identity:016x}-{digest[:16]}.json.gz"
        # mtime 0: the same row gives the same bytes. It is a row and no reject.
        self.quarantine.keep(key, gzip.compress(line, 6, mtime=0), record, 0)

    def _record(self, arrival: datetime | None) -> Record:
        """The first record that arrived when the row's did."""
        ms = round(arrival.replace(tzinfo=UTC).timestamp() * 1000) if arrival else None
        return next((each for each in self.records if each.arrival_ms == ms), self.records[0])

    def _cut_to_fit(self, values: dict[str, Any], size: int) -> dict[str, Any]:
        excess = size + MARK_BYTES - self.most_bytes
        mark = _map_of(self.table)
        end = "" if mark else ELLIPSIS
        lengths = {name: _size(value) for name, value in values.items()}
        names = []
        for name in sorted(lengths, key=lambda name: -lengths[name]):
            if excess <= 0 or lengths[name] <= KEPT_BYTES:
                break
            values[name] = _shortened(values[name], max(lengths[name] - excess, KEPT_BYTES), end)
            excess -= lengths[name] - _size(values[name])
            names.append(name)
        if mark:
            members = [each for each in values[mark] or [] if each[0] != MARK]
            values[mark] = [*members, (MARK, ",".join(names))]
        return values


def _map_of(table: Table) -> str:
    """The column in which rows are marked; "" where the table has none."""
    if EXTRA.name in table:
        return EXTRA.name
    return next((field.name for field in table if field.type is Type.MAP), "")


def _size(value: Any) -> int:
    """Bytes of a text, or of a map as its members, in JSON; 0 of anything else."""
    if isinstance(value, str):
        # As long as what json_text makes of it, at 0.05 us instead of 12; a map has many.
        return len(msgspec.json.encode(value)) - 2
    if isinstance(value, list):
        return sum(_member_size(*member) for member in value)
    return 0


def _member_size(key: str, value: str | None) -> int:
    # Four marks, a colon and a comma; or null instead of a text.
    return _size(key) + _size(value) + 6


def _shortened(value: Any, most_bytes: int, end: str) -> Any:
    if isinstance(value, list):
        return _fewer(value, most_bytes)
    return _prefix(value, most_bytes - len(end.encode())) + end


def _prefix(text: str, most_bytes: int) -> str:
    """As many characters as have at most `most_bytes` in JSON."""
    low, high = 0, min(len(text), most_bytes)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(text[:middle]) <= most_bytes else (low, middle - 1)
    return text[:low]


def _fewer(members: list[tuple[str, str | None]], most_bytes: int) -> list[tuple[str, str | None]]:
    """Members with their long values cut, as many as fit, in their order."""
    excess = sum(_member_size(*member) for member in members) - most_bytes
    places = sorted(range(len(members)), key=lambda place: -_size(members[place][1]))
    kept = list(members)
    for place in places:
        key, value = kept[place]
        size = _size(value)
        if excess <= 0 or value is None or size <= KEPT_BYTES:
            break
        kept[place] = key, _prefix(value, max(size - excess, KEPT_BYTES))
        excess -= size - _size(kept[place][1])
    fitting, size = [], 0
    for key, value in kept:
        size += _member_size(key, value)
        if size <= most_bytes:
            fitting.append((key, value))
    return fitting
