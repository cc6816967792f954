"""The corpus: VPC flow log lines in the envelopes that CloudWatch Logs sends, made from a seed.

One envelope holds lines of one network interface; an invocation holds about 1 MB of base64.
"""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.base import V2
from bench.digest import HOUR
from bench.flows import (
    ACCOUNT,
    INTERFACES,
    Numbers,
    flow_lines,
    interface_ids,
    spoil,
    truncate,
    zipf,
)

FIRST_SECOND = HOUR - 60  # so that the first invocation lies on both sides of the hour
SPAN_S = 3_600
LOG_GROUP = "/vpc/flow-logs"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Lines of one format, and the same lines as invocations of base64 payloads.

    columns       AWS's field names, in the order of a line
    lines         all lines in order of arrival
    invocations   base64 payloads of gzip envelopes; each ends with a CONTROL_MESSAGE
    line_counts   lines of each invocation
    rejects       lines that cannot become rows, by reason
    bad           their numbers, from 0
    """

    columns: Sequence[str]
    lines: Sequence[str]
    invocations: list[list[str]]
    line_counts: list[int]
    rejects: dict[str, int] = field(default_factory=dict)
    bad: frozenset[int] = frozenset()

    @property
    def text(self) -> bytes:
        """All lines, each with its newline: the content of a file."""
        return newline_joined(self.lines)

    @property
    def first_good(self) -> bytes:
        """The first invocation's lines, without those that must be rejected."""
        first = range(self.line_counts[0])
        return newline_joined([self.lines[i] for i in first if i not in self.bad])

    def figures(self) -> dict[str, float]:
        """Sizes that tell whether this corpus is still the one of older figures."""
        payloads = sum(len(invocation) - 1 for invocation in self.invocations)
        base64_bytes = sum(len(p) for invocation in self.invocations for p in invocation)
        return {
            "lines": len(self.lines),
            "invocations": len(self.invocations),
            "envelopes": payloads,
            "lines_per_envelope": len(self.lines) / payloads,
            "bytes_per_line": len(self.text) / len(self.lines),
            "base64_bytes_per_line": base64_bytes / len(self.lines),
            "bad_lines": len(self.bad),
        }


def newline_joined(lines: Sequence[str]) -> bytes:
    """Each line with its newline, as UTF-8."""
    return "".join([line + "\n" for line in lines]).encode()


def build(
    line_count: int,
    columns: Sequence[str] = V2,
    *,
    bad_share: float = 0.0,
    invocation_bytes: int = 1_000_000,
    seed: int = 3,
) -> Corpus:
    """Make a corpus; with `bad_share`, the same one with that share of its lines spoiled.

    `invocation_bytes` bounds the base64 of one invocation (a single envelope may exceed it).
    """
    rng = np.random.default_rng(seed)
    envelope_sizes = envelopes(rng, line_count)
    interfaces = zipf(rng, INTERFACES, 0.8, len(envelope_sizes))
    times = FIRST_SECOND + np.arange(line_count) * SPAN_S // line_count
    lines = flow_lines(rng, np.repeat(interfaces, envelope_sizes), times, columns)
    rejects = truncate(rng, lines)
    rejects |= spoil(np.random.default_rng(seed + 1), lines, columns, bad_share)
    payloads = list(payloads_of(rng, lines, times, envelope_sizes, interfaces))
    invocations, line_counts = grouped(payloads, envelope_sizes.tolist(), invocation_bytes)
    return Corpus(
        tuple(columns),
        lines,
        invocations,
        line_counts,
        dict(Counter(rejects.values())),
        frozenset(rejects),
    )


def envelopes(rng: np.random.Generator, line_count: int) -> Numbers:
    """Lines in each envelope: log-normal, median 400, mean 577, at most 6,000."""
    drawn = rng.lognormal(np.log(400), 0.856, line_count // 100 + 10)
    sizes = np.clip(drawn.round(), 1, 6_000).astype(np.int64)
    last = int(np.searchsorted(sizes.cumsum(), line_count))
    sizes = sizes[: last + 1]
    sizes[last] -= sizes.sum() - line_count
    return sizes


def payloads_of(
    rng: np.random.Generator,
    lines: list[str],
    times: Numbers,
    sizes: Numbers,
    interfaces: Numbers,
) -> Iterator[str]:
    """The base64 payloads: one gzip envelope for each run of `sizes` lines."""
    timestamps = (times * 1000).tolist()
    streams = interface_ids()[interfaces] + "-all"
    for size, stop, stream in zip(sizes, sizes.cumsum(), streams, strict=True):
        part = slice(stop - size, stop)
        events = log_events(lines[part], timestamps[part], int(rng.integers(2**62)))
        yield payload(envelope("DATA_MESSAGE", stream, events))


def log_events(lines: list[str], timestamps: list[int], batch: int) -> list[dict[str, Any]]:
    """Log events with CloudWatch's ids: time, a number of the batch, an ordinal; consecutive."""
    first = (timestamps[0] << 144) + (batch << 16)
    return [
        {"id": f"{first + ordinal:056d}", "timestamp": timestamp, "message": line}
        for ordinal, (line, timestamp) in enumerate(zip(lines, timestamps, strict=True))
    ]


def envelope(kind: str, log_stream: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The JSON of a CloudWatch Logs subscription."""
    return {
        "messageType": kind,
        "owner": ACCOUNT,
        "logGroup": LOG_GROUP,
        "logStream": log_stream,
        "subscriptionFilters": ["flow-logs-to-kinesis"],
        "logEvents": events,
    }


def control() -> str:
    """The payload that CloudWatch Logs sends to see whether the destination can be reached."""
    text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    event = {"id": "", "timestamp": FIRST_SECOND * 1000, "message": text}
    return payload(envelope("CONTROL_MESSAGE", "", [event]) | {"owner": "CloudwatchLogs"})


def payload(content: dict[str, Any]) -> str:
    """Base64 of the gzip of compact JSON, as a Kinesis event carries it."""
    raw = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode()


def grouped(
    payloads: list[str], sizes: list[int], most_bytes: int
) -> tuple[list[list[str]], list[int]]:
    """Invocations of at most `most_bytes`, each closed by a CONTROL_MESSAGE, and their lines."""
    invocations: list[list[str]] = []
    line_counts: list[int] = []
    held = 0
    for text, size in zip(payloads, sizes, strict=True):
        if not invocations or held + len(text) > most_bytes:
            invocations.append([])
            line_counts.append(0)
            held = 0
        invocations[-1].append(text)
        line_counts[-1] += size
        held += len(text)
    for invocation in invocations:
        invocation.append(control())
    return invocations, line_counts
