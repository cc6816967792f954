"""The world of the demo: a small company's VPC, its interfaces and those who talk to them.

Every name is invented. Public addresses come from the documentation ranges (RFC 5737, RFC 3849),
inside addresses from RFC 1918; the VPC's IPv6 range is a piece of the documentation range too.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import ip_network
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Texts = NDArray[Any]

ACCOUNT = "111122223333"
REGION = "eu-central-1"
VPC = "vpc-0a51c0de77e1f20b4"
PEER_VPC = "vpc-0b7e4d19c3358a6f2"
ZONES = ("euc1-az1", "euc1-az2")
IDLE_INTERFACES = 40

# name, IPv4 range, IPv6 range, zone, VPC
SUBNETS = (
    ("public-a", "10.20.0.0/24", "2001:db8:20:a0::/64", ZONES[0], VPC),
    ("public-b", "10.20.1.0/24", "2001:db8:20:b0::/64", ZONES[1], VPC),
    ("app-a", "10.20.16.0/20", "2001:db8:20:a1::/64", ZONES[0], VPC),
    ("app-b", "10.20.32.0/20", "2001:db8:20:b1::/64", ZONES[1], VPC),
    ("db-a", "10.20.48.0/24", "", ZONES[0], VPC),
    ("db-b", "10.20.49.0/24", "", ZONES[1], VPC),
    ("shared-a", "10.40.0.0/20", "", ZONES[0], PEER_VPC),
    ("shared-b", "10.40.16.0/20", "", ZONES[1], PEER_VPC),
)

# role, subnets of its interfaces in falling order of load, runs on an instance
ROLES = (
    ("balancer", ("public-a", "public-b"), False),
    ("nat", ("public-a", "public-b"), False),
    ("bastion", ("public-a",), True),
    ("app", ("app-a", "app-b", "app-a", "app-b", "app-a", "app-b"), True),
    ("worker", ("app-a", "app-b"), True),
    ("resolver", ("app-a", "app-b"), False),
    ("cache", ("app-a", "app-b"), False),
    ("database", ("db-a", "db-b"), False),
    ("metrics", ("shared-a", "shared-b"), True),
    ("idle", ("app-a", "app-b") * (IDLE_INTERFACES // 2), True),
)
SIX = ("balancer", "app")  # the roles that speak IPv6 too

# The public side: pool, addresses, exponent of the Zipf law by which they talk
OUTSIDE: tuple[tuple[str, list[str], float], ...] = (
    ("clients", [f"192.0.2.{n}" for n in range(1, 255)], 1.1),
    ("clients6", [f"2001:db8:f00d:{n:x}::{n * 7 % 251:x}" for n in range(1, 301)], 1.1),
    ("probers", [f"198.51.100.{n}" for n in range(64, 255)], 1.0),
    ("scanner", ["198.51.100.23"], 1.0),
    ("office", ["198.51.100.10"], 1.0),
    ("partners", [f"203.0.113.{n}" for n in range(64, 128)], 1.2),
    ("partners6", [f"2001:db8:beef::{n:x}" for n in range(1, 21)], 1.2),
    ("backup", ["203.0.113.250"], 1.0),
    ("s3", [f"203.0.113.{n}" for n in range(16, 32)], 0.6),
    ("dynamodb", [f"203.0.113.{n}" for n in range(32, 40)], 0.6),
)
SERVICES = {"s3": "S3", "dynamodb": "DYNAMODB"}

NETWORKS: tuple[tuple[str, str, str, str, str], ...] = tuple(
    (cidr, name, zone, vpc, REGION)
    for name, four, six, zone, vpc in SUBNETS
    for cidr in (four, six)
    if cidr
)
"""The company's networks: (cidr, name, az_id, vpc_id, region)."""


