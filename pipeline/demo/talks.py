"""Who talks to whom in the demo, and which interfaces see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.world import Ints, World, delays, zipf

TCP, UDP, ICMP = 6, 17, 1
HTTP, HTTPS = 80, 443
HEADERS = {TCP: 40, UDP: 28, ICMP: 28}  # bytes of the smallest packet
DATABASE = 5432
SCANNED_PORTS = 10_000
SAME_VPC, PEERING, ENDPOINT, INTERNET_GATEWAY = 1, 4, 7, 8  # traffic-path
LONGEST_S = 59
WHOLE, OPENING, RUNNING, CLOSING, RESET = range(5)  # the part of a connection that a window saw
PHASE_SHARES = (0.72, 0.08, 0.1, 0.08, 0.02)
CLIENT_FLAGS = np.array([3, 2, 0, 1, 2])  # SYN and FIN, by part
SERVER_FLAGS = np.array([19, 18, 0, 1, 4])  # SYN-ACK and FIN or RST

TALK = np.dtype(
    [(name, np.int64) for name in ("client", "server", "client_at", "server_at", "nat")]
    + [(name, np.int64) for name in ("client_port", "server_port", "protocol", "phase")]
    + [(name, np.int64) for name in ("sent_packets", "sent_bytes", "got_packets", "got_bytes")]
    + [(name, np.int64) for name in ("client_path", "server_path", "seconds")]
    + [("rejected", np.bool_), ("arrival", np.float64), ("end", np.float64)]
)
SIGHT = np.dtype(
    [(name, np.int64) for name in ("interface", "src", "dst", "pkt_src", "pkt_dst")]
    + [(name, np.int64) for name in ("srcport", "dstport", "protocol", "packets", "bytes")]
    + [(name, np.int64) for name in ("start", "end", "flags", "path")]
    + [("rejected", np.bool_), ("ingress", np.bool_), ("skipped", np.bool_)]
    + [("arrival", np.float64)]
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of talk; `share` is of the lines, not of the talks."""

    share: float
    clients: str
    servers: str
    ports: tuple[int, ...]
    packets: tuple[float, float]  # medians there and back
    sizes: tuple[int, int]  # mean bytes of a packet there and back
    paths: tuple[int, int] = (0, 0)  # traffic-path of the client's and the server's egress
    protocol: int = TCP
    nat: bool = False
    rejected: bool = False


