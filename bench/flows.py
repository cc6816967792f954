"""VPC flow log lines made from a seed, and ways to spoil them.

Shapes and shares are assumptions (no capture of a customer's traffic may be shipped): 45 % public
peers of a long-tailed pool, 19 named services, one port in five odd, three lines in ten of the
public ones rejected, 1 % without data.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.base import SERVICES, V2

NULL = "-"
ACCOUNT = "123456789012"
INTERFACES = 400
PRIVATE_PEERS = 2_000
PUBLIC_PEERS = 300_000
AGGREGATION_S = 60
# The twentieth has no name in the base; odd and ephemeral ports never have one, so that at most one
# port of a line is named and every rule for "service" gives the same answer.
SERVICE_PORTS = np.array([*SERVICES, 5672])
ODD_PORTS = np.array([port for port in range(1_024, 32_768) if port not in SERVICE_PORTS])
EPHEMERAL = (32_768, 61_000)
PORT_TEXT = np.array([str(port) for port in range(65_536)], object)

TRUNCATED = 0.0001
# Each makes one line bad: the reject's reason, the field spoiled, what stands there.
FAULTS = (
    ("field_count", "log-status", ""),
    ("field_count", "log-status", "OK surplus"),
    ("type", "srcport", "http"),
    ("type", "packets", "0x1f"),
    ("range", "dstport", "70000"),
    ("range", "packets", "-5"),
    ("range", "bytes", "9" * 20),
    ("address", "srcaddr", "10.0.0.300"),
    ("value", "action", "MAYBE"),
    ("time_range", "end", "1"),
    ("control_char", "log-status", "O\x01K"),
    ("byte_order_mark", "version", "\ufeff2"),
)

Texts = np.ndarray[Any, np.dtype[np.object_]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def flow_lines(
    rng: np.random.Generator, interface: Numbers, seen: Numbers, columns: Sequence[str]
) -> list[str]:
    """One line for each interface number and second, its fields in the order of `columns`."""
    fields = flow_fields(rng, interface, seen)
    fields["version"] = constant("2" if len(columns) == len(V2) else "5", len(seen))
    return [" ".join(tokens) for tokens in zip(*(fields[name] for name in columns), strict=True)]


def zipf(rng: np.random.Generator, pool: int, exponent: float, draws: int) -> Numbers:
    """Ranks from 0 below `pool`, rank r drawn in proportion to (r + 1) ** -exponent."""
    shares = (np.arange(1, pool + 1) ** -exponent).cumsum()
    ranks: Numbers = np.searchsorted(shares, rng.random(draws) * shares[-1], "right")
    return ranks


def flow_fields(rng: np.random.Generator, interface: Numbers, seen: Numbers) -> dict[str, Texts]:
    """The texts of every field but the version, one for each line; `seen` in epoch seconds."""
    count = len(seen)
    # Flows start all over their window: in rising order the column would pack too well.
    start = seen - rng.integers(0, AGGREGATION_S, count)
    public, outbound = rng.random(count) < 0.45, rng.random(count) < 0.5
    own = private_addresses(rng, INTERFACES)[interface]
    private = private_addresses(rng, PRIVATE_PEERS)[zipf(rng, PRIVATE_PEERS, 1.05, count)]
    peer = np.where(
        public, public_addresses(rng, PUBLIC_PEERS)[zipf(rng, PUBLIC_PEERS, 1.1, count)], private
    )
    protocol = rng.choice([6, 17, 1], count, p=[0.88, 0.10, 0.02])
    packets = rng.lognormal(2, 1.6, count).astype(np.int64) + 1
    rejected = public & (rng.random(count) < 0.30)
    fields = {
        "srcaddr": np.where(outbound, own, peer),
        "dstaddr": np.where(outbound, peer, own),
        **ports(rng, protocol != 1),
        "protocol": PORT_TEXT[protocol],
        "packets": texts(packets),
        "bytes": texts(packets * rng.integers(40, 1_500, count)),
        "action": np.where(rejected, "REJECT", "ACCEPT").astype(object),
        **wide_fields(rng, protocol == 6, outbound, public),
    }
    fields["pkt-srcaddr"], fields["pkt-dstaddr"] = fields["srcaddr"], fields["dstaddr"]
    status = rng.choice(["OK", "NODATA", "SKIPDATA"], count, p=[0.99, 0.009, 0.001]).astype(object)
    for name in fields:
        fields[name] = np.where(status == "OK", fields[name], NULL)
    return fields | {
        "log-status": status,
        "account-id": constant(ACCOUNT, count),
        "start": texts(start),
        "end": texts(start + rng.integers(20, AGGREGATION_S, count)),
        **interface_fields(interface),
    }


def ports(rng: np.random.Generator, has_ports: Mask) -> dict[str, Texts]:
    """A service (or, for one line in five, an odd) port and an ephemeral one; 0 for ICMP."""
    count = len(has_ports)
    usual = SERVICE_PORTS[zipf(rng, len(SERVICE_PORTS), 1.2, count)]
    service = np.where(rng.random(count) < 0.2, rng.choice(ODD_PORTS, count), usual) * has_ports
    ephemeral = rng.integers(*EPHEMERAL, count) * has_ports
    to_service = rng.random(count) < 0.5
    return {
        "srcport": PORT_TEXT[np.where(to_service, ephemeral, service)],
        "dstport": PORT_TEXT[np.where(to_service, service, ephemeral)],
    }


def wide_fields(
    rng: np.random.Generator, tcp: Mask, outbound: Mask, public: Mask
) -> dict[str, Texts]:
    """The fields of versions 3 to 5 that differ from line to line."""
    count = len(tcp)
    flags = rng.choice([2, 3, 18, 19, 1, 4, 0], count, p=[0.2, 0.3, 0.1, 0.2, 0.05, 0.05, 0.1])
    names = np.array([NULL, "AMAZON", "S3", "EC2", "DYNAMODB"], object)
    service = np.where(public, names[zipf(rng, len(names), 1.5, count)], NULL)
    path = PORT_TEXT[np.where(public, rng.choice([2, 8], count), 1)]
    return {
        "type": constant("IPv4", count),
        "tcp-flags": PORT_TEXT[flags * tcp],
        "pkt-src-aws-service": np.where(outbound, NULL, service),
        "pkt-dst-aws-service": np.where(outbound, service, NULL),
        "traffic-path": np.where(outbound, path, NULL),
        "flow-direction": np.where(outbound, "egress", "ingress").astype(object),
    }


def interface_fields(interface: Numbers) -> dict[str, Texts]:
    """The fields that follow from the network interface."""
    subnet = interface % 24
    return {
        "interface-id": interface_ids()[interface],
        "instance-id": named("i-{:017x}", INTERFACES)[interface],
        "subnet-id": named("subnet-{:017x}", 24)[subnet],
        "vpc-id": named("vpc-{:017x}", 4)[subnet % 4],
        "az-id": np.array(["use1-az1", "use1-az2", "use1-az4"], object)[subnet % 3],
        "region": constant("us-east-1", len(interface)),
        "sublocation-type": constant(NULL, len(interface)),
        "sublocation-id": constant(NULL, len(interface)),
    }


def interface_ids() -> Texts:
    """The id of every network interface."""
    return named("eni-{:017x}", INTERFACES)


def named(pattern: str, count: int) -> Texts:
    """Ids that look random and are the same for every seed."""
    numbers = ((i + 1) * 0x9E3779B97F4A7C15 % 2**64 for i in range(count))
    return np.array([pattern.format(number) for number in numbers], object)


def constant(value: str, count: int) -> Texts:
    """One text, repeated."""
    return np.full(count, value, object)


def texts(numbers: Numbers) -> Texts:
    """Decimal texts of numbers."""
    return np.array(list(map(str, numbers.tolist())), object)


def private_addresses(rng: np.random.Generator, count: int) -> Texts:
    """Addresses of 10/8, 172.16/12 and 192.168/16, mostly of the first."""
    second, third, fourth = rng.integers(0, 256, (3, count))
    block = rng.choice(3, count, p=[0.8, 0.15, 0.05])
    first = np.array([10, 172, 192])[block]
    second = np.choose(block, [second % 16, 16 + second % 16, 168])
    return dotted(first, second, third, fourth)


def public_addresses(rng: np.random.Generator, count: int) -> Texts:
    """Addresses outside every special-purpose block of IANA's registry."""
    drawn = rng.integers(0, 256, (4, count * 2))
    first, second = drawn[0], drawn[1]
    # The whole /8 goes where a part is special: simpler, and none is missed.
    keep = (first > 0) & (first < 224) & ~np.isin(first, [10, 100, 127, 169, 172, 192, 198, 203])
    return dotted(first[keep], second[keep], drawn[2][keep], drawn[3][keep])[:count]


