"""What is asked of the home of flows in conftest.py."""

from tests.queries.conftest import BAD_ADDRESS
from tests.queries.golden.answers import Golden, at

ALL = 4280  # accepted bytes of the hour, each flow once
GOLDEN: Golden = {
    "top_talkers": [
        ("52.94.76.1", None, 1, 6, 2400, 2400 / ALL),
        ("10.0.1.5", "web", 2, 14, 1600, 1600 / ALL),
        ("10.0.1.7", "web", 1, 3, 180, 180 / ALL),
        ("10.0.1.6", "web", 1, 1, 100, 100 / ALL),
    ],
    "top_pairs": [
        ("52.94.76.1", "10.0.1.5", "https", "ingress", 1, 6, 2400, 2400 / ALL),
        ("10.0.1.5", "10.0.2.9", "postgresql", "internal", 1, 10, 1000, 1000 / ALL),
        ("10.0.1.5", "52.94.76.1", "https", "egress", 1, 4, 600, 600 / ALL),
        ("10.0.1.7", "10.0.2.8", "mysql", "internal", 1, 3, 180, 180 / ALL),
        ("10.0.1.6", "10.0.2.9", "dns", "internal", 1, 1, 100, 100 / ALL),
    ],
    "rejected_ports": [
        (22, "TCP", "ssh", 3, 4, 2, 2, at("14:11:00"), at("14:12:00")),
        (23, "TCP", "telnet", 1, 1, 1, 1, at("14:13:00"), at("14:13:00")),
        (3306, "TCP", "mysql", 1, 3, 1, 1, at("14:20:30"), at("14:20:30")),
    ],
    "traffic_over_time": [
        (at("14:00:00"), 1000, 0, 1, 0),
        (at("14:05:00"), 3000, 0, 2, 0),
        (at("14:10:00"), 0, 204, 0, 4),
        (at("14:20:00"), 280, 180, 2, 1),
    ],
    "traffic_by_action": [
        ("ACCEPT", 5, 24, 4280, 4, 4280 / 4664),
        ("REJECT", 5, 8, 384, 3, 384 / 4664),
    ],
    "protocol_mix": [
        ("TCP", "https", 2, 3000, 3000 / ALL),
        ("TCP", "postgresql", 1, 1000, 1000 / ALL),
        ("TCP", "mysql", 1, 180, 180 / ALL),
        ("UDP", "dns", 1, 100, 100 / ALL),
    ],
    "flow_health": [
        ("1", "eni-c", 0, 1, 1, at("14:22:00"), 2280),
        ("1", "eni-b", 2, 0, 0, at("14:20:00"), 2400),
        ("1", "eni-a", 8, 0, 0, at("14:20:30"), 2370),
        ("1", "eni-d", 1, 0, 0, at("14:20:30"), 2370),
    ],
    "rejects": [
        ("vpc-flow", "field_count", 2, "1 field where the format has 13", at("14:40:00"), "third"),
        ("vpc-flow", "address", 1, "srcaddr: '10.0.1.999'", at("14:40:00"), BAD_ADDRESS),
        (
            "vpc-flow",
            "field_count",
            1,
            "2 fields where the format has 13",
            at("14:30:00"),
            "second one",
        ),
    ],
    # eni-a sends 1000 + 600 + 180 and receives 2400; eni-b sends 100 and receives 1000.
    "top_interfaces": [
        ("eni-a", None, None, 4, 1780, 2400, 4180),
        ("eni-b", None, None, 2, 100, 1000, 1100),
    ],
    # web to db: 1000, 100, 180, each once.
    "network_pairs": [
        ("public", "web", "ingress", 1, 6, 2400, 2400 / ALL),
        ("web", "db", "internal", 3, 14, 1280, 1280 / ALL),
        ("web", "public", "egress", 1, 4, 600, 600 / ALL),
    ],
    "rejected_sources": [
        ("45.33.32.10", None, 2, 22, 1, 1, None, at("14:11:00"), at("14:12:00")),
        ("45.33.32.77", None, 2, 22, 2, 2, None, at("14:12:00"), at("14:13:00")),
        ("10.0.1.7", "web", 1, 3306, 1, 1, None, at("14:20:30"), at("14:20:30")),
    ],
    # eni-b says nothing for 20 minutes; nobody says anything after 14:22.
    "flow_gaps": [
        ("1", "eni-b", "silent since", at("14:20:00"), at("15:00:00"), 2400),
        ("1", "eni-a", "silent since", at("14:20:30"), at("15:00:00"), 2370),
        ("1", "eni-d", "silent since", at("14:20:30"), at("15:00:00"), 2370),
        ("1", "eni-c", "silent since", at("14:22:00"), at("15:00:00"), 2280),
        ("1", "eni-b", "silent", at("14:00:00"), at("14:20:00"), 1200),
        ("1", "eni-c", "SKIPDATA", at("14:22:00"), at("14:22:00"), 0),
    ],
}
