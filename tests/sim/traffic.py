"""Lines with known outcomes, and the carriers around them. Nothing here asks the product."""

import base64
import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random

from tests.sim.truth import Bad, Line, Truth, h64, signed

VPC, APP = "vpc-flow", "app-log"
GROUPS = {VPC: "flow-logs", APP: "/aws/lambda/shop"}
OWN_GROUP = "/aws/lambda/tailrace-etl"
# Its flow logs have a format that is declared only later.
CUSTOM_GROUP = "custom-flow-logs"
ACCOUNT = "123456789010"
HEADER = (
    b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes"
    b" start end action log-status"
)
# Fields in another order and one more: what no default reads.
CUSTOM_FORMAT = (
    "${interface-id} ${srcaddr} ${dstaddr} ${bytes} ${start} ${end} ${action} ${log-status}"
    " ${vpc-id} ${version} ${account-id} ${srcport} ${dstport} ${protocol} ${packets} ${region}"
)
FIRST_ID = 31_953_106_606_966_983_378_809_025_079_804_211_143_289_615_424_298_221_568
# (part of a good line, what stands in its place, reason)
SPOILT = (
    (b" ACCEPT", b" MAYBE", "value"),
    (b"10.0.0.9", b"10.0.0.999", "address"),
    (b" 443 ", b" 70443 ", "range"),
    (b" 443 ", b" 0x16 ", "type"),
    (b" 443 ", b" 4_43 ", "type"),
    (b" OK", b" OK more", "field_count"),
    (b" OK", b" \x01K", "control_char"),
)
NOT_IN_JSON = ((b" OK", b" O\xff", "encoding"),)


@dataclass(frozen=True)
class Event:
    """One CloudWatch event of a log stream."""

    event_id: int
    sent_ms: int
    line: Line


class Traffic:
    """Makes lines; every good one has a number of its own, but for the twins."""

    def __init__(self, random: Random) -> None:
        self.random = random
        # What a line in another format is, once it is read by that format.
        self.mended: dict[bytes, Line] = {}
        self._numbers = count(1)
        self._ids = count(FIRST_ID + random.randrange(1 << 70), 7)
        self.streams = {source: [f"{source}-{letter}" for letter in "ab"] for source in (VPC, APP)}

    def flow(self, now_ms: int, custom: bool = False) -> Line:
        """A good flow line."""
        number, port = next(self._numbers), self.random.randrange(1_024, 65_536)
        end = now_ms // 1000 - self.random.choice((0, 5, 60, 4_000, 90_000))
        if custom:
            raw = (
                f"eni-1 10.0.0.7 10.0.0.9 {number} {end - 60} {end} ACCEPT OK vpc-1 2 {ACCOUNT}"
                f" {port} 443 6 20 eu-west-1"
            )
        else:
            raw = (
                f"2 {ACCOUNT} eni-1 10.0.0.7 10.0.0.9 {port} 443 6 20 {number} {end - 60} {end}"
                " ACCEPT OK"
            )
        content = ("10.0.0.7", "10.0.0.9", port, 443, 6, 20, number, "ACCEPT", "OK")
        return Line(raw.encode(), "row", "", end * 1000, content)

    def bad_flow(self, now_ms: int, in_json: bool) -> Line:
        """A flow line that can never be a row."""
        choice = self.random.randrange(10)
        if choice == 0:
            number = next(self._numbers)
            return Line(f"garbage {number}".encode(), "reject", "field_count")
        if choice == 1:
            future = self.flow(now_ms + 5 * 86_400_000)
            return Line(future.raw, "reject", "time_range")
        good, bad, reason = self.random.choice(SPOILT if in_json else SPOILT + NOT_IN_JSON)
        return Line(self.flow(now_ms).raw.replace(good, bad, 1), "reject", reason)

    def app(self, now_ms: int, plain: bool) -> Line:
        """A good application log line; a plain one may have its own time."""
        number = next(self._numbers)
        level = self.random.choice(("INFO", "ERROR"))
        if plain and self.random.random() < 0.6:
            time_ms = now_ms - self.random.choice((0, 17, 60_000, 90_000_000))
            at = datetime.fromtimestamp(time_ms / 1000, UTC)
            stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
            text = f"{stamp} {level} order {number} came"
            return Line(text.encode(), "row", "", time_ms, (text, level))
        text = f"  at line {number}"
        return Line(text.encode(), "row", "", None, (text, None))

    def plain_lines(self, source: str, now_ms: int, at_most: int = 6) -> list[Line]:
        """Lines of a file or a body: good, bad, twins, blanks and headers."""
        lines: list[Line] = []
        for _ in range(self.random.randint(1, at_most)):
            chance = self.random.random()
            if chance < 0.12:
                lines.append(Line(b"", "drop", "blank"))
            elif chance < 0.18 and source == VPC:
                lines.append(Line(HEADER, "drop", "header"))
            elif chance < 0.4 and source == VPC:
                lines.append(self.bad_flow(now_ms, in_json=False))
            elif chance < 0.5 and source == APP:
                number = next(self._numbers)
                lines.append(Line(b"spoilt \xff %d" % number, "reject", "encoding"))
            elif chance < 0.6 and lines and lines[-1].fate != "drop":
                lines.append(lines[-1])  # equal lines of one carrier are two events
            else:
                good = self.flow(now_ms) if source == VPC else self.app(now_ms, plain=True)
                lines.append(good)
        return lines

    def events(self, source: str, now_ms: int) -> list[Event]:
        """Events of a CloudWatch log stream, with ids of their own."""
        found: list[Event] = []
        for _ in range(self.random.randint(1, 5)):
            chance = self.random.random()
            if source == APP:
                line = self.app(now_ms, plain=False)
            elif chance < 0.25:
                line = self.bad_flow(now_ms, in_json=True)
            elif chance < 0.35 and found:
                line = found[-1].line
            else:
                line = self.flow(now_ms)
            found.append(Event(next(self._ids), now_ms - 1_000, line))
        return found