def dotted(*octets: Numbers) -> Texts:
    """IPv4 addresses in text."""
    quads = zip(*(octet.tolist() for octet in octets), strict=True)
    return np.array([f"{a}.{b}.{c}.{d}" for a, b, c, d in quads], object)


def truncate(rng: np.random.Generator, lines: list[str]) -> dict[int, str]:
    """Cut a few lines short; gives the reason by line number."""
    cut = np.flatnonzero(rng.random(len(lines)) < TRUNCATED).tolist()
    for number in cut:
        tokens = lines[number].split(" ")
        lines[number] = " ".join(tokens[: rng.integers(3, len(tokens))])
    return dict.fromkeys(cut, "field_count")


def spoil(
    rng: np.random.Generator, lines: list[str], columns: Sequence[str], share: float
) -> dict[int, str]:
    """Put FAULTS, in turn, into a share of the whole lines; gives the reason by line number.

    The first line stays: a byte order mark there would be the file's, not the line's.
    """
    reasons: dict[int, str] = {}
    for turn, number in enumerate(np.flatnonzero(rng.random(len(lines)) < share).tolist()):
        reason, name, value = FAULTS[turn % len(FAULTS)]
        tokens = lines[number].split(" ")
        if number == 0 or len(tokens) != len(columns):
            continue
        tokens[columns.index(name)] = value
        lines[number] = " ".join(tokens).rstrip()
        reasons[number] = reason
    return reasons
