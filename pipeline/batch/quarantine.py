"""What the quarantine keeps of a record: all that a later replay needs, and nothing computed anew.

One object a record that had rejects. When no line of it became a row the payload is kept whole, as
it arrived; else only the rejected lines. Key and bytes depend on the record alone.
"""

import base64
import gzip
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from pipeline.decode import DECODER_VERSION, LogBatch
from pipeline.errors import Reason
from pipeline.triggers import Record

VERSION = 1
DETAIL = 500
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that cannot become a row; `line` indexes the batch, None is the whole record."""

    record: int
    line: int | None
    reason: Reason
    detail: str


def key_of(source: str, record: Record) -> str:
    """Key of a record's object: source, day of arrival, shard, position, digest of the payload."""
    day = datetime.fromtimestamp(record.arrival_ms / 1000, UTC).date()
    position = UNSAFE.sub("_", record.position)[-80:].rjust(12, "0")
    digest = sha256(record.payload).hexdigest()[:16]
    return f"{source}/dt={day}/{record.shard:04d}-{position}-{digest}.json.gz"


def content_of(
    source: str, batch: LogBatch, index: int, refusals: Sequence[Refusal], whole: bool
) -> bytes:
    """The object of record `index`: gzipped JSON."""
    record = batch.records[index]
    body: dict[str, Any] = {
        "version": VERSION,
        "source": source,
        "decoder_version": DECODER_VERSION,
        "arrival_ms": record.arrival_ms,
        "shard": record.shard,
        "position": record.position,
        "identity": record.identity,
        "first_ordinal": record.first_ordinal,
        "formats": record.formats,
        "log_group": record.log_group,
        "time_ms": record.time_ms,
        "base64": record.base64,
        "opened": record.opened,
        "sha256": sha256(record.payload).hexdigest(),
        "reasons": dict(Counter(str(refusal.reason) for refusal in refusals)),
    }
    if whole:
        body["payload"] = base64.b64encode(record.payload).decode()
        body["detail"] = refusals[0].detail[:DETAIL]
    else:
        body["lines"] = [_line(batch, refusal) for refusal in refusals if refusal.line is not None]
    # mtime 0: the same record gives the same bytes.
    return gzip.compress(msgspec.json.encode(body), compresslevel=6, mtime=0)


def _line(batch: LogBatch, refusal: Refusal) -> dict[str, Any]:
    at = refusal.line
    assert at is not None
    segment = batch.segments[int(batch.segment_of[at])]
    stream = segment.stream
    event_id = batch.event_id(at)
    return {
        "ordinal": int(batch.ordinal[at]),
        # As text: it passes 2^53, where JSON readers begin to round.
        "record_id": str(batch.record_id[at]),
        "event_id": event_id,
        "timestamp": int(batch.time_ms[at]) if event_id is not None else None,
        "owner": stream.owner if stream else None,
        "log_group": stream.group if stream else None,
        "log_stream": stream.name if stream else None,
        "formats": segment.formats,
        "reason": str(refusal.reason),
        "detail": refusal.detail[:DETAIL],
        "raw": base64.b64encode(batch.lines[at]).decode(),
    }
