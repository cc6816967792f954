"""A home of flow lines with all that money and exposure are told by, and what is asked of it.

web (zone 1) and db (zone 2) talk; db reaches the outside through the NAT gateway eni-nat, web by
itself, through an endpoint, over peering and a transit gateway. The NAT gateway logs on both of its
sides, and what both ends log stands there twice: the answers count it once.
"""

from pathlib import Path

from pipeline.enrich.networks import Network, Networks
from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, moment

NETWORKS = Networks.of(
    (
        Network("10.0.1.0/24", "web", "use1-az1", "vpc-1", "us-east-1"),
        Network("10.0.2.0/24", "db", "use1-az2", "vpc-1", "us-east-1"),
        Network("10.0.9.0/24", "edge", "use1-az1", "vpc-1", "us-east-1"),
    )
)
FORMAT = (
    "interface-id instance-id srcaddr dstaddr srcport dstport pkt-srcaddr pkt-dstaddr"
    " bytes end action flow-direction traffic-path interface-type pkt-src-aws-service"
    " pkt-dst-aws-service encryption-status tcp-flags start instance-tag protocol packets"
    " log-status vpc-id"
)
KINDS = {"nat": "nat_gateway", "endpoint": "vpc_endpoint", "transit": "transit_gateway"}
TAGS = {"i-web": "shop"}
WAYS = {
    "sent": "ACCEPT egress",
    "came": "ACCEPT ingress",
    "refused": "REJECT egress",
    "rejected": "REJECT ingress",
}
# `=`: the packet's address is the flow's own. The last word, the TCP flags, may be absent.
FLOWS = """
eni-web i-web 10.0.1.5   10.0.2.9   40000 5432 = = 1000000  14:01:00 sent 1 - - - 0
eni-db  i-db  10.0.1.5   10.0.2.9   40000 5432 = = 1000000  14:01:00 came - - - - 0
eni-db  i-db  10.0.2.9   10.0.1.5   5432 40000 = = 3000000  14:01:30 sent 1 - - - 1
eni-web i-web 10.0.2.9   10.0.1.5   5432 40000 = = 3000000  14:01:30 came - - - - 1

eni-db  i-db  10.0.2.9   52.216.1.1 41000 443 = =          500      14:05:00 sent 1 - - S3 -
eni-nat -     10.0.2.9   10.0.9.4   41000 443 = 52.216.1.1 500      14:05:00 came - nat - S3 -
eni-nat -     10.0.9.4   52.216.1.1 41000 443 = =          500      14:05:00 sent 8 nat - S3 -
eni-nat -     52.216.1.1 10.0.9.4   443 41000 = =          40000000 14:05:30 came - nat S3 - -
eni-nat -     10.0.9.4   10.0.2.9   443 41000 52.216.1.1 = 40000000 14:05:30 sent 1 nat S3 - -
eni-db  i-db  52.216.1.1 10.0.2.9   443 41000 = =          40000000 14:05:30 came - - S3 - -

eni-db  i-db  10.0.2.9 203.0.113.7 41001 443 = =           2000000 14:06:00 sent 1 - - - -
eni-nat -     10.0.2.9 10.0.9.4    41001 443 = 203.0.113.7 2000000 14:06:00 came - nat - - -
eni-nat -     10.0.9.4 203.0.113.7 41001 443 = =           2000000 14:06:00 sent 8 nat - - -
eni-nat -     10.0.1.6 10.0.9.4    41002 443 = 203.0.113.7 1000    14:07:00 came - nat - - -
eni-nat -     10.0.9.4 203.0.113.7 41002 443 = =           1000    14:07:00 sent 8 nat - - -
eni-nat -     10.0.1.6 10.0.9.4    41003 443 = 52.216.1.1  200     14:08:00 came - nat - S3 -
eni-nat -     10.0.9.4 52.216.1.1  41003 443 = =           200     14:08:00 sent 8 nat - S3 -

eni-web i-web 10.0.1.5 198.51.100.9 50000 443 = = 5000000 14:10:00 sent 8 - - - -
eni-web i-web 10.0.1.5 198.51.100.9 50000 443 = = 5000000 14:40:00 sent 8 - - - -
eni-web i-web 10.0.1.5 52.94.5.5    50003 443 = = 700     14:11:00 sent 7 - - DYNAMODB -
eni-web i-web 10.0.1.5 52.94.5.5    50003 443 = = 700     14:11:30 sent 7 - - DYNAMODB -
eni-web i-web 10.0.1.5 10.8.0.3     50001 443 = = 4000000 14:12:00 sent 4 - - - 0
eni-web i-web 10.0.1.5 10.7.0.1     50004 443 = = 100000  14:13:00 sent 5 - - - 3

eni-ep  - 10.0.1.5  10.0.1.50 50002 443 = = 1500 14:14:00 came - endpoint - - -
eni-ep  - 10.0.1.50 10.0.1.5  443 50002 = = 8500 14:14:00 sent - endpoint - - -
eni-ep  - 10.0.1.5  10.0.1.50 50002 443 = = 500  14:14:30 came - endpoint - - -
eni-ep2 - 10.0.1.5  10.0.1.60 50006 443 = = 100  14:16:00 came - endpoint - - -
eni-ep2 - 10.0.2.9  10.0.1.60 50007 443 = = 100  14:16:00 came - endpoint - - -

eni-web i-web 10.0.1.5      10.0.1.7 50020 8080 10.0.1.200 = 300 14:17:00 sent 1 - - - -
eni-web i-web 198.51.100.53 10.0.1.5 53 50053   =          = 1   14:02:00 came - - - - -
eni-web i-web 198.51.100.53 10.0.1.5 53 50053   =          = 1   14:58:00 came - - - - -

eni-web i-web 10.0.1.5 10.9.0.9 50005 443 = = 6000000 14:15:00 sent - - - - -
eni-tgw -     10.0.1.5 10.9.0.9 50005 443 = = 6000000 14:15:00 came - transit - - -
eni-tgw -     10.9.0.9 10.0.1.5 443 50005 = = 7000000 14:15:00 sent - transit - - -

eni-web i-web 192.0.2.66 10.0.1.5 55000 23   = = 40   14:20:00 rejected - - - - -
eni-web i-web 192.0.2.66 10.0.1.5 55001 3389 = = 40   14:21:00 rejected - - - - -
eni-web i-web 192.0.2.66 10.0.1.5 55001 3389 = = 40   14:55:00 rejected - - - - -
eni-web -     192.0.2.66 10.0.1.6 55004 3389 = = 40   14:24:00 rejected - - - - -
eni-web i-web 192.0.2.66 10.0.1.5 55002 22   = = 5000 14:22:00 came - - - - -
eni-web i-web 192.0.2.66 10.0.1.5 55003 22   = = 1000 14:22:30 came - - - - -
eni-web i-web 192.0.2.66 10.0.1.5 80 55009   = = 60   14:25:00 came - - - - -
eni-web i-web 192.0.2.67 10.0.1.5 443   3306 = = 10   14:23:00 came - - - - -
eni-web i-web 192.0.2.68 10.0.1.5 20    40   = = 40   14:26:00 rejected - - - - -
eni-web -     192.0.2.68 10.0.1.6 20    40   = = 40   14:27:00 rejected - - - - -
eni-db  i-db  192.0.2.70 10.0.2.9 50000 5432 = = 100  14:28:00 came - - - - -
eni-db  i-db  192.0.2.71 10.0.2.9 50000 5432 = = 100  14:28:30 came - - - - -

eni-x - 192.0.2.80 10.0.1.8 20    22    = = 60 14:32:00 came - - - - - 18
eni-x - 192.0.2.80 10.0.1.8 443   3389  = = 60 14:33:00 came - - - - - 3
eni-x - 192.0.2.80 10.0.1.8 20000 27017 = = 60 14:34:00 came - - - - - 2
eni-x - 192.0.2.81 10.0.1.8 50000 1433  = = 60 14:35:00 came - - - - - 0
eni-x - 192.0.2.81 10.0.1.8 443   5432  = = 60 14:36:00 came - - - - - 0
eni-x - 192.0.2.81 10.0.1.8 443   3306  = = 60 14:36:00 came - - - - - 18
eni-x - 192.0.2.81 10.0.1.8 8443  3306  = = 60 14:36:00 came - - - - - 19

eni-s - 10.6.0.90 10.6.0.9 42000 22   = = 40 14:30:00 sent     - - - - - 2
eni-t - 10.6.0.90 10.6.0.9 42000 22   = = 40 14:30:00 rejected - - - - - 2
eni-s - 10.6.0.90 10.6.0.9 42001 23   = = 40 14:31:00 sent     - - - - - 2
eni-t - 10.6.0.90 10.6.0.9 42001 23   = = 40 14:31:00 rejected - - - - - 2
eni-s - 10.6.0.90 10.6.0.9 20    9000 = = 50 14:32:00 sent     - - - - - 2
eni-t - 10.6.0.90 10.6.0.9 20    9000 = = 50 14:32:00 came     - - - - - 2

eni-web - 10.0.1.11 10.0.2.9   40009 5433 = =           9999 14:02:00 refused  1 - - - 0
eni-nat - 10.0.2.9  10.0.9.4   41009 25   = 203.0.113.8 7777 14:02:00 rejected - nat - S3 -
eni-web - 10.0.1.12 52.216.9.9 50009 443  = =           7777 14:02:00 refused  8 - - S3 -
eni-ep  - 10.0.1.13 10.0.1.50  50009 443  = =           7777 14:02:00 rejected - endpoint - - -
eni-web - 10.0.1.14 10.8.0.3   50009 25   = =           7777 14:02:00 refused  4 - - - 0
"""
# The day before the first destination was known; what is longer ago than a week is forgotten.
BEFORE = {
    "2026-11-24": "eni-web i-web 10.0.1.5 198.51.100.9 50000 443 = = 1 12:00:00 sent 8 - - - -",
    "2026-11-17": "eni-web i-web 10.0.1.5 52.216.1.1 50000 443 = = 1 12:00:00 sent 8 - - S3 -",
}  # fmt: skip


