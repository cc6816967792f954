"""What the quarantine keeps of a record: all that a later replay needs, and nothing computed anew.

One object a record that had rejects. When no line of it became a row the payload is kept whole, as
it arrived; else only the rejected lines. Key and bytes depend on the record alone, until an erasure
takes lines out: what was whole is then its other lines, `whole` where nobody had opened it before.
"""

import base64
import gzip
import re
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pipeline.decode import (
    DECODER_VERSION,
    NO_TIME,
    Failure,
    Lines,
    LogBatch,
    Segment,
    Stream,
    decode,
)
from pipeline.errors import Reason
from pipeline.settings import Limits
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


def key_of(source: str, record: Record, digest: str) -> str:
    """Key of a record's object: source, day of arrival, shard, position, digest of the payload."""
    day = datetime.fromtimestamp(record.arrival_ms / 1000, UTC).date()
    place = f"{record.shard:04d}-{key_safe(record.position)}"
    return f"{source}/dt={day}/{place}-{digest[:16]}.json.gz"


def key_safe(position: str) -> str:
    """A position as part of a key, whatever its carrier calls it; several may give the same."""
    return UNSAFE.sub("_", position)[-80:].rjust(12, "0")


def object_of(
    source: str,
    batch: LogBatch,
    index: int,
    refusals: Sequence[Refusal],
    places: "Places | None",
) -> tuple[str, bytes]:
    """Key and content (gzipped JSON) of the object of record `index`.

    places: where lines stand; None when no line of the record became a row.
    """
    record = batch.records[index]
    digest = sha256(record.payload).hexdigest()
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
        "header": record.header,
        "log_group": record.log_group,
        "time_ms": record.time_ms,
        "base64": record.base64,
        "opened": record.opened,
        "refused": record.refused,
        "sha256": digest,
        "reasons": dict(Counter(str(refusal.reason) for refusal in refusals)),
    }
    if record.plain:
        body["plain"] = True
    if places is None:
        body["payload"] = base64.b64encode(record.payload).decode()
        body["detail"] = refusals[0].detail[:DETAIL]
    else:
        of_lines = [(refusal, refusal.line) for refusal in refusals if refusal.line is not None]
        segments = places.of_lines([at for _, at in of_lines])
        body["lines"] = [
            _line(batch, places, refusal, at, segment)
            for (refusal, at), segment in zip(of_lines, segments, strict=True)
        ]
    # mtime 0: the same record gives the same bytes.
    content = gzip.compress(msgspec.json.encode(body), compresslevel=6, mtime=0)
    return key_of(source, record, digest), content


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the lines of a batch stand: first lines of its segments, and its header lines."""

    starts: np.ndarray
    headers: Sequence[tuple[int, str]]

    @classmethod
    def of(cls, batch: LogBatch, headers: Mapping[int, str]) -> "Places":
        """The places of a batch; `headers` by line."""
        return cls(batch.segment_starts, sorted(headers.items()))

    def of_lines(self, lines: Sequence[int]) -> list[int]:
        """Place of the segment of each line."""
        found: list[int] = (np.searchsorted(self.starts, lines, "right") - 1).tolist()
        return found

    def header(self, batch: LogBatch, at: int, place: int) -> str:
        """The format that a header line ahead of line `at` has set in its segment; "" for none."""
        last = bisect(self.headers, (at,)) - 1
        inside = last >= 0 and self.headers[last][0] >= int(self.starts[place])
        return self.headers[last][1] if inside else batch.segments[place].header


def _line(batch: LogBatch, places: Places, refusal: Refusal, at: int, place: int) -> dict[str, Any]:
    segment = batch.segments[place]
    stream = segment.stream
    event_id = segment.ids[at - int(places.starts[place])] if segment.ids is not None else None
    return {
        "ordinal": int(batch.ordinal[at]),
        # As text: it passes 2^53, where JSON readers begin to round.
        "record_id": str(batch.record_id[at]),
        "event_id": event_id,
        "timestamp": int(batch.time_ms[at]) if event_id is not None else None,
        "owner": stream.owner if stream else None,
        "log_group": stream.group if stream else None,
        "log_stream": stream.name if stream else None,
        "owner_region": stream.region if stream else None,
        "header": places.header(batch, at, place) if segment.ids is None else "",
        "formats": segment.formats,
        "reason": str(refusal.reason),
        "detail": refusal.detail[:DETAIL],
        "raw": base64.b64encode(batch.lines[at]).decode(),
    }


class Reopened(NamedTuple):
    """Lines of an object; `whole`: all that its record held, else only what was refused."""

    source: str
    batch: LogBatch
    whole: bool


def reopen(content: bytes, formats: tuple[str, ...] | None, limits: Limits) -> Reopened:
    """Source and lines of an object, with their old identities, to be read by today's formats.

    `formats` take the place of those that it came with; empty: by log group, else the default;
    None: it keeps its own. A header line counts for the lines that stood behind it, now as then.
    """
    body = msgspec.json.decode(gzip.decompress(content), type=_Object)
    record = Record(
        base64.b64decode(body.payload) if body.payload is not None else b"",
        body.position,
        body.arrival_ms,
        body.identity,
        body.first_ordinal,
        body.formats if formats is None else formats,
        body.header,
        body.log_group,
        body.time_ms,
        body.base64,
        body.opened,
        body.shard,
        body.refused,
        body.plain,
    )
    if body.payload is not None:
        return Reopened(body.source, decode([record], limits), True)
    lines = body.lines
    segments = [
        Segment(
            0,
            line.stream,
            1,
            line.ordinal,
            line.formats if formats is None else formats,
            line.header,
            line.ids,
        )
        for line in lines
    ]
    raw = [base64.b64decode(line.raw) for line in lines]
    batch = LogBatch(
        [record],
        Lines.of_bytes(raw),
        segments,
        record=np.zeros(len(lines), np.int32),
        ordinal=np.array([line.ordinal for line in lines], np.int64),
        record_id=np.array([int(line.record_id) for line in lines], np.int64),
        time_ms=np.array(
            [NO_TIME if e.timestamp is None else e.timestamp for e in lines], np.int64
        ),
        failures=[
            Failure(0, at, Reason.TOO_LONG, f"a line of more than {limits.line_bytes} bytes")
            for at, line in enumerate(raw)
            if len(line) > limits.line_bytes
        ],
    )
    return Reopened(body.source, batch, body.whole)


class _Line(msgspec.Struct):
    ordinal: int
    record_id: str
    event_id: str | None
    timestamp: int | None
    owner: str | None
    log_group: str | None
    log_stream: str | None
    formats: tuple[str, ...]
    raw: str
    owner_region: str | None = None
    header: str = ""

    @property
    def stream(self) -> Stream | None:
        """Provenance of the line; None where nothing is known."""
        if self.log_group is None:
            return None
        region = self.owner_region or ""
        return Stream(self.owner or "", self.log_group, self.log_stream or "", region)

    @property
    def ids(self) -> list[str] | None:
        """Its CloudWatch id; None for a plain line."""
        return [self.event_id] if self.event_id is not None else None


class _Object(msgspec.Struct):
    source: str
    arrival_ms: int
    shard: int
    position: str
    identity: str
    first_ordinal: int
    formats: tuple[str, ...]
    log_group: str
    time_ms: int | None
    base64: bool
    opened: bool
    header: str = ""
    refused: str = ""
    plain: bool = False
    payload: str | None = None
    whole: bool = False
    lines: list[_Line] = []