PROBED = (22, 3389, 3306, 5432, 23, 445, 6379, 1433, 8080, 27017, 8728, 9200, 2375, 5900)
INSIDE, OUTSIDE = (SAME_VPC, SAME_VPC), (0, INTERNET_GATEWAY)
# The web site's visitors. What comes by HTTPS goes on to a target, which is 0.24 of the lines more
VISITS = (
    Kind(0.11, "clients", "balancer", (HTTPS, HTTPS, HTTP), (5, 8), (150, 780), OUTSIDE),
    Kind(0.03, "clients6", "balancer6", (HTTPS,), (5, 8), (170, 780), OUTSIDE),
)
FORWARD = Kind(0.0, "balancer", "app", (HTTPS,), (1, 1), (0, 0), INSIDE)
FORWARDED_BYTES = 30  # what a packet to a target has more: X-Forwarded-For and its like
KINDS = (
    Kind(0.20, "inside", "resolver", (53,), (1, 1), (66, 118), INSIDE, UDP),
    Kind(0.10, "inside", "database", (DATABASE,), (6, 9), (190, 520), INSIDE),
    Kind(0.05, "app", "cache", (6379,), (4, 4), (90, 240), INSIDE),
    Kind(0.05, "inside", "s3", (443,), (14, 26), (420, 1240), (ENDPOINT, 0)),
    Kind(0.02, "inside", "dynamodb", (443,), (5, 6), (210, 330), (ENDPOINT, 0)),
    Kind(0.05, "inside", "partners", (443, 8443, 587), (7, 8), (240, 610), (SAME_VPC, 0), nat=True),
    # A gateway endpoint would save what this costs: S3 through the NAT gateway
    Kind(0.01, "worker", "s3", (443,), (20, 30), (500, 1240), (SAME_VPC, 0), nat=True),
    Kind(0.012, "app6", "partners6", (443,), (6, 8), (240, 610), (INTERNET_GATEWAY, 0)),
    Kind(0.03, "inside", "metrics", (443, 9100), (5, 4), (380, 90), (PEERING, PEERING)),
    Kind(0.01, "bastion", "inside", (0,), (2, 2), (84, 84), INSIDE, ICMP),
    Kind(0.002, "office", "bastion", (22,), (30, 34), (110, 180), OUTSIDE),
    Kind(0.0015, "worker", "backup", (443,), (4_000, 1_200), (1_400, 44), (SAME_VPC, 0), nat=True),
    Kind(0.004, "app", "database", (22, 3306), (1, 0), (60, 0), (SAME_VPC, 0), rejected=True),
    Kind(0.06, "probers", "public", PROBED, (1, 0), (44, 0), rejected=True),
    Kind(0.007, "probers", "public", (0,), (1, 0), (36, 0), protocol=ICMP, rejected=True),
)
SCAN = Kind(0.0, "scanner", "bastion", (0,), (1, 0), (44, 0), rejected=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Talks of some seconds, rows of TALK; a visit's forward has the same place as the visit.

    visits    clients with the balancer, those by HTTPS first
    forwards  the balancer with targets, one for each visit by HTTPS
    others    all that has nothing to do with the web site
    """

    visits: NDArray[Any]
    forwards: NDArray[Any]
    others: NDArray[Any]


class Talks:
    """Draws talks, and the rows that the interfaces make of them."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._scanned = 0

    def draw(self, begin_s: float, seconds: float, lines: float, scan: float) -> Drawn:
        """Talks that arrive from `begin_s` on and make about `lines` lines, the scan's aside."""
        visits = self._talks(VISITS, lines)
        others = np.concatenate([self._talks(KINDS, lines), self._scan(lines * scan)])
        for talk in (visits, others):
            talk["arrival"] = begin_s + self._rng.random(len(talk)) * seconds
            talk["end"] = talk["arrival"] - delays(self._rng, len(talk))
        visits = visits[np.argsort(visits["server_port"] != HTTPS, kind="stable")]
        secure = visits[visits["server_port"] == HTTPS]
        return Drawn(visits, self._forward(secure), others)

    def sights(self, drawn: Drawn) -> NDArray[Any]:
        """The rows that the interfaces make of them, by interface and arrival."""
        talk = np.concatenate([drawn.visits, drawn.forwards, drawn.others])
        seen = np.concatenate(self._seen(talk))
        seen["arrival"] += self._rng.random(len(seen))
        return seen[np.lexsort((seen["arrival"], seen["interface"]))]

    def _forward(self, visits: NDArray[Any]) -> NDArray[Any]:
        """What the balancer's node says to a target on behalf of each visit, and hears."""
        talk = self._talk(FORWARD, len(visits))
        talk["client_at"] = visits["server_at"]
        talk["client"] = self._world.primary[visits["server_at"]]
        for same in ("sent_packets", "got_packets", "got_bytes", "seconds", "arrival", "end"):
            talk[same] = visits[same]
        talk["sent_bytes"] = visits["sent_bytes"] + FORWARDED_BYTES * visits["sent_packets"]
        return talk

    def _talks(self, kinds: Sequence[Kind], lines: float) -> NDArray[Any]:
        """Talks of these kinds, as many as make their shares of the lines."""
        counts = [self._rng.poisson(lines * kind.share / self._rows(kind)) for kind in kinds]
        pairs = zip(kinds, counts, strict=True)
        return np.concatenate([self._talk(kind, int(count)) for kind, count in pairs])

    def _rows(self, kind: Kind) -> int:
        pools = self._world.pools
        ends = sum(int(pools[pool].interfaces[0] >= 0) for pool in (kind.clients, kind.servers))
        return ends if kind.rejected else 2 * ends + 4 * kind.nat

    def _talk(self, kind: Kind, count: int) -> NDArray[Any]:
        rng, world = self._rng, self._world
        talk = np.zeros(count, TALK)
        for end, name in (("client", kind.clients), ("server", kind.servers)):
            pool = world.pools[name]
            chosen = pool.pick(rng, count)
            talk[end] = pool.addresses[chosen]
            talk[f"{end}_at"] = pool.interfaces[chosen]
        talk["nat"] = world.nat_of[talk["client_at"]] if kind.nat else -1
        talk["protocol"] = kind.protocol
        if kind.protocol != ICMP:
            ranks = zipf(len(kind.ports), 1.0).searchsorted(rng.random(count), "right")
            talk["server_port"] = np.array(kind.ports)[ranks]
            talk["client_port"] = rng.integers(32_768, 61_000, count)
        for side, median, size in zip(("sent", "got"), kind.packets, kind.sizes, strict=True):
            packets = np.maximum(1, median * rng.lognormal(0, 0.9, count)).astype(np.int64)
            talk[f"{side}_packets"] = packets
            sizes = np.maximum(HEADERS[kind.protocol], size * rng.uniform(0.75, 1.25, count))
            talk[f"{side}_bytes"] = packets * sizes
        talk["client_path"], talk["server_path"] = kind.paths
        talk["rejected"] = kind.rejected
        talk["phase"] = np.cumsum(PHASE_SHARES).searchsorted(rng.random(count) * 0.9999)
        long = rng.random(count) < 0.5
        talk["seconds"] = np.where(long, np.minimum(LONGEST_S, 1 + rng.exponential(18, count)), 1)
        return talk

    def _scan(self, expected: float) -> NDArray[Any]:
        """One address walks through a host's ports and tries the database's in between."""
        talk = self._talk(SCAN, int(self._rng.poisson(expected)))
        steps = self._scanned + np.arange(len(talk))
        talk["server_port"] = np.where(steps % 3, 1 + steps % SCANNED_PORTS, DATABASE)
        self._scanned += len(talk)
        return talk

    def _seen(self, talk: NDArray[Any]) -> list[NDArray[Any]]:
        """Each talk once for every interface and way that logs it."""
        answered = talk[~talk["rejected"]]
        near, far = talk[talk["client_at"] >= 0], talk[talk["server_at"] >= 0]
        near_back = answered[answered["client_at"] >= 0]
        far_back = answered[answered["server_at"] >= 0]
        # A security group rejects where the packet comes in; the sender's own log says ACCEPT.
        leaving = self._sight(near, near["client_at"], there=True, ingress=False)
        leaving["rejected"] = False
        return [
            leaving,
            self._sight(far, far["server_at"], there=True, ingress=True),
            self._sight(far_back, far_back["server_at"], there=False, ingress=False),
            self._sight(near_back, near_back["client_at"], there=False, ingress=True),
            *self._translated(talk[talk["nat"] >= 0]),
        ]

    def _translated(self, talk: NDArray[Any]) -> list[NDArray[Any]]:
        """What a NAT gateway logs: srcaddr and dstaddr show its own address, pkt-* who is meant."""
        gate, door = talk["nat"], self._world.primary[talk["nat"]]
        inward = self._sight(talk, gate, there=True, ingress=True)
        inward["dst"] = door
        outward = self._sight(talk, gate, there=True, ingress=False)
        outward["src"] = outward["pkt_src"] = door
        outward["path"] = INTERNET_GATEWAY
        answer = self._sight(talk, gate, there=False, ingress=True)
        answer["dst"] = answer["pkt_dst"] = door
        onward = self._sight(talk, gate, there=False, ingress=False)
        onward["src"] = door
        onward["path"] = SAME_VPC
        return [inward, outward, answer, onward]

    def _sight(
        self, talk: NDArray[Any], interface: Ints, *, there: bool, ingress: bool
    ) -> NDArray[Any]:
        """One row a talk, as `interface` sees the way there or the way back."""
        src, dst = ("client", "server") if there else ("server", "client")
        side, flags = ("sent", CLIENT_FLAGS) if there else ("got", SERVER_FLAGS)
        seen = np.zeros(len(talk), SIGHT)
        seen["interface"], seen["ingress"] = interface, ingress
        seen["src"] = seen["pkt_src"] = talk[src]
        seen["dst"] = seen["pkt_dst"] = talk[dst]
        seen["srcport"], seen["dstport"] = talk[f"{src}_port"], talk[f"{dst}_port"]
        seen["packets"], seen["bytes"] = talk[f"{side}_packets"], talk[f"{side}_bytes"]
        seen["protocol"], seen["rejected"] = talk["protocol"], talk["rejected"]
        seen["end"] = talk["end"]
        seen["start"] = seen["end"] - talk["seconds"]
        answers = np.where(talk["rejected"], CLIENT_FLAGS[OPENING], flags[talk["phase"]])
        seen["flags"] = np.where(talk["protocol"] == TCP, answers, 0)
        seen["path"] = 0 if ingress else talk[f"{src}_path"]
        seen["arrival"] = talk["arrival"]
        return seen