def _lines(text: str, day: str = "2026-11-25") -> list[str]:
    found = []
    for line in filter(None, text.splitlines()):
        tokens = line.split()
        tokens[6:8] = (
            own if packet == "=" else packet
            for own, packet in zip(tokens[2:4], tokens[6:8], strict=True)
        )
        end = int(moment(f"{day}T{tokens[9]}").timestamp())
        tokens[9] = str(end)
        tokens[10] = WAYS[tokens[10]]
        tokens[12] = KINDS.get(tokens[12], tokens[12])
        tokens += ["-"] * (17 - len(tokens))
        tag = TAGS.get(tokens[1], "-")
        protocol = "17" if tokens[4] == "53" else "6"
        found.append(" ".join([*tokens, str(end - 60), tag, protocol, "1", "OK", "vpc-1"]))
    return found


def make(folder: Path, networks: Networks = NETWORKS) -> None:
    """Fill a home with the lines above."""
    lines = _lines(FLOWS)
    for day, text in BEFORE.items():
        lines += _lines(text, day)
    bring(
        folder,
        lines,
        arrival="2026-11-25T15:01:00",
        networks=networks,
        source="vpc-flow",
        formats=(FORMAT,),
    )


GB = 1e9
GOLDEN: Golden = {
    # db -> web 3 MB, web -> db 1 MB, each logged by both ends; a byte is paid twice.
    "cross_az": [
        ("10.0.2.9", "db", "10.0.1.5", "web", "postgresql", 1, 3000000, 2 * 0.003 * 0.01),
        ("10.0.1.5", "web", "10.0.2.9", "db", "postgresql", 1, 1000000, 2 * 0.001 * 0.01),
    ],
    # Inner side of the gateway: to S3 500, from it 40 MB, to 203.0.113.7 2 MB; 1000 + 200.
    "nat_cost": [
        ("eni-nat", "10.0.2.9", 3, 2000500, 40000000, 42000500, 42000500 / GB * 0.045),
        ("eni-nat", "10.0.1.6", 2, 1200, 0, 1200, 1200 / GB * 0.045),
    ],
    "s3_through_nat": [
        ("S3", "eni-nat", "10.0.2.9", 2, 40000500, 40000500 / GB * 0.045),
        ("S3", "eni-nat", "10.0.1.6", 1, 200, 200 / GB * 0.045),
    ],
    "peering_cost": [
        ("vpc-1", "10.0.1.5", "10.8.0.3", None, "https", 1, 4000000, 2 * 0.004 * 0.01),
    ],
    "endpoint_cost": [
        ("eni-ep", "vpc-1", 3, 1, 2000, 8500, 10500, 10500 / GB * 0.01),
        ("eni-ep2", "vpc-1", 2, 2, 200, 0, 200, 200 / GB * 0.01),
    ],
    # internet: 10 MB of web, and what leaves the NAT gateway: 2 MB + 1000, and 700 to S3, unpriced.
    # unknown: what db sends to the NAT gateway (2000500): its next hop may be anything.
    "traffic_cost": [
        ("nat", 5, 42001700, 42001700, 42001700 / GB * 0.045),
        ("internet", 6, 12001700, 12001000, 12001000 / GB * 0.09),
        ("transit_gateway", 1, 6000000, 6000000, 0.006 * 0.02),
        ("cross_az", 2, 4000000, 4000000, 2 * 0.004 * 0.01),
        ("peering", 1, 4000000, 4000000, 2 * 0.004 * 0.01),
        ("cross_region", 1, 100000, 100000, 0.0001 * 0.02),
        ("unknown", 2, 2000500, 0, 0.0),
        ("same_az", 2, 8800, 0, 0.0),
        ("gateway_endpoint", 2, 1400, 0, 0.0),
    ],
    "egress_internet": [
        ("198.51.100.9", None, "https", 2, 1, 10000000, 0.01 * 0.09),
        ("203.0.113.7", None, "https", 2, 1, 2001000, 2001000 / GB * 0.09),
        ("52.216.1.1", "S3", "https", 2, 1, 700, 0.0),
    ],
    # To S3 it is the NAT gateway that leaves the VPC.
    "egress_services": [
        ("DYNAMODB", "gateway_endpoint", 2, 1, 2, 1400, 1400 / 2100),
        ("S3", "nat", 2, 1, 2, 700, 700 / 2100),
    ],
    "cleartext": [
        ("10.0.1.5", "10.8.0.3", 443, "https", "internal", 1, 4000000, at("14:12:00")),
        ("10.0.1.5", "10.0.2.9", 5432, "postgresql", "internal", 1, 1000000, at("14:01:00")),
    ],
    # db sends 3000000 + 500 + 2000000, receives 1000000 + 40000000 + 2 x 100. web sends 1000000,
    # 2 x 5000000, 2 x 700, 4000000, 100000, 6000000, 300, receives 3000000 + 2 x 1 + 5000 + 1000 +
    # 60 + 10; what it rejects is none of it.
    "top_instances": [
        ("i-db", None, 1, 7, 5000500, 41000200, 46000700),
        ("i-web", "shop", 1, 16, 21101700, 3006072, 24107772),
    ],
    # 14:09 to 14:40, 14:10 to 14:11:30; the others are rejected, UDP, or one interval of 60 s.
    "long_flows": [
        (*("10.0.1.5", "198.51.100.9", 50000, 443, "TCP"), at("14:09:00"), at("14:40:00"), 1860,
         10000000),
        (*("10.0.1.5", "52.94.5.5", 50003, 443, "TCP"), at("14:10:00"), at("14:11:30"), 90,
         1400),
    ],
    # 198.51.100.9 was known the day before; 52.216.1.1 eight days before.
    "new_destinations": [
        ("203.0.113.7", None, "https", at("14:06:00"), 2, "10.0.2.9", 2001000),
        ("52.94.5.5", "DYNAMODB", "https", at("14:11:00"), 1, "10.0.1.5", 1400),
        ("52.216.1.1", "S3", "https", at("14:05:00"), 2, "10.0.2.9", 700),
    ],
    # Of 10.6.0.90's three probes its own interface lets all through, the target's one.
    "port_scans": [
        ("192.0.2.66", None, 4, 2, 2, 2, at("14:20:00"), at("14:55:00")),
        ("10.6.0.90", None, 2, 2, 1, 1, at("14:30:00"), at("14:31:00")),
        ("192.0.2.68", None, 2, 1, 2, 0, at("14:26:00"), at("14:27:00")),
    ],
    # What is sent to 3306 answers a client there; 443 -> 5432, without SYN, is taken for that too.
    "exposed_ports": [
        ("10.0.2.9", 5432, "TCP", "postgresql", "eni-db", 2, 2, 200, at("14:28:30")),
        ("10.0.1.5", 22, "TCP", "ssh", "eni-web", 2, 1, 6000, at("14:22:30")),
        ("10.0.1.8", 22, "TCP", None, "eni-x", 1, 1, 60, at("14:32:00")),
        ("10.0.1.8", 1433, "TCP", "mssql", "eni-x", 1, 1, 60, at("14:35:00")),
        ("10.0.1.8", 3389, "TCP", None, "eni-x", 1, 1, 60, at("14:33:00")),
        ("10.0.1.8", 27017, "TCP", None, "eni-x", 1, 1, 60, at("14:34:00")),
    ],
}  # fmt: skip
ASKED = {"long_flows": {"top": 2}, "port_scans": {"min_ports": 2, "min_targets": 2}}
