"""Flow log lines of the demo, versions 2 to 5, drawn in columns.

A talk is one exchange between two addresses within an aggregation window. Each interface that sees
it logs it: both ends when both are inside, and a NAT gateway on both of its sides.

Source: Amazon VPC User Guide, "Flow log records" and "Flow log record examples".
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.world import ACCOUNT, Ints, Put, World

FLOW_GROUP = "/heron/vpc/flow-logs"
FLOW_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport}"
    " ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${vpc-id}"
    " ${subnet-id} ${instance-id} ${tcp-flags} ${type} ${pkt-srcaddr} ${pkt-dstaddr} ${region}"
    " ${az-id} ${sublocation-type} ${sublocation-id} ${pkt-src-aws-service}"
    " ${pkt-dst-aws-service} ${flow-direction} ${traffic-path}"
)
FIELDS = re.findall(r"\$\{([a-z-]+)\}", FLOW_FORMAT)

WINDOW_S = 60
IDLE_DELAY_S = 4
SKIPDATA_SHARE = 0.0007
BROKEN_SHARE = 0.0005
PLAIN = ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
STATUSES = np.array(["ACCEPT OK", "REJECT OK"], object)
TYPES = np.array(["IPv4", "IPv6"], object)
DIRECTIONS = np.array(["egress", "ingress"], object)
PATHS = np.array(["-", *"12345678"], object)
AHEAD_S = 4 * 86_400  # later than any flow may end


def _set(name: str, value: str) -> Callable[[list[str]], list[str]]:
    at = FIELDS.index(name)
    return lambda tokens: [*tokens[:at], value, *tokens[at + 1 :]]


# What a broken line is broken by, and what becomes of it
BREAKS: tuple[tuple[str, Callable[[list[str]], list[str]]], ...] = (
    ("range", _set("dstport", "70443")),
    ("type", _set("packets", "0x1f")),
    ("field_count", lambda tokens: tokens[:-3]),
    ("field_count", lambda tokens: [*tokens, "-"]),
    ("address", _set("dstaddr", "10.20.300.7")),
    ("value", _set("action", "DROPPED")),
    ("control_char", _set("vpc-id", "vpc-\x07")),
    ("control_char", lambda tokens: ["\t".join(tokens)]),
    ("encoding", _set("instance-id", "i-\ud83d")),  # half of a surrogate pair
    ("time_range", lambda tokens: _set("end", str(int(tokens[11]) + AHEAD_S))(tokens)),
    ("blank", lambda tokens: ["  "]),
)


@dataclass(slots=True)
class FlowSums:
    """What the flow lines add up to, broken ones left out, each line once."""

    accepted_lines: int = 0
    rejected_lines: int = 0
    nodata: int = 0
    skipdata: int = 0
    accepted_bytes: int = 0
    accepted_bytes_once: int = 0  # without the ingress rows of flows that another end logged too
    rejected_bytes: int = 0
    talkers: Counter[str] = field(default_factory=Counter)  # accepted bytes by srcaddr
    rejected_ports: Counter[int] = field(default_factory=Counter)  # lines by dstport


class Flows:
    """The flow log group: one stream an interface."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.sums = FlowSums()
        self._world = world
        self._rng = rng
        self._heads = np.array([f"5 {ACCOUNT} {eni}" for eni in world.interfaces], object)

    def arrive(self, begin_s: float, seconds: float, seen: NDArray[Any]) -> list[Put]:
        """What reaches the log group from `begin_s` on: these sights, and empty intervals."""
        puts = []
        if len(seen):
            texts = self._texts(seen)
            outcomes = self._spoil(seen, texts)
            self._add_up(seen, outcomes)
            cuts = np.flatnonzero(np.diff(seen["interface"])) + 1
            bounds = [0, *cuts.tolist(), len(seen)]
            interfaces = seen["interface"][bounds[:-1]].tolist()
            times = (seen["start"] * 1000).tolist()
            for number, low, high in zip(interfaces, bounds[:-1], bounds[1:], strict=True):
                own = {at - low: outcome for at, outcome in outcomes.items() if low <= at < high}
                puts.append(self._put(number, times[low:high], texts[low:high], own))
        return puts + self._idle(begin_s, seconds)

    def _texts(self, seen: NDArray[Any]) -> list[str]:
        """One line a sight; nothing in it needs an escape in JSON."""
        world, at = self._world, seen["interface"]
        columns = [
            self._heads[at],
            world.addresses[seen["src"]],
            world.addresses[seen["dst"]],
            *(seen[name] for name in PLAIN),
            STATUSES[seen["rejected"].astype(int)],
            world.placed[at],
            seen["flags"],
            TYPES[world.is_six[seen["src"]].astype(int)],
            world.addresses[seen["pkt_src"]],
            world.addresses[seen["pkt_dst"]],
            world.zoned[at],
            world.services[seen["pkt_src"]],
            world.services[seen["pkt_dst"]],
            DIRECTIONS[seen["ingress"].astype(int)],
            PATHS[seen["path"]],
        ]
        line = " ".join(["%s"] * len(columns))
        return [line % row for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _spoil(self, seen: NDArray[Any], texts: list[str]) -> dict[int, str]:
        """Turn a few lines into SKIPDATA and break a few; returns what becomes of the broken."""
        luck = self._rng.random(len(texts))
        skipped = np.flatnonzero(luck < SKIPDATA_SHARE).tolist()
        for at in skipped:
            end = int(seen["end"][at])
            texts[at] = self._empty(int(seen["interface"][at]), end, "SKIPDATA")
            seen["start"][at] = end - WINDOW_S + 1
            seen["skipped"][at] = True
        self.sums.skipdata += len(skipped)
        outcomes = {}
        for at in np.flatnonzero(luck > 1 - BROKEN_SHARE).tolist():
            outcomes[at], breaks = BREAKS[self._rng.integers(len(BREAKS))]
            texts[at] = json.dumps(" ".join(breaks(texts[at].split())))[1:-1]
        return outcomes

    def _add_up(self, seen: NDArray[Any], outcomes: dict[int, str]) -> None:
        whole = ~seen["skipped"]
        whole[list(outcomes)] = False
        accepted = seen[whole & ~seen["rejected"]]
        rejected = seen[whole & seen["rejected"]]
        known = accepted["src"] < self._world.inside_count
        sums, sizes = self.sums, accepted["bytes"]
        sums.accepted_lines += len(accepted)
        sums.rejected_lines += len(rejected)
        sums.accepted_bytes += int(sizes.sum())
        sums.accepted_bytes_once += int(sizes[~(accepted["ingress"] & known)].sum())
        sums.rejected_bytes += int(rejected["bytes"].sum())
        sums.rejected_ports.update(rejected["dstport"].tolist())
        self._add_talkers(accepted["src"], sizes)

    def _add_talkers(self, sources: Ints, sizes: Ints) -> None:
        totals = np.zeros(len(self._world.addresses), np.int64)
        np.add.at(totals, sources, sizes)
        for number in np.flatnonzero(totals).tolist():
            self.sums.talkers[self._world.addresses[number]] += int(totals[number])

    def _idle(self, begin_s: float, seconds: float) -> list[Put]:
        """A NODATA line each minute from every interface without traffic."""
        puts = []
        for rank, number in enumerate(self._world.idle):
            phase = rank * WINDOW_S / len(self._world.idle)
            first = math.ceil((begin_s - phase) / WINDOW_S)
            last = math.ceil((begin_s + seconds - phase) / WINDOW_S)
            for window in range(first, last):
                end = int(window * WINDOW_S + phase) - IDLE_DELAY_S
                line = self._empty(number, end, "NODATA")
                puts.append(self._put(number, [(end - WINDOW_S + 1) * 1000], [line], {}))
        self.sums.nodata += len(puts)
        return puts

    def _empty(self, number: int, end: int, status: str) -> str:
        """A line that keeps interface, start and end only; the rest was not recorded."""
        window = f"{end - WINDOW_S + 1} {end}"
        return f"{self._heads[number]}{' -' * 7} {window} - {status}{' -' * 15}"

    def _put(
        self, number: int, times: list[int], texts: list[str], outcomes: dict[int, str]
    ) -> Put:
        stream = f"{self._world.interfaces[number]}-all"
        return Put(FLOW_GROUP, stream, times, texts, outcomes)
