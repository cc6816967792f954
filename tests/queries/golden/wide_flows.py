"""What the queries of flows.py say of the home of wide.py, where gateways stand between.

Nothing of eni-nat and eni-tgw counts among what was let through: 33 rows are left, each of one
packet. Into the endpoints only second sights go.
"""

from datetime import datetime

from tests.queries.golden.answers import Golden, at

WEB = 1000000 + 2 * 5000000 + 2 * 700 + 4000000 + 100000 + 300 + 6000000  # of 10.0.1.5, 9 flows
DB = 3000000 + 500 + 2000000  # of 10.0.2.9
KNOCKS = 5000 + 1000 + 60  # of 192.0.2.66, 3 flows
# S3, the endpoint's answer, .81 (4 x 60), .80 (3 x 60), 10.6.0.90 (40 + 40 + 2 x 50: both its rows
# of the third, for its network has no name), .70, .71, .67 and DNS.
ALL = 40000000 + WEB + DB + 8500 + KNOCKS + 240 + 180 + 180 + 100 + 100 + 10 + 2
REFUSED = 9999 + 4 * 7777  # at 14:02
HTTPS = 40000000 + DB - 3000000 + WEB - 1000000 - 300 + 8500 + 10 + 3 * 60
GOLDEN: Golden = {
    # 192.0.2.66 and .68 are rejected 6 times with 40 bytes, 10.6.0.90 twice, five others once.
    "traffic_by_action": [
        ("ACCEPT", 33, 33, ALL, 12, ALL / (ALL + REFUSED + 320)),
        ("REJECT", 13, 13, REFUSED + 320, 8, (REFUSED + 320) / (ALL + REFUSED + 320)),
    ],
    # From 14:20: KNOCKS + 10, .70 and .71, eni-x, eni-s with eni-t; from 14:40: 5000000 and DNS.
    "traffic_over_time": [
        (at("14:00:00"), ALL - 6870 - 5000001, REFUSED, 14, 5),
        (at("14:20:00"), KNOCKS + 10 + 200 + 420 + 180, 280, 17, 7),
        (at("14:40:00"), 5000001, 40, 2, 1),
    ],
    "top_talkers": [
        ("52.216.1.1", None, 1, 1, 40000000, 40000000 / ALL),
        ("10.0.1.5", "web", 9, 9, WEB, WEB / ALL),
        ("10.0.2.9", "db", 3, 3, DB, DB / ALL),
        ("10.0.1.50", "web", 1, 1, 8500, 8500 / ALL),
        ("192.0.2.66", None, 3, 3, KNOCKS, KNOCKS / ALL),
        ("192.0.2.81", None, 4, 4, 240, 240 / ALL),
        ("10.6.0.90", None, 4, 4, 180, 180 / ALL),
        ("192.0.2.80", None, 3, 3, 180, 180 / ALL),
        ("192.0.2.70", None, 1, 1, 100, 100 / ALL),
        ("192.0.2.71", None, 1, 1, 100, 100 / ALL),
        ("192.0.2.67", None, 1, 1, 10, 10 / ALL),
        ("198.51.100.53", None, 2, 2, 2, 2 / ALL),
    ],
    "top_pairs": [
        ("52.216.1.1", "10.0.2.9", "https", "ingress", 1, 1, 40000000, 40000000 / ALL),
        ("10.0.1.5", "198.51.100.9", "https", "egress", 2, 2, 10000000, 10000000 / ALL),
        ("10.0.1.5", "10.9.0.9", "https", "internal", 1, 1, 6000000, 6000000 / ALL),
        ("10.0.1.5", "10.8.0.3", "https", "internal", 1, 1, 4000000, 4000000 / ALL),
        ("10.0.2.9", "10.0.1.5", "postgresql", "internal", 1, 1, 3000000, 3000000 / ALL),
        ("10.0.2.9", "203.0.113.7", "https", "egress", 1, 1, 2000000, 2000000 / ALL),
        ("10.0.1.5", "10.0.2.9", "postgresql", "internal", 1, 1, 1000000, 1000000 / ALL),
        ("10.0.1.5", "10.7.0.1", "https", "internal", 1, 1, 100000, 100000 / ALL),
        ("10.0.1.50", "10.0.1.5", "https", "internal", 1, 1, 8500, 8500 / ALL),
        ("192.0.2.66", "10.0.1.5", "ssh", "ingress", 3, 3, KNOCKS, KNOCKS / ALL),
        ("10.0.1.5", "52.94.5.5", "https", "egress", 2, 2, 1400, 1400 / ALL),
        ("10.0.2.9", "52.216.1.1", "https", "egress", 1, 1, 500, 500 / ALL),
        ("10.0.1.5", "10.0.1.7", "http-alt", "internal", 1, 1, 300, 300 / ALL),
        ("192.0.2.81", "10.0.1.8", "https", "ingress", 4, 4, 240, 240 / ALL),
        ("10.6.0.90", "10.6.0.9", "ftp-data", "internal", 4, 4, 180, 180 / ALL),
        ("192.0.2.80", "10.0.1.8", "ftp-data", "ingress", 3, 3, 180, 180 / ALL),
        ("192.0.2.70", "10.0.2.9", "postgresql", "ingress", 1, 1, 100, 100 / ALL),
        ("192.0.2.71", "10.0.2.9", "postgresql", "ingress", 1, 1, 100, 100 / ALL),
        ("192.0.2.67", "10.0.1.5", "https", "ingress", 1, 1, 10, 10 / ALL),
        ("198.51.100.53", "10.0.1.5", "dns", "ingress", 2, 2, 2, 2 / ALL),
    ],
    # A service goes by the smaller known port: 20 -> 22 and 20 -> 9000 are ftp-data.
    "protocol_mix": [
        ("TCP", "https", 15, HTTPS, HTTPS / ALL),
        ("TCP", "postgresql", 4, 4000200, 4000200 / ALL),
        ("TCP", "ssh", 3, 6040, 6040 / ALL),
        ("TCP", "http-alt", 1, 300, 300 / ALL),
        ("TCP", "ftp-data", 3, 160, 160 / ALL),
        ("TCP", "http", 1, 60, 60 / ALL),
        ("TCP", "mongodb", 1, 60, 60 / ALL),
        ("TCP", "mssql", 1, 60, 60 / ALL),
        ("TCP", "mysql", 1, 60, 60 / ALL),
        ("TCP", "telnet", 1, 40, 40 / ALL),
        ("UDP", "dns", 2, 2, 2 / ALL),
    ],
    # public to web: KNOCKS + 10, DNS 2, eni-x 420.
    "network_pairs": [
        ("public", "db", "ingress", 3, 3, 40000200, 40000200 / ALL),
        ("web", "private", "internal", 3, 3, 10100000, 10100000 / ALL),
        ("web", "public", "egress", 4, 4, 10001400, 10001400 / ALL),
        ("db", "web", "internal", 1, 1, 3000000, 3000000 / ALL),
        ("db", "public", "egress", 2, 2, 2000500, 2000500 / ALL),
        ("web", "db", "internal", 1, 1, 1000000, 1000000 / ALL),
        ("web", "web", "internal", 2, 2, 8800, 8800 / ALL),
        ("public", "web", "ingress", 13, 13, 6492, 6492 / ALL),
        ("private", "private", "internal", 4, 4, 180, 180 / ALL),
    ],
    # Each with all that it has logged, the gateways too.
    "top_interfaces": [
        ("eni-nat", None, None, 10, 42001700, 42001700, 84003400),
        ("eni-db", "i-db", None, 7, 5000500, 41000200, 46000700),
        ("eni-web", "i-web", None, 16, 21101700, 3006072, 24107772),
        ("eni-tgw", None, None, 2, 7000000, 6000000, 13000000),
        ("eni-ep", None, None, 3, 8500, 2000, 10500),
        ("eni-x", None, None, 7, 0, 420, 420),
        ("eni-ep2", None, None, 2, 0, 200, 200),
        ("eni-s", None, None, 3, 130, 0, 130),
        ("eni-t", None, None, 1, 0, 50, 50),
    ],
    "rejected_ports": [
        (3389, "TCP", "rdp", 3, 3, 1, 2, at("14:21:00"), at("14:55:00")),
        (23, "TCP", "telnet", 2, 2, 2, 2, at("14:20:00"), at("14:31:00")),
        (25, "TCP", "smtp", 2, 2, 2, 2, at("14:02:00"), at("14:02:00")),
        (40, "TCP", None, 2, 2, 1, 2, at("14:26:00"), at("14:27:00")),
        (443, "TCP", "https", 2, 2, 2, 2, at("14:02:00"), at("14:02:00")),
        (22, "TCP", "ssh", 1, 1, 1, 1, at("14:30:00"), at("14:30:00")),
        (5433, "TCP", None, 1, 1, 1, 1, at("14:02:00"), at("14:02:00")),
    ],
    "rejected_sources": [
        ("192.0.2.66", None, 4, 3389, 2, 2, None, at("14:20:00"), at("14:55:00")),
        ("10.6.0.90", None, 2, 22, 2, 1, None, at("14:30:00"), at("14:31:00")),
        ("192.0.2.68", None, 2, 40, 1, 2, None, at("14:26:00"), at("14:27:00")),
        ("10.0.1.11", "web", 1, 5433, 1, 1, None, at("14:02:00"), at("14:02:00")),
        ("10.0.1.12", "web", 1, 443, 1, 1, None, at("14:02:00"), at("14:02:00")),
        ("10.0.1.13", "web", 1, 443, 1, 1, None, at("14:02:00"), at("14:02:00")),
        ("10.0.1.14", "web", 1, 25, 1, 1, None, at("14:02:00"), at("14:02:00")),
        ("10.0.2.9", "db", 1, 25, 1, 1, None, at("14:02:00"), at("14:02:00")),
    ],
    "flow_health": [
        (None, "eni-nat", 11, 0, 0, at("14:08:00"), 3120),
        (None, "eni-ep", 4, 0, 0, at("14:14:30"), 2730),
        (None, "eni-tgw", 2, 0, 0, at("14:15:00"), 2700),
        (None, "eni-ep2", 2, 0, 0, at("14:16:00"), 2640),
        (None, "eni-db", 7, 0, 0, at("14:28:30"), 1890),
        (None, "eni-s", 3, 0, 0, at("14:32:00"), 1680),
        (None, "eni-t", 3, 0, 0, at("14:32:00"), 1680),
        (None, "eni-x", 7, 0, 0, at("14:36:00"), 1440),
        (None, "eni-web", 25, 0, 0, at("14:58:00"), 120),
    ],
    # eni-web is silent for 13 minutes from 14:27 and for 15 from 14:40: neither is a gap.
    "flow_gaps": [
        # Its row of the day before, and 26 hours and a minute later its first one of this day.
        (None, "eni-web", "silent", datetime(2026, 11, 24, 12), at("14:01:00"), 93_660),
        (None, "eni-nat", "silent since", at("14:08:00"), at("15:00:00"), 3120),
        (None, "eni-ep", "silent since", at("14:14:30"), at("15:00:00"), 2730),
        (None, "eni-tgw", "silent since", at("14:15:00"), at("15:00:00"), 2700),
        (None, "eni-ep2", "silent since", at("14:16:00"), at("15:00:00"), 2640),
        (None, "eni-db", "silent since", at("14:28:30"), at("15:00:00"), 1890),
        (None, "eni-s", "silent since", at("14:32:00"), at("15:00:00"), 1680),
        (None, "eni-t", "silent since", at("14:32:00"), at("15:00:00"), 1680),
        (None, "eni-x", "silent since", at("14:36:00"), at("15:00:00"), 1440),
        (None, "eni-db", "silent", at("14:06:00"), at("14:28:00"), 1320),
    ],
}
ASKED = {"traffic_over_time": {"bucket": 1200}}
