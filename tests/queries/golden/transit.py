"""A home of transit gateway flows, each logged by both attachments, and what is asked of it."""

from pathlib import Path

from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, lines_at

FORMAT = (
    "account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets end"
    " flow-direction bytes log-status packets-lost-no-route packets-lost-blackhole"
    " packets-lost-mtu-exceeded packets-lost-ttl-expired"
)
FLOWS = """
1 tgw-1 att-a 10.1.0.5 10.2.0.9 40000 443 6 10 14:00:00 ingress 3000000 OK     0 0 0 0
1 tgw-1 att-b 10.1.0.5 10.2.0.9 40000 443 6 10 14:00:00 egress  3000000 OK     0 0 0 0
1 tgw-1 att-b 10.2.0.9 10.1.0.5 443 40000 6 20 14:00:30 ingress 9000000 OK     0 0 0 0
1 tgw-1 att-a 10.2.0.9 10.1.0.5 443 40000 6 20 14:00:30 egress  9000000 OK     0 0 0 0
1 tgw-1 att-a 10.1.0.5 10.3.0.1 40001 443 6 7  14:10:00 ingress 700     OK     5 2 0 0
1 tgw-1 att-a 10.1.0.6 10.3.0.1 40001 443 6 4  14:12:00 ingress 300     OK     4 0 0 0
1 tgw-1 att-b 10.2.0.9 10.1.0.7 40002 443 6 3  14:11:00 ingress 4500    OK     0 0 3 1
1 tgw-1 att-b 10.2.0.9 10.1.0.8 40002 443 6 3  14:59:00 egress  50      OK     - 1 - -
1 tgw-1 att-c -        -        -     -   - -  14:12:00 -       -       NODATA - - - -
1 tgw-1 att-a 10.1.0.5 10.2.0.9 40000 443 6 10 15:00:00 ingress 8888    OK     1 0 0 0
"""


def make(folder: Path) -> None:
    """Fill a home with the lines above."""
    lines = lines_at(FLOWS)
    bring(folder, lines, arrival="2026-11-25T15:01:00", source="tgw-flow", formats=(FORMAT,))


GOLDEN: Golden = {
    # Into the gateway: att-b 9000000 + 4500, att-a 3000000 + 700 + 300; that is what costs.
    "tgw_cost": [
        ("tgw-1", "att-b", 4, 9004500, 3000050, 9004500 / 1e9 * 0.02),
        ("tgw-1", "att-a", 4, 3001000, 9000000, 3001000 / 1e9 * 0.02),
    ],
    "tgw_lost": [
        ("tgw-1", "att-a", "10.3.0.1", 11, 9, 2, 0, 0, 11, at("14:12:00")),
        ("tgw-1", "att-b", "10.1.0.7", 4, 0, 0, 3, 1, 3, at("14:11:00")),
        ("tgw-1", "att-b", "10.1.0.8", 1, None, 1, None, None, 3, at("14:59:00")),
    ],
}
