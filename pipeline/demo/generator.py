"""The traffic of the demo as CloudWatch Logs subscriptions would carry it.

The same seed and the same calls give the same bytes. Event ids are built as captures show them: the
event's timestamp in the bits from 144 up, bits that are one put's own, an ordinal in the lowest 16.

Source: Amazon CloudWatch Logs User Guide, "Log group-level subscription filters".
"""

import gzip
import heapq
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.demo.access import ACCESS_GROUP, LINES_A_FLOW_LINE, Access
from pipeline.demo.apps import APP_GROUPS, Apps
from pipeline.demo.flows import FLOW_FORMAT, FLOW_GROUP, Flows, FlowSums
from pipeline.demo.talks import Talks
from pipeline.demo.world import ACCOUNT, NETWORKS, Put, World

__all__ = [
    "FLOW_FORMAT",
    "LOG_GROUPS",
    "NETWORKS",
    "Emission",
    "Generator",
    "SourceTruth",
    "Tally",
    "Truth",
]

LOG_GROUPS: Mapping[str, str] = {
    FLOW_GROUP: "vpc-flow",
    ACCESS_GROUP: "alb",
    **dict.fromkeys(APP_GROUPS, "app-log"),
}

DROPS = ("blank",)
APP_SHARE = 0.15
SLICE_S = 5.0
MAX_EVENTS = 10_000  # of one put, so of one envelope
REDELIVERED_SHARE = 0.005
CONTROL_EVERY_S = 180.0
COMPRESSION = 4

DAY_S = 900.0  # the demo's day: a visit of minutes sees busy and quiet hours
SCAN_LEAD_S, SCAN_GROWS_S, SCAN_EVERY_S, SCAN_PEAK = 300.0, 600.0, 1_500.0, 0.1


@dataclass(frozen=True, slots=True)
class Emission:
    """One record for the stream."""

    source: str
    key: str  # partition key: the log stream
    payload: bytes  # gzip of one subscription envelope


@dataclass(slots=True)
class Tally:
    """What a reader of envelopes must find in them."""

    envelopes: int = 0
    events: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # by reason
    dropped: Counter[str] = field(default_factory=Counter)  # by name

    @property
    def rows(self) -> int:
        """Events that become rows."""
        return self.events - self.rejected.total() - self.dropped.total()

    def add(self, other: "Tally") -> None:
        """Count another tally in."""
        self.envelopes += other.envelopes
        self.events += other.events
        self.rejected.update(other.rejected)
        self.dropped.update(other.dropped)


@dataclass(slots=True)
class SourceTruth:
    """One source's counts since the start."""

    once: Tally = field(default_factory=Tally)  # each distinct event once
    again: Tally = field(default_factory=Tally)  # redelivered envelopes
    control_messages: int = 0  # each holds one event

    @property
    def events_in(self) -> int:
        """What the ledger must count: every event of every record."""
        return self.once.events + self.again.events + self.control_messages


@dataclass(slots=True)
class Truth:
    """What the generator knows about everything that it has emitted."""

    sources: dict[str, SourceTruth]
    flows: FlowSums


@dataclass(order=True, slots=True)
class _Repeat:
    due_s: float
    number: int
    emission: Emission = field(compare=False)
    tally: Tally = field(compare=False)