class Pool(NamedTuple):
    """Addresses that play one part; `interfaces` holds -1 where no flow log sees the address."""

    addresses: Ints
    interfaces: Ints
    cumulative: Floats

    def pick(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw positions by the pool's own skew."""
        return self.cumulative.searchsorted(rng.random(count), "right")


@dataclass(slots=True)
class Put:
    """What one log stream received at once: its events, and what becomes of those that are bad."""

    log_group: str
    log_stream: str
    times: list[int]  # ms, one an event
    messages: list[str]  # as they stand between quotes in JSON
    outcomes: dict[int, str] = field(default_factory=dict)  # position: reject reason or "blank"


class World:
    """Interfaces, addresses by number, and the pools that the flows draw from."""

    def __init__(self) -> None:
        self.interfaces: list[str] = []
        self.idle: list[int] = []
        self.pools: dict[str, Pool] = {}
        self._placed: list[str] = []  # vpc-id subnet-id instance-id of an interface
        self._zoned: list[str] = []  # region az-id sublocation-type sublocation-id
        self._addresses: list[str] = []
        self._services: list[str] = []
        self._primary: list[int] = []
        self._nat: dict[str, int] = {}
        self._taken: Counter[str] = Counter()  # addresses in use, by subnet
        zones = [zone for role in ROLES for zone in self._settle(*role)]
        self._merge("public", ("balancer", "bastion", "nat"))
        self._merge("inside", ("app", "worker"))
        self.inside_count = len(self._addresses)
        for name, addresses, exponent in OUTSIDE:
            self._add_pool(name, addresses, [-1] * len(addresses), exponent, SERVICES.get(name))
        self.placed: Texts = np.array(self._placed, object)
        self.zoned: Texts = np.array(self._zoned, object)
        self.addresses: Texts = np.array(self._addresses, object)
        self.services: Texts = np.array(self._services, object)
        self.is_six = np.array([":" in address for address in self._addresses])
        self.primary: Ints = np.array(self._primary)  # an interface's first address
        self.nat_of: Ints = np.array([self._nat[zone] for zone in zones])

    def _settle(self, role: str, subnets: tuple[str, ...], on_instance: bool) -> list[str]:
        """Give a role its interfaces and addresses; returns their zones."""
        places = {name: (four, six, zone, vpc) for name, four, six, zone, vpc in SUBNETS}
        first, zones, fours, sixes = len(self.interfaces), [], [], []
        for number, subnet in enumerate(subnets):
            four, six, zone, vpc = places[subnet]
            self._taken[subnet] += 1
            host = 10 + 3 * self._taken[subnet]
            name = f"{role}-{number}"
            instance = made_up_id("i-", name) if on_instance else "-"
            self.interfaces.append(made_up_id("eni-", name))
            self._placed.append(f"{vpc} {made_up_id('subnet-', subnet)} {instance}")
            self._zoned.append(f"{REGION} {zone} - -")
            self._primary.append(len(self._addresses) + number)
            zones.append(zone)
            fours.append(str(ip_network(four)[host]))
            sixes.append(str(ip_network(six)[host]) if role in SIX else "")
        numbers = list(range(first, len(self.interfaces)))
        self._add_pool(role, fours, numbers, 0.9)
        if role in SIX:
            self._add_pool(f"{role}6", sixes, numbers, 0.9)
        if role == "nat":
            self._nat = dict(zip(zones, numbers, strict=True))
        if role == "idle":
            self.idle = numbers
        return zones

    def _add_pool(
        self,
        name: str,
        addresses: list[str],
        interfaces: list[int],
        exponent: float,
        service: str | None = None,
    ) -> None:
        first = len(self._addresses)
        self._addresses += addresses
        self._services += [service or "-"] * len(addresses)
        numbers = np.arange(first, first + len(addresses))
        skew = zipf(len(addresses), exponent)
        self.pools[name] = Pool(numbers, np.array(interfaces), skew)

    def _merge(self, name: str, roles: tuple[str, ...]) -> None:
        pools = [self.pools[role] for role in roles]
        addresses = np.concatenate([pool.addresses for pool in pools])
        interfaces = np.concatenate([pool.interfaces for pool in pools])
        self.pools[name] = Pool(addresses, interfaces, zipf(len(addresses), 0.7))


def made_up_id(prefix: str, name: str) -> str:
    """An AWS-like id that is the same in every run."""
    return f"{prefix}0{blake2b(name.encode(), digest_size=8).hexdigest()}"


def zipf(count: int, exponent: float) -> Floats:
    """Cumulative shares of `count` ranks, for searchsorted."""
    weights = np.arange(1, count + 1) ** -exponent
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0
    return cumulative


def delays(rng: np.random.Generator, count: int) -> Floats:
    """Seconds from an event's end to its arrival: mostly a few, sometimes minutes, rarely hours."""
    seconds = 0.5 + rng.gamma(2.0, 2.0, count)
    luck = rng.random(count)
    for share, least, more in ((0.013, 60, 60), (0.003, 300, 200), (0.00002, 7_200, 3_600)):
        late = luck < share
        seconds[late] = least + rng.exponential(more, int(late.sum()))
    return seconds