@dataclass(frozen=True)
class Envelope:
    """Events of one log stream as CloudWatch sends them; control and own ones are drops."""

    source: str
    stream: str
    events: tuple[Event, ...]
    group: str
    control: bool = False

    def payload(self, packing: str) -> bytes:
        """The bytes of the record: plain, gzipped, or base64 of gzip."""
        whole = {
            "messageType": "CONTROL_MESSAGE" if self.control else "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": self.group,
            "logStream": self.stream,
            "subscriptionFilters": ["all"],
            "logEvents": [
                {
                    "id": f"{event.event_id:056d}",
                    "timestamp": event.sent_ms,
                    "message": event.line.raw.decode(),
                }
                for event in self.events
            ],
        }
        text = json.dumps(whole).encode()
        if packing == "plain":
            return text
        packed = gzip.compress(text, compresslevel=1, mtime=0)
        return base64.b64encode(packed) if packing == "base64" else packed

    def accept(self, truth: Truth, place: object, arrival_ms: int) -> None:
        """Note what must become of the events."""
        for ordinal, event in enumerate(self.events):
            line = event.line
            record_id = signed(h64(ACCOUNT, self.group, self.stream) + event.event_id)
            if self.control or self.group == OWN_GROUP:
                name = "control" if self.control else "own_log"
                truth.counts[self.source, name] += 1
            elif line.fate == "row":
                time_ms = event.sent_ms if line.time_ms is None else line.time_ms
                known = Line(line.raw, "row", "", time_ms, (*line.content, *self._provenance()))
                truth.row(self.source, time_ms, record_id, known, arrival_ms)
                if self.group == CUSTOM_GROUP:
                    bad = truth.bad.setdefault(place, Bad(self.source))
                    bad.mended[ordinal] = ("field_count", line.raw)
                    bad.ids[ordinal] = f"{event.event_id:056d}"
            else:
                truth.reject(self.source, place, ordinal, line, record_id, arrival_ms)
                truth.bad[place].ids[ordinal] = f"{event.event_id:056d}"

    def _provenance(self) -> tuple[str, str, str]:
        return self.group, self.stream, ACCOUNT


@dataclass(frozen=True)
class Plain:
    """Plain lines as one record; `identity` "": known by their place in the stream."""

    source: str
    lines: tuple[Line, ...]
    identity: str = ""

    def payload(self, packing: str) -> bytes:
        """The bytes of the record."""
        text = joined(self.lines)
        return text if packing == "plain" else gzip.compress(text, compresslevel=1, mtime=0)

    def accept(self, truth: Truth, place: object, key: str, seq: int, arrival_ms: int) -> None:
        """Note what must become of the lines."""
        identity = self.identity or truth.stream_identity(key, seq)
        truth.plain(self.source, place, identity, with_provenance(self.lines), arrival_ms)


@dataclass(frozen=True)
class Broken:
    """A record that cannot be opened."""

    source: str
    content: bytes
    reason: str


def broken(random: Random, source: str, number: int) -> Broken:
    """A record that cannot be opened, one of several ways."""
    whole = gzip.compress(b"no line %d\n" % number, mtime=0)
    return random.choice(
        (
            Broken(source, b"", "empty"),
            Broken(source, whole[:-5], "gzip_truncated"),
            Broken(source, whole[:-8] + bytes(8), "gzip_corrupt"),
            Broken(source, whole + b"junk", "gzip_junk"),
        )
    )


def joined(lines: tuple[Line, ...] | list[Line]) -> bytes:
    """Lines as text, each with its newline."""
    return b"".join(line.raw + b"\n" for line in lines)


def with_provenance(lines: tuple[Line, ...], group: str | None = None) -> list[Line]:
    """The same lines with what a row says of their origin."""
    origin = (group, None, None)
    return [
        Line(line.raw, line.fate, line.name, line.time_ms, (*line.content, *origin))
        for line in lines
    ]