class Generator:
    """A small company's flow logs, application logs, and the access log of its web site."""

    def __init__(self, seed: int = 1, events_per_s: float = 800) -> None:
        if not events_per_s > 0:
            raise ValueError(f"events_per_s must be positive, not {events_per_s}")
        self._rate = events_per_s
        self._rng = np.random.default_rng(seed)
        world = World()
        self._talks = Talks(world, self._rng)
        self._flows = Flows(world, self._rng)
        self._access = Access(world, self._rng)
        # Seeded on purpose: nothing here is a secret.
        self._apps = Apps(self._rng, random.Random(seed))  # noqa: S311
        self._repeats: list[_Repeat] = []
        self._number = 0
        self._origin_s: float | None = None
        sources = {source: SourceTruth() for source in LOG_GROUPS.values()}
        self.truth = Truth(sources, self._flows.sums)

    def emit(self, now_ms: int, seconds: float) -> list[Emission]:
        """What arrives between `seconds` before now and now, oldest first."""
        return list(self.arrivals(now_ms, seconds))

    def arrivals(self, now_ms: int, seconds: float) -> Iterator[Emission]:
        """The same, piece by piece: a long history need not be held in memory."""
        if seconds <= 0:
            return
        now_s = now_ms / 1000
        if self._origin_s is None:
            self._origin_s = now_s
            # A new subscription is tried out before the first event goes through it.
            yield from [self._control(source, now_s - seconds) for source in self.truth.sources]
        pieces = math.ceil(seconds / SLICE_S)
        for piece in range(pieces):
            begin_s = now_s - seconds + piece * seconds / pieces
            yield from self._slice(begin_s, seconds / pieces, self._origin_s)

    def _slice(self, begin_s: float, seconds: float, origin_s: float) -> list[Emission]:
        age_s = begin_s - origin_s
        events = self._rate * seconds * busyness(age_s)
        lines = events * (1 - APP_SHARE) / (1 + LINES_A_FLOW_LINE)
        drawn = self._talks.draw(begin_s, seconds, lines, scan_share(age_s))
        puts = self._flows.arrive(begin_s, seconds, self._talks.sights(drawn))
        puts += self._access.arrive(drawn, origin_s)
        puts += self._apps.arrive(begin_s, seconds, events * APP_SHARE)
        emissions = [self._envelope(cut, begin_s) for put in puts for cut in _cuts(put)]
        while self._repeats and self._repeats[0].due_s < begin_s + seconds:
            repeat = heapq.heappop(self._repeats)
            self.truth.sources[repeat.emission.source].again.add(repeat.tally)
            emissions.append(repeat.emission)
        for source in self.truth.sources:
            if self._rng.random() < seconds / CONTROL_EVERY_S:
                emissions.append(self._control(source, begin_s))
        return [emissions[at] for at in self._rng.permutation(len(emissions))]

    def _envelope(self, put: Put, arrival_s: float) -> Emission:
        source = LOG_GROUPS[put.log_group]
        base = int.from_bytes(self._rng.bytes(16), "big") << 16
        events = ",".join(
            [
                f'{{"id":"{(at << 144) + number:056d}","timestamp":{at},"message":"{text}"}}'
                for number, (at, text) in enumerate(
                    zip(put.times, put.messages, strict=True), start=base
                )
            ]
        )
        head = _head("DATA_MESSAGE", ACCOUNT, put.log_group, put.log_stream, ["tailrace"])
        emission = Emission(source, put.log_stream, _pack(f"{head}{events}]}}"))
        tally = Tally(1, len(put.times))
        for outcome in put.outcomes.values():
            (tally.dropped if outcome in DROPS else tally.rejected)[outcome] += 1
        self.truth.sources[source].once.add(tally)
        if self._rng.random() < REDELIVERED_SHARE:
            due_s = arrival_s + SLICE_S + self._rng.exponential(20)
            self._number += 1
            heapq.heappush(self._repeats, _Repeat(due_s, self._number, emission, tally))
        return emission

    def _control(self, source: str, at_s: float) -> Emission:
        """CloudWatch's own probe of whether the stream can be reached."""
        text = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
        event = json.dumps({"id": "", "timestamp": int(at_s * 1000), "message": text})
        self.truth.sources[source].control_messages += 1
        head = _head("CONTROL_MESSAGE", "CloudwatchLogs", "", "", [])
        return Emission(source, "control", _pack(f"{head}{event}]}}"))


def busyness(age_s: float) -> float:
    """The rate against its mean, by seconds since the start; 1 at the start and over a day."""
    day = 2 * math.pi * age_s / DAY_S
    return 1 + 0.3 * math.sin(day) + 0.12 * math.sin(2 * day) + 0.05 * math.sin(9 * day)


def scan_share(age_s: float) -> float:
    """The port scan's share of the flow lines: it grows, stops, and comes again."""
    grown = (age_s + SCAN_LEAD_S) % SCAN_EVERY_S / SCAN_GROWS_S
    return SCAN_PEAK * grown**2 if grown <= 1 else 0.0


def _cuts(put: Put) -> Iterator[Put]:
    """The put in pieces that one request of PutLogEvents takes."""
    if len(put.times) <= MAX_EVENTS:
        yield put
        return
    for low in range(0, len(put.times), MAX_EVENTS):
        high = low + MAX_EVENTS
        outcomes = {at - low: what for at, what in put.outcomes.items() if low <= at < high}
        times, messages = put.times[low:high], put.messages[low:high]
        yield Put(put.log_group, put.log_stream, times, messages, outcomes)


def _head(kind: str, owner: str, group: str, stream: str, filters: list[str]) -> str:
    """The envelope up to its first event."""
    fields = {
        "messageType": kind,
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": filters,
        "logEvents": [],
    }
    return json.dumps(fields, separators=(",", ":")).removesuffix("]}")


def _pack(envelope: str) -> bytes:
    return gzip.compress(envelope.encode(), COMPRESSION, mtime=0)
