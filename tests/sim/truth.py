"""What must be there in the end: kept by whoever sends, never asked of the product.

Identities are computed here a second time, from the words of the design.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b

FIRST_SHARDS = range(4)
Content = tuple[object, ...]


@dataclass(frozen=True)
class Line:
    """One line or event, and what must become of it.

    raw     bytes as they lie in the carrier, without the newline
    fate    "row", "reject" or "drop"
    name    reason of a reject, name of a drop
    time_ms event time; None: that of the line before it, else the arrival
    content columns of the row
    """

    raw: bytes
    fate: str
    name: str = ""
    time_ms: int | None = None
    content: Content = ()


@dataclass
class Row:
    """A row that must be in the view once, with the arrival of one of its copies."""

    content: Content
    arrivals: set[int] = field(default_factory=set)


@dataclass
class Bad:
    """What must be in the quarantine of one record, or of one file: reason and bytes by ordinal.

    payload  of a record: what was sent; reasons without a line count for the whole of it
    mended   lines that may be there: rows since their format is declared, refused before
    """

    source: str
    lines: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    whole: str = ""
    payload: bytes = b""
    ids: dict[int, str] = field(default_factory=dict)
    mended: dict[int, tuple[str, bytes]] = field(default_factory=dict)


@dataclass
class Truth:
    """All that was accepted.

    rows     by table, event time and record id
    bad      by the record's place ("seq", n) or the file's identity
    rejects  rows of the table `reject`: (source, arrival, record id) -> reason
    counts   events by (source, "row" | "reject" | name of the drop)
    shards   those that the stream is written to
    raw      bytes of lines in `rejects`
    left     rows were erased: those of an event that came twice count once
    """

    rows: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    bad: dict[object, Bad] = field(default_factory=dict)
    rejects: dict[tuple[str, int, int], str] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    files: set[tuple[str, str]] = field(default_factory=set)
    shards: range = FIRST_SHARDS
    raw: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    left: bool = False

    def reshard(self, count: int) -> None:
        """The stream has so many shards from here on, new ones where it had others."""
        if len(self.shards) != count:
            self.shards = range(self.shards.stop, self.shards.stop + count)

    def stream_identity(self, key: str, seq: int) -> str:
        """Identity of a record that has nothing but its place in the stream."""
        shard = self.shards[h64(key) % len(self.shards)]
        return f"stream/embedded/{shard}/{seq}"

    def row(self, source: str, time_ms: int, record_id: int, line: Line, arrival_ms: int) -> None:
        """A line must be a row."""
        key = (source.replace("-", "_"), time_ms, record_id)
        known = self.rows.setdefault(key, Row(line.content))
        if known.content != line.content:
            raise AssertionError(f"the simulation gave two events one identity: {key}")
        known.arrivals.add(arrival_ms)
        self.counts[source, "row"] += 1

    def reject(
        self, source: str, place: object, ordinal: int, line: Line, record_id: int, arrival_ms: int
    ) -> None:
        """A line must be in the quarantine."""
        self.bad.setdefault(place, Bad(source)).lines[ordinal] = (line.name, line.raw)
        self.rejects[source, arrival_ms, record_id] = line.name
        self.raw[source, arrival_ms, record_id] = line.raw
        self.counts[source, "reject"] += 1

    def erase(self, text: str) -> None:
        """Whatever holds a text is gone, from the lake and the quarantine."""
        gone = [k for k, row in self.rows.items() if any(text in str(v) for v in row.content)]
        for key in gone:
            del self.rows[key]
        self.left |= bool(gone)
        lost = [key for key in self.rejects if text.encode() in self.raw.get(key, b"")]
        for key in lost:
            del self.rejects[key]
            self.counts[key[0], "reject"] -= 1
            self.counts[key[0], "erased"] += 1
        for place, bad in list(self.bad.items()):
            kept = {at: each for at, each in bad.lines.items() if text.encode() not in each[1]}
            if len(kept) < len(bad.lines):
                bad.lines = kept
                if not (kept or bad.mended or bad.whole):
                    del self.bad[place]

    def plain(
        self,
        source: str,
        place: object,
        identity: str,
        lines: list[Line],
        arrival_ms: int,
        first: int = 0,
        before: int | None = None,
    ) -> None:
        """Plain lines of a record or a file were accepted, behind others and their last time."""
        for ordinal, line in enumerate(lines, first):
            record_id = signed(h64(identity) + ordinal)
            if line.fate == "row":
                before = before if line.time_ms is None else line.time_ms
                time_ms = arrival_ms if before is None else before
                self.row(source, time_ms, record_id, line, arrival_ms)
            elif line.fate == "reject":
                self.reject(source, place, ordinal, line, record_id, arrival_ms)
            else:
                self.counts[source, line.name] += 1

    def broken(self, source: str, place: object, identity: str, reason: str, at_ms: int) -> None:
        """A record that cannot be opened was accepted: one event."""
        self.bad.setdefault(place, Bad(source)).whole = reason
        self.rejects[source, at_ms, signed(h64(identity, "record"))] = reason
        self.counts[source, "reject"] += 1


def h64(*parts: str) -> int:
    """The hash of the design: BLAKE2b, 64 bits, big-endian, over parts joined by NUL."""
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")


def signed(number: int) -> int:
    """A number modulo 2^64 as int64."""
    number %= 1 << 64
    return number - (1 << 64) if number >= 1 << 63 else number
