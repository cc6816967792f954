"""Reads the demo's envelopes back, strictly and without the product's parser."""

import gzip
import json
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.demo.generator import FLOW_FORMAT, Emission, Generator
from tests.demo import access

FIELDS = re.findall(r"\$\{([^}]+)\}", FLOW_FORMAT)
RANGES = {
    "version": 255,
    "srcport": 65_535,
    "dstport": 65_535,
    "protocol": 255,
    "packets": 10**18 - 1,
    "bytes": 10**18 - 1,
    "tcp-flags": 255,
    "traffic-path": 8,
}
CLOSED = {
    "action": ("ACCEPT", "REJECT"),
    "log-status": ("OK", "NODATA", "SKIPDATA"),
    "type": ("IPv4", "IPv6"),
    "flow-direction": ("ingress", "egress"),
    "account-id": ("111122223333",),
}
SHAPES = {
    "interface-id": r"eni-[0-9a-f]{17}",
    "vpc-id": r"vpc-[0-9a-f]{17}",
    "subnet-id": r"subnet-[0-9a-f]{17}",
    "instance-id": r"i-[0-9a-f]{17}",
    "pkt-dst-aws-service": r"S3|DYNAMODB",
}


@dataclass(frozen=True)
class Seen:
    """One event as a reader of the envelopes meets it."""

    source: str
    stream: str
    arrival_s: float
    outcome: str  # "row", a reject reason or the name of a drop
    id: str
    timestamp: int
    message: str


@dataclass(frozen=True)
class Run:
    """What a generator emitted, with the time of each emission."""

    generator: Generator
    emissions: list[tuple[float, Emission]]

    @cached_property
    def events(self) -> list[Seen]:
        """Every event once."""
        events: dict[tuple[str, str, str], Seen] = {}
        for arrival_s, emission in self.emissions:
            read = envelope(emission)
            for event in read["logEvents"] if read["messageType"] == "DATA_MESSAGE" else ():
                verdict = judged(emission.source, event["message"], arrival_s)
                seen = Seen(emission.source, emission.key, arrival_s, verdict, *event.values())
                events.setdefault((read["logGroup"], read["logStream"], event["id"]), seen)
        return list(events.values())

    @cached_property
    def traffic(self) -> list[tuple[float, dict[str, str]]]:
        """Good flow lines with traffic, with their arrival."""
        good = [
            (seen.arrival_s, dict(zip(FIELDS, seen.message.split(), strict=True)))
            for seen in self.events
            if seen.source == "vpc-flow" and seen.outcome == "row"
        ]
        return [(at, line) for at, line in good if line["log-status"] == "OK"]

    @cached_property
    def flows(self) -> list[dict[str, str]]:
        """Good flow lines with traffic."""
        return [line for _, line in self.traffic]

    @cached_property
    def requests(self) -> list[dict[str, str]]:
        """Good lines of the load balancer's access log."""
        return [
            dict(zip(access.FIELDS, access.tokens(seen.message), strict=True))
            for seen in self.events
            if seen.source == "alb" and seen.outcome == "row"
        ]


def judged(source: str, line: str, arrival_s: float) -> str:
    """What becomes of a line: "row", a reject reason or the name of a drop."""
    if source == "vpc-flow":
        return outcome(line, arrival_s)
    return access.outcome(line) if source == "alb" else "row"


def run_of(generator: Generator, moments_ms: Iterable[int], seconds: float) -> Run:
    """Let a generator emit at each moment."""
    emissions = [(at / 1000, each) for at in moments_ms for each in generator.emit(at, seconds)]
    return Run(generator, emissions)


def envelope(emission: Emission) -> dict[str, Any]:
    """The subscription envelope of one emission."""
    read: dict[str, Any] = json.loads(gzip.decompress(emission.payload))
    return read


def is_address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return False
    return True


def token_fault(name: str, token: str, arrival_s: float) -> str | None:
    if token == "-":  # noqa: S105
        return None
    if name in RANGES:
        if not re.fullmatch("[0-9]+", token):
            return "type"
        return None if int(token) <= RANGES[name] else "range"
    if name in ("start", "end"):
        return None if 86_400 <= int(token) <= arrival_s + 86_400 else "time_range"
    if name.endswith("addr"):
        return None if is_address(token) else "address"
    if name in CLOSED:
        return None if token in CLOSED[name] else "value"
    return None if re.fullmatch(SHAPES.get(name, ".+"), token) else "shape"


def outcome(line: str, arrival_s: float) -> str:
    """A strict reader's verdict, written without the product's parser."""
    if not line.strip(" "):
        return "blank"
    if re.search(r"[\x00-\x1f\x7f]", line):
        return "control_char"
    if re.search(r"[\ud800-\udfff]", line):
        return "encoding"
    tokens = line.split()
    if len(tokens) != len(FIELDS):
        return "field_count"
    pairs = zip(FIELDS, tokens, strict=True)
    faults = (token_fault(name, token, arrival_s) for name, token in pairs)
    return next((fault for fault in faults if fault), "row")
