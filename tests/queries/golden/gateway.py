"""A client behind a NAT gateway, logged by both: what it sends and receives counts once.

The client sends 500 bytes to S3 and receives 4000; what it sends the gateway's inner side logs as
received and its outer side as sent, and so back. The same rows in three formats: interface-type
names the gateway, instance-id and the packets' addresses do, nothing does.
"""

from pathlib import Path

from pipeline.enrich.networks import Network, Networks
from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, moment

NETWORKS = Networks.of((Network("10.0.2.0/24", "db"), Network("10.0.9.0/24", "edge")))
FORMAT = (
    "interface-id instance-id interface-type srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport"
    " dstport flow-direction bytes end protocol packets action log-status"
)
FLOWS = """
eni-db  i-db -           10.0.2.9   52.216.1.1 10.0.2.9   52.216.1.1 41000 443 egress  500
eni-nat -    nat_gateway 10.0.2.9   10.0.9.4   10.0.2.9   52.216.1.1 41000 443 ingress 500
eni-nat -    nat_gateway 10.0.9.4   52.216.1.1 10.0.9.4   52.216.1.1 41000 443 egress  500
eni-nat -    nat_gateway 52.216.1.1 10.0.9.4   52.216.1.1 10.0.9.4   443 41000 ingress 4000
eni-nat -    nat_gateway 10.0.9.4   10.0.2.9   52.216.1.1 10.0.2.9   443 41000 egress  4000
eni-db  i-db -           52.216.1.1 10.0.2.9   52.216.1.1 10.0.2.9   443 41000 ingress 4000
"""
BY_TYPE = frozenset({"instance-id", "pkt-srcaddr", "pkt-dstaddr"})
BY_PACKETS = frozenset({"interface-type"})
NEITHER = BY_TYPE | BY_PACKETS | {"flow-direction"}


def make(folder: Path, without: frozenset[str], networks: Networks = NETWORKS) -> None:
    """Fill a home with the lines above, in a format `without` some of the fields."""
    end = int(moment("2026-11-25T14:05:00").timestamp())
    fields = FORMAT.split()
    chosen = [name for name in fields if name not in without]
    lines = []
    for line in FLOWS.strip().splitlines():
        values = dict(zip(fields, f"{line} {end} 6 1 ACCEPT OK".split(), strict=True))
        lines.append(" ".join(values[name] for name in chosen))
    bring(
        folder,
        lines,
        arrival="2026-11-25T15:01:00",
        networks=networks,
        source="vpc-flow",
        formats=(" ".join(chosen),),
    )


ALL = 4500
ONCE: Golden = {
    "traffic_by_action": [("ACCEPT", 2, 2, ALL, 2, 1.0)],
    "traffic_over_time": [(at("14:05:00"), ALL, 0, 2, 0)],
    "protocol_mix": [("TCP", "https", 2, ALL, 1.0)],
    "network_pairs": [
        ("public", "db", "ingress", 1, 1, 4000, 4000 / ALL),
        ("db", "public", "egress", 1, 1, 500, 500 / ALL),
    ],
    "top_talkers": [
        ("52.216.1.1", None, 1, 1, 4000, 4000 / ALL),
        ("10.0.2.9", "db", 1, 1, 500, 500 / ALL),
    ],
    "top_pairs": [
        ("52.216.1.1", "10.0.2.9", "https", "ingress", 1, 1, 4000, 4000 / ALL),
        ("10.0.2.9", "52.216.1.1", "https", "egress", 1, 1, 500, 500 / ALL),
    ],
}
